"""How much of a resource a project or domain may have: registered limits (the default), and limits of their own.

Identity keeps them; the services that own the resources hold to them. The model is flat: a limit of one project says
nothing about those below it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from common.db import duplicate_as, one_or_404
from common.db.session import Session
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_hex_id
from identity.db import limits as rows
from identity.db.filter_models import Limit, RegisteredLimit
from identity.db.limits import FoundLimit
from identity.db.models import Project, Region, Service
from identity.db.retry import retried
from identity.service import IdentityService

MODEL = {'name': 'flat', 'description': 'Limit enforcement and validation does not take project hierarchy into consideration.'}


P = ParamSpec('P')
T = TypeVar('T')


def announced(function: Callable[Concatenate[IdentityService, P], T]) -> Callable[Concatenate[IdentityService, P], T]:
    """For a function that changes limits: the services that hold to them are told, once it is committed."""

    @functools.wraps(function)
    def run(service: IdentityService, *args: P.args, **kwargs: P.kwargs) -> T:
        result = function(service, *args, **kwargs)
        service.limits_changed()
        return result

    return run


def list_registered(service: IdentityService, wanted: Mapping[str, Any]) -> list[RegisteredLimit]:
    """Registered limits that fit the filters."""
    with service.read() as session:
        return rows.list_registered(session, wanted)


def get_registered(service: IdentityService, registered_limit_id: str) -> RegisteredLimit:
    """One registered limit. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, RegisteredLimit, registered_limit_id, 'registered limit')


def _check_place(session: Session, service_id: str, region_id: str | None) -> None:
    for model, noun, identifier in ((Service, 'service', service_id), (Region, 'region', region_id)):
        if identifier is not None and session.get(model, identifier) is None:
            raise InvalidInput(f'Could not find {noun}: {identifier}.', field=f'{noun}_id')


def _taken(values: Mapping[str, Any]) -> Conflict:
    return Conflict(
        f'Conflict occurred attempting to store registered_limit - service {values["service_id"]} has one for {values["resource_name"]}'
        f'{" in region " + values["region_id"] if values.get("region_id") else ""}.'
    )


@announced
@retried
def register(service: IdentityService, wanted: Sequence[Mapping[str, Any]]) -> list[RegisteredLimit]:
    """Make registered limits, all or none. Raises InvalidInput (service, region), Conflict."""
    made = []
    with service.write() as session:
        for values in wanted:
            _check_place(session, values['service_id'], values.get('region_id'))
            record = RegisteredLimit(
                id=new_hex_id(),
                of=rows.digest_of(values['service_id'], values.get('region_id'), values['resource_name']),
                service_id=values['service_id'],
                region_id=values.get('region_id'),
                resource_name=values['resource_name'],
                default_limit=values['default_limit'],
                description=values.get('description'),
            )
            with duplicate_as(session, _taken(values)):
                session.add(record)
            made.append(record)
    return made


@announced
@retried
def update_registered(service: IdentityService, registered_limit_id: str, values: Mapping[str, Any]) -> RegisteredLimit:
    """Change a registered limit. Raises NotFound, InvalidInput, Conflict, Forbidden (moved while limits refer to it)."""
    with service.write() as session:
        record = one_or_404(session, RegisteredLimit, registered_limit_id, 'registered limit')
        place = {name: values.get(name, getattr(record, name)) for name in ('service_id', 'region_id', 'resource_name')}
        of = rows.digest_of(place['service_id'], place['region_id'], place['resource_name'])
        if of != record.of:
            _check_not_used(session, registered_limit_id)
            _check_place(session, place['service_id'], place['region_id'])
        with duplicate_as(session, _taken(place)):
            for name, value in {**values, **place, 'of': of}.items():
                setattr(record, name, value)
    return record


def _check_not_used(session: Session, registered_limit_id: str) -> None:
    if rows.is_used(session, registered_limit_id):
        raise Forbidden(
            f'Unable to update or delete registered limit {registered_limit_id} because there are project limits associated with it.'
        )


@announced
@retried
def delete_registered(service: IdentityService, registered_limit_id: str) -> None:
    """Remove a registered limit. Raises NotFound, Forbidden while limits refer to it."""
    with service.write() as session:
        record = one_or_404(session, RegisteredLimit, registered_limit_id, 'registered limit')
        _check_not_used(session, registered_limit_id)
        session.delete(record)


# Limits of one project or domain


def list_limits(
    service: IdentityService, wanted: Mapping[str, Any], *, owners: Sequence[str] | None = None, of_domain: str | None = None
) -> list[FoundLimit]:
    """Limits that fit the filters: of these owners, or of this domain and its projects, where that is given."""
    with service.read() as session:
        return rows.list_limits(session, wanted, owners=owners, of_domain=of_domain)


def get(service: IdentityService, limit_id: str) -> FoundLimit:
    """One limit. Raises NotFound."""
    with service.read() as session:
        return _find(session, limit_id)


def _find(session: Session, limit_id: str) -> FoundLimit:
    found = rows.find(session, limit_id)
    if found is None:
        raise NotFound('limit', limit_id)
    return found


def _owner(session: Session, values: Mapping[str, Any]) -> Project:
    project_id, domain_id = values.get('project_id'), values.get('domain_id')
    if bool(project_id) == bool(domain_id):
        raise InvalidInput('A limit is either of a project or of a domain: give project_id or domain_id.', field='project_id')
    found = session.get(Project, project_id or domain_id)
    if found is None or found.is_domain != bool(domain_id):
        raise InvalidInput(f'Could not find {"domain" if domain_id else "project"}: {project_id or domain_id}.', field='project_id')
    return found


@announced
@retried
def create(service: IdentityService, wanted: Sequence[Mapping[str, Any]]) -> list[FoundLimit]:
    """Make limits, all or none. Raises InvalidInput, Conflict, Forbidden where nothing is registered that they limit."""
    made = []
    with service.write() as session:
        for values in wanted:
            _check_place(session, values['service_id'], values.get('region_id'))
            owner = _owner(session, values)
            registered = rows.find_registered(session, values['service_id'], values.get('region_id'), values['resource_name'])
            if registered is None:
                raise Forbidden('Unable to create a limit that has no corresponding registered limit.')
            limit = Limit(
                id=new_hex_id(),
                registered_limit_id=registered.id,
                owner_id=owner.id,
                resource_limit=values['resource_limit'],
                description=values.get('description'),
            )
            taken = f'Conflict occurred attempting to store limit - {owner.id} has one for {registered.resource_name} already.'
            with duplicate_as(session, Conflict(taken)):
                session.add(limit)
            made.append(FoundLimit(limit, registered, owner))
    return made


@announced
@retried
def update(service: IdentityService, limit_id: str, values: Mapping[str, Any]) -> FoundLimit:
    """Change amount or description of a limit. Raises NotFound."""
    with service.write() as session:
        found = _find(session, limit_id)
        for name in ('resource_limit', 'description'):
            if name in values:
                setattr(found.limit, name, values[name])
    return found


@announced
@retried
def delete(service: IdentityService, limit_id: str) -> None:
    """Remove a limit: what is registered holds again. Raises NotFound."""
    with service.write() as session:
        session.delete(_find(session, limit_id).limit)
