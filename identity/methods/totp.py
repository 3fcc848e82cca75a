"""A code of the user's authenticator, whose seed is kept as a credential of type `totp`."""

from __future__ import annotations

from typing import Any

from common.context import Context
from common.errors import Unauthorized
from identity import one_time_passwords
from identity.db.credentials import mark_of
from identity.methods import Proof
from identity.methods.password import find
from identity.service import IdentityService


def prove(service: IdentityService, ctx: Context, payload: dict[str, Any]) -> Proof:
    """Check a code, which is then spent. Failures count towards a lockout as those with passwords do."""
    wanted, given = payload['user'], payload['user'].get('passcode')
    if not isinstance(given, str):
        raise Unauthorized()
    with service.read() as session:
        user, domain = find(service, session, wanted)
    usable = user is not None and domain is not None and user.enabled and domain.enabled and not service.rules.locked_out(user)
    credential_id = one_time_passwords.accept(service, user.id if usable and user else None, given.strip())
    if credential_id is None:
        if usable and user and service.rules.counts_failures:
            with service.db.write() as session:
                service.rules.after_failure(session, user)
        raise Unauthorized(admin_detail='unknown user, or a code that is wrong or spent')
    assert user is not None and domain is not None
    return Proof(user, domain, claims={'credential_mark': mark_of(credential_id)})
