"""Issued tokens: what a client sees of them, and taking them back."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from common import clock
from common.errors import NotFound
from common.tokens import Claims, Revocation
from common.tokens.role_sets import digest_of
from identity import application_credentials, catalog, oauth1, trusts
from identity.authentication import Authenticated, Scope
from identity.db import logins as login_rows
from identity.db import projects as project_rows
from identity.db import revocations as revocation_rows
from identity.db import roles as role_rows
from identity.db.retry import retried
from identity.records import DomainRef, ProjectRef, RoleRef, UserRecord
from identity.service import IdentityService


@dataclasses.dataclass(frozen=True, slots=True)
class TokenView:
    """What is shown of a token besides its claims."""

    claims: Claims
    user: UserRecord
    domain: DomainRef
    scope: Scope


def issue(service: IdentityService, found: Authenticated) -> str:
    """The token of a finished authentication. Where the names of its roles do not fit, it has a digest that stands for them."""
    try:
        return service.signer.issue(found.claims)
    except ValueError:
        return service.signer.issue(dataclasses.replace(found.claims, role_set=_kept(service, found.claims.roles)))


@retried
def _kept(service: IdentityService, roles: frozenset[str]) -> str:
    digest = digest_of(roles)
    with service.db.write() as session:
        login_rows.keep_role_set(session, digest, sorted(roles), clock.now())
    return digest


def role_set(service: IdentityService, digest: str) -> list[str]:
    """The roles that a digest in tokens stands for. Raises NotFound."""
    with service.read() as session:
        found = login_rows.role_set(session, digest)
    if found is None:
        raise NotFound('set of roles', digest)
    return found


def view_of(service: IdentityService, claims: Claims) -> TokenView:
    """The records behind the claims. Raises NotFound when user or scope are gone."""
    user, domain = service.memory.get(('user', claims.user_id), lambda: _user(service, claims.user_id))
    project = None
    if claims.project_id:
        project = service.memory.get(('project', claims.project_id), lambda: _project(service, claims.project_id))
    scope_domain = None
    if claims.domain_id:
        scope_domain = service.memory.get(('domain', claims.domain_id), lambda: _domain(service, claims.domain_id))
    ids = service.memory.get('role ids', lambda: _role_ids(service))
    roles = [RoleRef(ids[name], name) for name in sorted(claims.roles) if name in ids]
    return TokenView(claims, user, domain, Scope(project, scope_domain, bool(claims.system_scope), roles))


def _user(service: IdentityService, user_id: str) -> tuple[UserRecord, DomainRef]:
    with service.read() as session:
        user = service.users.get_user(session, user_id)
        domain = project_rows.find_domain_ref(session, id=user.domain_id) if user else None
    if user is None or domain is None:
        raise NotFound(message='Could not find token.')
    return user, domain


def _project(service: IdentityService, project_id: str | None) -> ProjectRef:
    with service.read() as session:
        project = project_rows.project_ref(session, project_id or '')
    if project is None:
        raise NotFound(message='Could not find token.')
    return project


def _domain(service: IdentityService, domain_id: str | None) -> DomainRef:
    with service.read() as session:
        domain = project_rows.find_domain_ref(session, id=domain_id)
    if domain is None:
        raise NotFound(message='Could not find token.')
    return domain


def _role_ids(service: IdentityService) -> dict[str, str]:
    with service.read() as session:
        return role_rows.ids_by_name(session)


def body(service: IdentityService, view: TokenView, *, with_catalog: bool = True) -> dict[str, Any]:
    """The token as the API shows it, under its key `token`."""
    claims, scope = view.claims, view.scope
    shown: dict[str, Any] = {
        'methods': list(claims.methods),
        'user': {
            'domain': {'id': view.domain.id, 'name': view.domain.name},
            'id': view.user.id,
            'name': view.user.name,
            'password_expires_at': clock.iso(view.user.password_expires_at, micro=True, zulu=False),
        },
        'audit_ids': list(claims.audit_ids),
        'expires_at': _time(claims.expires_at),
        'issued_at': _time(claims.issued_at),
    }
    if scope.project is not None:
        project = scope.project
        shown['project'] = {'domain': {'id': project.domain.id, 'name': project.domain.name}, 'id': project.id, 'name': project.name}
        shown['is_domain'] = project.is_domain
    elif scope.domain is not None:
        shown['domain'] = {'id': scope.domain.id, 'name': scope.domain.name}
    elif scope.system:
        shown['system'] = {'all': True}
    if claims.application_credential_id:
        id_ = claims.application_credential_id
        shown['application_credential'] = service.memory.get(('application credential', id_), lambda: _application_credential(service, id_))
    if claims.trust_id:
        shown[trusts.SCOPE] = trusts.shown_in_token(service, claims.trust_id)
    if claims.access_token_id:
        shown['OS-OAUTH1'] = oauth1.shown_in_token(service, claims.access_token_id)
    if claims.scope is not None:
        shown['roles'] = [{'id': role.id, 'name': role.name} for role in scope.roles]
        if with_catalog:
            shown['catalog'] = catalog.catalog(service, claims.user_id, claims.project_id)
    return {'token': shown}


def _application_credential(service: IdentityService, credential_id: str) -> dict[str, Any]:
    try:
        found = application_credentials.get(service, credential_id)
    except NotFound as error:
        raise NotFound(message='Could not find token.') from error
    shown: dict[str, Any] = {'id': found.id, 'name': found.name, 'restricted': not found.unrestricted}
    if found.access_rules:
        shown['access_rules'] = [{name: getattr(rule, name) for name in ('id', 'service', 'method', 'path')} for rule in found.access_rules]
    return shown


def _time(seconds: float) -> str | None:
    return clock.iso(datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None), micro=True)


def revoke(service: IdentityService, claims: Claims) -> None:
    """Void one token."""
    with service.db.write() as session:
        service.revoke(session, {'audit_id': claims.audit_ids[0]})


def revocations_since(service: IdentityService, latest_id: int) -> list[Revocation]:
    """Events in force that came after the one with this id."""
    with service.read() as session:
        return revocation_rows.events_since(session, latest_id, clock.now())
