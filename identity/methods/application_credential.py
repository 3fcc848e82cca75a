"""An application credential and its secret."""

from __future__ import annotations

import datetime
from typing import Any

from common import clock
from common.context import Context
from common.db.session import Session
from common.errors import Unauthorized
from identity.db import application_credentials as rows
from identity.db.application_credential_models import ApplicationCredential
from identity.methods import Proof
from identity.methods.password import find
from identity.records import DomainRef, UserRecord
from identity.service import IdentityService


def prove(service: IdentityService, ctx: Context, payload: dict[str, Any]) -> Proof:
    """Check a secret. What is unknown costs as much time as a wrong secret. The token is for the project of the credential."""
    given = payload.get('secret')
    if not isinstance(given, str):
        raise Unauthorized()
    with service.read() as session:
        row = _find(service, session, payload)
        user, domain = find(service, session, {'id': row.user_id}) if row else (None, None)
        roles = rows.role_names_with_implied(session, row.id) if row else frozenset()
    if not service.hasher.check(given, row.secret_hash if row else None) or row is None or user is None or domain is None:
        raise Unauthorized(admin_detail='no such application credential, or a wrong secret')
    if not user.enabled or not domain.enabled:
        raise Unauthorized(admin_detail=f'user {user.id} or domain {domain.id} is disabled')
    return _proof(row, user, domain, roles)


def prove_by_key(service: IdentityService, credential_id: str, project_id: str, user: UserRecord, domain: DomainRef) -> Proof:
    """What an access key of this user and project opens that was made with a credential: what that opens, as long as it is there."""
    with service.read() as session:
        found = rows.find(session, id=credential_id, user_id=user.id, project_id=project_id)
        roles = rows.role_names_with_implied(session, found[0].id) if found else frozenset()
    if not found:
        raise Unauthorized(admin_detail=f'application credential {credential_id} of an access key is gone, or is none of its project')
    return _proof(found[0], user, domain, roles)


def _proof(row: ApplicationCredential, user: UserRecord, domain: DomainRef, roles: frozenset[str]) -> Proof:
    if row.expires_at is not None and row.expires_at <= clock.now():
        raise Unauthorized(f'The application credential {row.id} has expired. Make a new one.')
    claims = {'application_credential_id': row.id}
    if row.access_rules_digest:
        claims['access_rules_digest'] = row.access_rules_digest
    expires_at = row.expires_at.replace(tzinfo=datetime.UTC).timestamp() if row.expires_at else None
    return Proof(user, domain, scope={'project': {'id': row.project_id}}, roles=roles, claims=claims, expires_at=expires_at)


def _find(service: IdentityService, session: Session, payload: dict[str, Any]) -> ApplicationCredential | None:
    """The credential that a request names by id, or by name and user."""
    if payload.get('id'):
        found = rows.find(session, id=payload['id'])
    elif payload.get('name') and (payload.get('user') or {}):
        user, _ = find(service, session, payload['user'])
        found = rows.find(session, user_id=user.id, name=payload['name']) if user else []
    else:
        found = []
    return found[0] if found else None
