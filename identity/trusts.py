"""Trusts (OS-TRUST): a user, the trustor, lets another, the trustee, act in a project with some of the trustor's roles."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock
from common.context import Context
from common.db.session import Session
from common.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from common.ids import new_hex_id
from identity import application_credentials, delegation, projects, users
from identity.db import projects as project_rows
from identity.db import roles as role_rows
from identity.db import trusts as rows
from identity.db.models import Role
from identity.db.retry import retried
from identity.db.trust_models import Trust
from identity.methods import Proof
from identity.records import DomainRef, ProjectRef, RoleRef, UserRecord
from identity.service import IdentityService

SCOPE = 'OS-TRUST:trust'
"""The key under which requests name a trust as their scope, and tokens show theirs."""


@dataclasses.dataclass(frozen=True, slots=True)
class Granted:
    """What a trust gives to the one who asks for a token of it: who that one is then, and the roles in a project (None: in none)."""

    proof: Proof
    trust: Trust
    project: ProjectRef | None
    roles: Sequence[RoleRef]


def is_over(trust: Trust) -> bool:
    """Whether a trust was deleted, used up, or has expired."""
    expired = trust.expires_at is not None and trust.expires_at <= clock.now()
    return expired or trust.deleted_at is not None or trust.remaining_uses == 0


def get(service: IdentityService, trust_id: str) -> Trust:
    """One trust; one that is over too, for a while. Raises NotFound."""
    with service.read() as session:
        trust = rows.find_trust(session, trust_id)
    if trust is None:
        raise NotFound('trust', trust_id)
    return trust


def list_all(service: IdentityService, wanted: Mapping[str, Any]) -> list[Trust]:
    """The trusts in force that fit the filters `trustor_user_id` and `trustee_user_id`."""
    with service.read() as session:
        return rows.list_trusts(session, wanted)


def roles_of(service: IdentityService, trust: Trust) -> list[Role]:
    """The roles that a trust passes on, by name; those that were deleted are not in it."""
    with service.read() as session:
        return [role for role in role_rows.list_roles(session, {}) if role.id in trust.role_ids]


# Making and ending


@retried
def create(service: IdentityService, ctx: Context, values: Mapping[str, Any]) -> Trust:
    """Make a trust of the caller's roles; with a token of a trust, pass that one on.

    :param values: `trustor_user_id` (the caller), `trustee_user_id`, `impersonation`; may have `project_id` with `roles`
        (references by id or name), `expires_at`, `remaining_uses`, `allow_redelegation`, `redelegation_count`
    :raises Forbidden: the trustor is not the caller; there are no roles for the project; more than may be passed on is asked for
    :raises OverQuota: the trustor has made as many as are allowed
    :raises NotFound: the trustee, the project, or a role that the trustor does not have
    :raises InvalidInput: an end in the past; limited uses of a trust that may be passed on
    """
    if values['trustor_user_id'] != ctx.user_id:
        raise Forbidden('The trustor of a trust is who makes it.')
    if not ctx.trust_id:
        application_credentials.check_may_manage(service, ctx)
    if bool(values.get('project_id')) != bool(values.get('roles')):
        raise Forbidden('A trust in a project needs at least one role, and roles need a project.')
    if values.get('expires_at') is not None and values['expires_at'] <= clock.now():
        raise InvalidInput('The trust would have expired already.', field='expires_at')
    with service.write() as session:
        limit = service.trust_options.user_limit
        delegation.check_room(limit, lambda: rows.count_made_by(session, values['trustor_user_id']), 'trust')
        passed_on = _passed_on(session, ctx, values.get('redelegated_trust_id'))
        trustor = users.find(service, session, values['trustor_user_id'])
        trustee = users.find(service, session, values['trustee_user_id'])
        trust = Trust(
            id=new_hex_id(),
            trustor_user_id=trustor.id,
            trustor_domain_id=trustor.domain_id,
            trustee_user_id=trustee.id,
            trustee_domain_id=trustee.domain_id,
            source_user_id=passed_on.source_user_id if passed_on else trustor.id,
            project_id=values.get('project_id') or None,
            impersonation=values['impersonation'],
            expires_at=values.get('expires_at'),
            remaining_uses=values.get('remaining_uses'),
            redelegation_count=_redelegation_count(service, values, passed_on),
            redelegated_trust_id=passed_on.id if passed_on else None,
            role_ids=[],
        )
        trust.role_ids = _role_ids(service, session, ctx, trust, values.get('roles') or ())
        if passed_on is not None:
            _limit(session, trust, passed_on)
        session.add(trust)
        session.flush()
    return trust


def _passed_on(session: Session, ctx: Context, named: str | None) -> Trust | None:
    """The trust by whose token the caller acts, None for another token. Raises Forbidden where it may not be passed on."""
    if named and named != ctx.trust_id:
        raise Forbidden('A trust is passed on with a token of it.')
    if ctx.trust_id is None:
        return None
    trust = rows.find_trust(session, ctx.trust_id)
    if trust is None or is_over(trust) or trust.redelegation_count < 1 or trust.remaining_uses is not None:
        raise Forbidden('This trust may not be passed on.')
    return trust


def _redelegation_count(service: IdentityService, values: Mapping[str, Any], passed_on: Trust | None) -> int:
    """How many times a new trust may be passed on, one after the other. Raises Forbidden, InvalidInput."""
    wanted = values.get('redelegation_count')
    if not values.get('allow_redelegation') or wanted == 0:
        return 0
    if values.get('remaining_uses') is not None:
        raise InvalidInput('remaining_uses must not be set if redelegation is allowed.', field='remaining_uses')
    most = service.trust_options.max_redelegation_count
    if passed_on is not None:
        most = min(most, passed_on.redelegation_count - 1)
    if wanted is not None and wanted > most:
        raise Forbidden(f'The trust may be passed on {most} times at most, and {wanted} are asked for.')
    return most if wanted is None else int(wanted)


def _role_ids(service: IdentityService, session: Session, ctx: Context, trust: Trust, wanted: Sequence[Mapping[str, Any]]) -> list[str]:
    """The roles that are asked for, each of which the source of the trust must have, and the caller may pass on. Raises NotFound."""
    if trust.project_id is None:
        return []
    projects.find(session, trust.project_id)
    offered = delegation.may_pass_on(service, session, ctx, trust.source_user_id, trust.project_id)
    return delegation.choose(offered, wanted, lambda name: NotFound('role', name))


def _limit(session: Session, trust: Trust, passed_on: Trust) -> None:
    """Raises Forbidden where a trust would give more than the one it passes on; ends it no later."""
    if trust.project_id != passed_on.project_id:
        raise Forbidden('A trust is passed on for its own project.')
    if not set(trust.role_ids) <= role_rows.with_implied(session, passed_on.role_ids):
        raise Forbidden('Some of the requested roles are not in the trust that is passed on.')
    if trust.impersonation and not passed_on.impersonation:
        raise Forbidden('Impersonation is not allowed: the trust that is passed on has none.')
    if passed_on.expires_at is not None:
        trust.expires_at = trust.expires_at or passed_on.expires_at
        if trust.expires_at > passed_on.expires_at:
            raise Forbidden('The trust would end after the one that is passed on.')


@retried
def delete(service: IdentityService, ctx: Context, trust_id: str) -> None:
    """End a trust and those that pass it on; their tokens become void. Raises NotFound; Forbidden for some delegated callers.

    With a token of a trust, that one may be given up, and those that were made with it.
    """
    if not ctx.trust_id:
        application_credentials.check_may_manage(service, ctx)
    with service.write() as session:
        trust = rows.find_trust(session, trust_id)
        if trust is None or is_over(trust):
            raise NotFound('trust', trust_id)
        if ctx.trust_id and ctx.trust_id not in (trust.id, trust.redelegated_trust_id):
            raise Forbidden('A token of a trust cannot end another one.')
        ids = rows.ids_with_descendants(session, trust_id)
        rows.end(session, ids)
        service.revoke(session, *({'trust_id': id_} for id_ in ids))


# Tokens


def grant(service: IdentityService, session: Session, proof: Proof, trust_id: str) -> Granted:
    """What a trust gives to somebody who has proved who they are. Once the rest is well, `spend` it.

    :raises Unauthorized: the trust is unknown or over
    :raises Forbidden: it is for another trustee; the trustor is gone or disabled, or has lost a role
    """
    trust = rows.find_trust(session, trust_id)
    if trust is None:
        raise Unauthorized(admin_detail=f'trust {trust_id} is unknown')
    if trust.trustee_user_id != proof.user.id:
        raise Forbidden('User is not a trustee.')
    links = rows.chain(session, trust)
    if links[-1].redelegated_trust_id is not None or any(is_over(link) for link in links):
        raise Unauthorized(admin_detail=f'trust {trust_id} is over')
    people = {user_id: _person(service, session, user_id) for link in links for user_id in (link.trustor_user_id, link.trustee_user_id)}
    project = None
    roles: list[RoleRef] = []
    if trust.project_id is not None:
        project = project_rows.project_ref(session, trust.project_id)
        if project is None or not project.enabled or not project.domain.enabled:
            raise Unauthorized(admin_detail=f'the project of trust {trust_id} is gone or disabled')
        passed = role_rows.with_implied(session, trust.role_ids)
        held = delegation.held(service, session, trust.source_user_id, trust.project_id)
        if not set(trust.role_ids) <= {role.id for role in held}:
            raise Forbidden('The trustor has no longer all the roles of the trust.')
        roles = [role for role in held if role.id in passed]
    user, domain = people[trust.trustor_user_id] if trust.impersonation else (proof.user, proof.domain)
    ends = [when for when in (proof.expires_at, *(_seconds(link.expires_at) for link in links)) if when is not None]
    claims = {**proof.claims, 'trust_id': trust.id}
    changed = dataclasses.replace(proof, user=user, domain=domain, claims=claims, expires_at=min(ends, default=None))
    return Granted(changed, trust, project, roles)


def _person(service: IdentityService, session: Session, user_id: str) -> tuple[UserRecord, DomainRef]:
    user = service.users.get_user(session, user_id)
    domain = project_rows.find_domain_ref(session, id=user.domain_id) if user else None
    if user is None or domain is None or not user.enabled or not domain.enabled:
        raise Forbidden('A user of the trust is gone or disabled.')
    return user, domain


def _seconds(when: datetime.datetime | None) -> float | None:
    return when.replace(tzinfo=datetime.UTC).timestamp() if when else None


@retried
def spend(service: IdentityService, trust: Trust) -> None:
    """Count one use, where they are limited. Raises Unauthorized when another request took the last one."""
    if trust.remaining_uses is None:
        return
    with service.db.write() as session:
        if not rows.spend_use(session, trust.id):
            raise Unauthorized(admin_detail=f'trust {trust.id} is used up')


def shown_in_token(service: IdentityService, trust_id: str) -> dict[str, Any]:
    """What tokens of a trust show of it, under `OS-TRUST:trust`. Raises NotFound."""
    trust = service.memory.get(('trust', trust_id), lambda: get(service, trust_id))
    return {
        'id': trust.id,
        'impersonation': trust.impersonation,
        'trustor_user': {'id': trust.trustor_user_id},
        'trustee_user': {'id': trust.trustee_user_id},
    }
