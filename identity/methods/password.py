"""Name (or id) and password."""

from __future__ import annotations

from typing import Any

from common.context import Context
from common.db.session import Session
from common.errors import Unauthorized
from identity.db import projects as project_rows
from identity.methods import Proof
from identity.records import DomainRef, UserRecord
from identity.service import IdentityService


def prove(service: IdentityService, ctx: Context, payload: dict[str, Any]) -> Proof:
    """Check a password. An unknown user costs as much time as a wrong password."""
    wanted, given = payload['user'], payload['user'].get('password')
    if not isinstance(given, str):
        raise Unauthorized()
    with service.read() as session:
        user, domain = find(service, session, wanted)
    if user is None or domain is None:
        service.users.check_nobody(given, domain.id if domain else None)
        raise Unauthorized(admin_detail='no such user')
    if service.rules.locked_out(user):
        service.users.check_nobody(given, domain.id)
        raise Unauthorized(admin_detail=f'user {user.id} is locked out')
    if not service.users.check_password(user, given):
        if service.rules.counts_failures:
            with service.db.write() as session:
                service.rules.after_failure(session, user)
        raise Unauthorized(admin_detail=f'wrong password of user {user.id}')
    if not user.enabled or not domain.enabled:
        raise Unauthorized(admin_detail=f'user {user.id} or domain {domain.id} is disabled')
    service.rules.check_not_expired(user)
    return Proof(user, domain)


def forget_failures(service: IdentityService, user: UserRecord) -> None:
    """The count that may lead to a lockout starts anew: for a login that is complete, since half of one must not pay for the other half."""
    if user.failed_logins:
        with service.db.write() as session:
            service.users.update_user(session, user.id, {'failed_logins': 0, 'failed_at': None})


def find(service: IdentityService, session: Session, wanted: dict[str, Any]) -> tuple[UserRecord | None, DomainRef | None]:
    """The user that a request names by id, or by name and domain; None for what is not there."""
    if wanted.get('id'):
        user = service.users.get_user(session, wanted['id'])
        return user, project_rows.find_domain_ref(session, id=user.domain_id) if user else None
    reference = wanted.get('domain') or {}
    domain = project_rows.find_domain_ref(session, id=reference.get('id'), name=reference.get('name'))
    return (service.users.find_user(session, domain.id, wanted['name']) if domain else None), domain
