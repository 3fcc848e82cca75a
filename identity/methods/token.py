"""A token that was issued before, for one with another scope."""

from __future__ import annotations

from typing import Any

from common.context import Context
from common.errors import Forbidden
from identity.methods import Proof, living
from identity.service import IdentityService


def prove(service: IdentityService, ctx: Context, payload: dict[str, Any]) -> Proof:
    """Check a token. The new one ends with it and is revoked with it."""
    claims = service.open_token(payload['id'])
    if claims.scope and not service.token_options.allow_rescope:
        raise Forbidden('A scoped token cannot be exchanged for another one here.')
    if claims.trust_id or claims.application_credential_id or claims.access_token_id:
        raise Forbidden('A token that was delegated (by a trust, an application credential, or OAuth) cannot be exchanged for another one.')
    with service.read() as session:
        user, domain = living(service, session, claims.user_id)
    rests_on = {'credential_mark': claims.credential_mark} if claims.credential_mark else {}
    return Proof(user, domain, parent=claims, claims=rests_on)
