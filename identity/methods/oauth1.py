"""A login that a program signed with an access token (OAuth 1.0), in the header `Authorization` of the request."""

from __future__ import annotations

import datetime
from typing import Any

from common.context import Context
from common.errors import Unauthorized
from identity import delegation, oauth1
from identity.db import roles as role_rows
from identity.methods import Proof, living
from identity.oauth1_signatures import SignedRequest
from identity.service import IdentityService


def prove(service: IdentityService, ctx: Context, payload: dict[str, Any]) -> Proof:
    """Check the signature. The token is for the user who allowed the program to log in, with the roles that were passed on.

    :param payload: `signed_request` is put there by the API; nothing that a client sends has this form
    """
    signed = payload.get('signed_request')
    if not isinstance(signed, SignedRequest):
        raise Unauthorized(admin_detail='the login is not signed')
    token = oauth1.use(service, signed)
    with service.read() as session:
        user, domain = living(service, session, token.user_id)
        held = {role.id for role in delegation.held(service, session, user.id, token.project_id)}
        if not set(token.role_ids) <= held:
            raise Unauthorized(admin_detail=f'user {user.id} has lost a role of access token {token.id}')
        roles = role_rows.names_with_implied(session, token.role_ids)
    expires_at = token.expires_at.replace(tzinfo=datetime.UTC).timestamp() if token.expires_at else None
    scope = {'project': {'id': token.project_id}}
    return Proof(user, domain, scope=scope, roles=roles, claims={'access_token_id': token.id}, expires_at=expires_at)
