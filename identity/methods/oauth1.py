"""A login that a program signed with an access token (OAuth 1.0), in the header `Authorization` of the request."""

from __future__ import annotations

import datetime
from typing import Any

from common.context import Context
from common.errors import Unauthorized
from identity import oauth1
from identity.db import assignments as assignment_rows
from identity.db import projects as project_rows
from identity.db import roles as role_rows
from identity.db import trusts as trust_rows
from identity.methods import Proof
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
        user = service.users.get_user(session, token.user_id)
        domain = project_rows.find_domain_ref(session, id=user.domain_id) if user else None
        if user is None or domain is None or not user.enabled or not domain.enabled:
            raise Unauthorized(admin_detail=f'user {token.user_id} is gone or disabled')
        groups = service.users.group_filter(session, user.id)
        held = {role.id for role in assignment_rows.effective_roles(session, user.id, 'project', token.project_id, groups)}
        if not set(token.role_ids) <= held:
            raise Unauthorized(admin_detail=f'user {user.id} has lost a role of access token {token.id}')
        names = {id_: name for name, id_ in role_rows.ids_by_name(session).items()}
        roles = frozenset(names[id_] for id_ in trust_rows.with_implied(session, token.role_ids) if id_ in names)
    expires_at = token.expires_at.replace(tzinfo=datetime.UTC).timestamp() if token.expires_at else None
    scope = {'project': {'id': token.project_id}}
    return Proof(user, domain, scope=scope, roles=roles, claims={'access_token_id': token.id}, expires_at=expires_at)
