"""Application credentials: secrets with which programs act for a user, on one project, with chosen roles and for as long as the user may."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock
from common.context import Context
from common.db import duplicate_as
from common.db.session import Session
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_hex_id
from common.secrets import new_password
from common.tokens.access_rules import AccessRule, digest_of
from identity import access_rules, delegation
from identity.access_rules import AccessRuleRecord
from identity.db import application_credentials as rows
from identity.db.application_credential_models import ApplicationCredential
from identity.db.retry import retried
from identity.records import RoleRef
from identity.service import IdentityService

_SECRET_LENGTH = 86  # characters of a secret that is made here; none of them means something to a command line


@dataclasses.dataclass(frozen=True, slots=True)
class ApplicationCredentialRecord:
    """An application credential. What it opens ends at `expires_at` (UTC), if that is set."""

    id: str
    user_id: str
    project_id: str
    name: str
    description: str | None
    unrestricted: bool
    expires_at: datetime.datetime | None
    roles: tuple[RoleRef, ...]
    access_rules: tuple[AccessRuleRecord, ...]


def _records(session: Session, found: Sequence[ApplicationCredential]) -> list[ApplicationCredentialRecord]:
    ids = [row.id for row in found]
    roles, rules = rows.roles_of(session, ids), rows.rules_of(session, ids)
    names = ('id', 'user_id', 'project_id', 'name', 'description', 'unrestricted', 'expires_at')
    return [
        ApplicationCredentialRecord(
            **{name: getattr(row, name) for name in names},
            roles=tuple(roles[row.id]),
            access_rules=tuple(access_rules.record_of(rule) for rule in rules[row.id]),
        )
        for row in found
    ]


def list_all(service: IdentityService, user_id: str, name: str | None = None) -> list[ApplicationCredentialRecord]:
    """The credentials of a user; those of one name if asked."""
    with service.read() as session:
        return _records(session, rows.find(session, user_id=user_id, name=name))


def get(service: IdentityService, credential_id: str, user_id: str | None = None) -> ApplicationCredentialRecord:
    """One credential; of that user, if one is named. Raises NotFound."""
    with service.read() as session:
        return _records(session, [_find(session, credential_id, user_id)])[0]


def _find(session: Session, credential_id: str, user_id: str | None) -> ApplicationCredential:
    found = rows.find(session, id=credential_id, user_id=user_id)
    if not found:
        raise NotFound('application credential', credential_id)
    return found[0]


def create(service: IdentityService, ctx: Context, values: Mapping[str, Any]) -> tuple[ApplicationCredentialRecord, str]:
    """Make a credential for the caller, on the project of the caller's token, and give it with its secret, which is not kept.

    :param values: `name`; may have `description`, `secret`, `roles` (references by id or name; none: all),
        `expires_at`, `unrestricted`, `access_rules` (each an `id`, or `service`, `method`, `path`)
    :raises InvalidInput: no project, roles that the caller does not have there, an end in the past
    :raises NotFound: an access rule
    :raises Conflict: the caller has one of this name
    :raises Forbidden: the caller has as many as are allowed, or acts by a restricted credential
    """
    check_may_manage(service, ctx)
    if ctx.user_id is None or ctx.project_id is None:
        raise InvalidInput('An application credential is for a project: ask with a token that is scoped to one.')
    expires_at = values.get('expires_at')
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidInput('The application credential would have expired already.', field='expires_at')
    given = values.get('secret')
    secret = given or new_password(_SECRET_LENGTH)
    columns = {
        'id': new_hex_id(),
        'user_id': ctx.user_id,
        'project_id': ctx.project_id,
        'name': values['name'],
        'description': values.get('description'),
        'secret_hash': service.hasher.hash(secret, generated=not given),
        'unrestricted': bool(values.get('unrestricted')),
        'expires_at': expires_at,
    }
    return _insert(service, ctx, columns, values.get('roles') or (), values.get('access_rules') or ()), secret


@retried
def _insert(
    service: IdentityService,
    ctx: Context,
    columns: Mapping[str, Any],
    roles: Sequence[Mapping[str, Any]],
    rules: Sequence[Mapping[str, Any]],
) -> ApplicationCredentialRecord:
    row = ApplicationCredential(**columns)
    with service.write() as session:
        limit = service.application_credential_options.user_limit
        delegation.check_room(limit, lambda: rows.count_of(session, row.user_id), 'application credential')
        role_ids = _role_ids(service, session, ctx, roles)
        used = access_rules.take(service, session, row.user_id, rules)
        if used:
            row.access_rules_digest = digest_of(AccessRule(rule.service, rule.method, rule.path) for rule in used)
        with duplicate_as(session, Conflict(f'There is an application credential with the name {row.name} already.')):
            rows.insert_with(session, row, role_ids, [rule.id for rule in used])
        return _records(session, [row])[0]


def _role_ids(service: IdentityService, session: Session, ctx: Context, wanted: Sequence[Mapping[str, Any]]) -> list[str]:
    """The roles that are asked for, or all that may be: those of the user now, of a caller with a credential those of it."""
    offered = delegation.may_pass_on(service, session, ctx, ctx.user_id or '', ctx.project_id or '')

    def refusal(name: str | None) -> InvalidInput:
        return InvalidInput(f'You do not have the role {name} on the project, so a credential cannot pass it on.', field='roles')

    return delegation.choose(offered, wanted, refusal) or [role.id for role in offered]


def check_may_manage(service: IdentityService, ctx: Context) -> None:
    """Refuse callers that act by delegation and could get at more by credentials, or for longer (Forbidden).

    Those are tokens of a trust or of OAuth, and of an application credential that was not made `unrestricted`.
    """
    if ctx.trust_id or 'oauth1' in ctx.methods:
        raise Forbidden('A token that was delegated does not open the credentials of its user. Log in as the user.')
    if ctx.application_credential_id and not get(service, ctx.application_credential_id).unrestricted:
        raise Forbidden("Using method 'application_credential' is not allowed for managing additional application credentials.")


@retried
def delete(service: IdentityService, ctx: Context, user_id: str, credential_id: str) -> None:
    """Forget a credential of a user; its tokens become void. Raises NotFound, Forbidden (see `check_may_manage`)."""
    check_may_manage(service, ctx)
    with service.write() as session:
        _find(session, credential_id, user_id)
        _drop(service, session, [credential_id])


def _drop(service: IdentityService, session: Session, ids: Sequence[str]) -> None:
    rows.remove(session, ids)
    service.revoke(session, *({'application_credential_id': id_} for id_ in ids))


def drop_unheld(service: IdentityService, session: Session, user_ids: Sequence[str]) -> None:
    """Forget the credentials of these users that pass on a role that their user has no longer. Call it once the role is taken."""
    found = rows.find(session, user_id=list(user_ids)) if user_ids else []
    roles = rows.roles_of(session, [row.id for row in found])
    held: dict[tuple[str, str], set[str]] = {}
    for place in {(row.user_id, row.project_id) for row in found}:
        held[place] = {role.id for role in delegation.held(service, session, *place)}
    _drop(service, session, [row.id for row in found if not {role.id for role in roles[row.id]} <= held[row.user_id, row.project_id]])


def drop_with_role(service: IdentityService, session: Session, role_id: str) -> None:
    """Forget the credentials that pass on a role which is about to be deleted."""
    _drop(service, session, rows.with_role(session, role_id))
