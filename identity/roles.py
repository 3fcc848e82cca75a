"""Roles, and which of them imply others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.db import duplicate_as, one_or_404
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_hex_id
from identity import application_credentials, projects
from identity.db import projects as project_rows
from identity.db import roles as rows
from identity.db.models import NO_DOMAIN, Role
from identity.db.retry import retried
from identity.service import IdentityService

# Upstream's name for the role that may not be implied: what implied it would be an administrator unseen.
ROOT_ROLE = 'admin'


def get(service: IdentityService, role_id: str) -> Role:
    """One role. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, Role, role_id, 'role')


def list_all(service: IdentityService, wanted: Mapping[str, Any]) -> list[Role]:
    """Roles that fit the filters."""
    with service.read() as session:
        return rows.list_roles(session, wanted)


@retried
def create(service: IdentityService, values: Mapping[str, Any]) -> Role:
    """Make a role; with `domain_id` one that belongs to a domain. Raises Conflict, NotFound (domain)."""
    role = Role(
        id=new_hex_id(),
        name=values['name'],
        domain_id=values.get('domain_id') or NO_DOMAIN,
        description=values.get('description'),
        options=dict(values.get('options') or {}),
        extra=dict(values.get('extra') or {}),
    )
    with service.write() as session:
        if role.domain_id and project_rows.find_domain_ref(session, id=role.domain_id) is None:
            raise NotFound('domain', role.domain_id)
        with duplicate_as(session, _taken(role.name)):
            session.add(role)
    return role


@retried
def update(service: IdentityService, role_id: str, values: Mapping[str, Any]) -> Role:
    """Change a role. Renaming voids the tokens that name it. Raises NotFound, Conflict, InvalidInput (another domain)."""
    with service.write() as session:
        role = one_or_404(session, Role, role_id, 'role')
        projects.check_not_immutable(role.options, role_id, values)
        if 'domain_id' in values and (values['domain_id'] or NO_DOMAIN) != role.domain_id:
            raise InvalidInput('A role cannot move to another domain.', field='domain_id')
        old_name = role.name
        with duplicate_as(session, _taken(values.get('name', old_name))):
            for name in ('name', 'description'):
                if name in values:
                    setattr(role, name, values[name])
            for name in ('options', 'extra'):
                if values.get(name):
                    setattr(role, name, {k: v for k, v in {**getattr(role, name), **values[name]}.items() if v is not None})
        if role.name != old_name and not role.domain_id:
            service.revoke(session, {'role': old_name})
    return role


@retried
def delete(service: IdentityService, role_id: str) -> None:
    """Remove a role wherever it is assigned; tokens that name it become void. Raises NotFound."""
    with service.write() as session:
        role = one_or_404(session, Role, role_id, 'role')
        projects.check_not_immutable(role.options, role_id)
        names = [role.name] if not role.domain_id else [implied.name for implied in rows.implied_roles(session, role_id)]
        application_credentials.drop_with_role(service, session, role_id)
        rows.delete_role(session, role_id)
        service.revoke(session, *({'role': name} for name in names))


def _taken(name: str) -> Conflict:
    return Conflict(f'Conflict occurred attempting to store role - Duplicate entry found with name {name}.')


def implications(service: IdentityService, prior_role_id: str) -> tuple[Role, list[Role]]:
    """A role and those it implies directly. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, Role, prior_role_id, 'role'), rows.implied_roles(session, prior_role_id)


def with_implied(service: IdentityService, role_id: str) -> tuple[str, frozenset[str]]:
    """A role's name, and the names that it puts into tokens: its own and those that it implies, of no domain. Raises NotFound."""
    with service.read() as session:
        role = one_or_404(session, Role, role_id, 'role')
        return role.name, rows.names_with_implied(session, [role_id])


def all_implications(service: IdentityService) -> list[tuple[Role, list[Role]]]:
    """Every role that implies others, with those."""
    with service.read() as session:
        roles = {role.id: role for role in rows.list_roles(session, {})}
        found: dict[str, list[Role]] = {}
        for prior, implied in rows.implications(session):
            found.setdefault(prior, []).append(roles[implied])
    return [(roles[prior], sorted(implied, key=lambda role: role.name)) for prior, implied in sorted(found.items())]


def implication(service: IdentityService, prior_role_id: str, implied_role_id: str) -> tuple[Role, Role]:
    """A rule's two roles. Raises NotFound when there is no such rule."""
    prior, implied = implications(service, prior_role_id)
    for role in implied:
        if role.id == implied_role_id:
            return prior, role
    raise NotFound(message=f'{prior_role_id} does not imply {implied_role_id}.')


@retried
def imply(service: IdentityService, prior_role_id: str, implied_role_id: str) -> tuple[Role, Role]:
    """Let one role imply another.

    :raises Forbidden: the admin role, or a role of a domain by one of no domain, would be implied
    """
    with service.write() as session:
        prior = one_or_404(session, Role, prior_role_id, 'role')
        implied = one_or_404(session, Role, implied_role_id, 'role')
        if implied.name == ROOT_ROLE and not implied.domain_id:
            raise Forbidden(f'{implied_role_id} cannot be an implied role.')
        if implied.domain_id and not prior.domain_id:
            raise Forbidden('A role of no domain cannot imply a role that belongs to a domain.')
        rows.add_implication(session, prior_role_id, implied_role_id)
    return prior, implied


@retried
def stop_implying(service: IdentityService, prior_role_id: str, implied_role_id: str) -> None:
    """Take a rule back; tokens that name the implied role because of it become void. Raises NotFound."""
    with service.write() as session:
        prior = one_or_404(session, Role, prior_role_id, 'role')
        implied = one_or_404(session, Role, implied_role_id, 'role')
        if not rows.remove_implication(session, prior_role_id, implied_role_id):
            raise NotFound(message=f'{prior_role_id} does not imply {implied_role_id}.')
        service.revoke(session, {'role': implied.name if prior.domain_id else prior.name})
