"""Receipts: what a client gets that has shown some of the methods which its user has to use together, to go on with.

A receipt is sealed claims (user, methods, times) that only identity can read; nothing about it is kept. What voids the user's tokens
(a new password, being disabled) voids receipts too.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from common import clock
from common.errors import Unauthorized
from common.tokens import Claims, Revocations, SigningKeys, new_audit_id
from identity.records import DomainRef, UserRecord
from identity.token_providers import OpaqueTokens

HEADER = 'Openstack-Auth-Receipt'


class MoreMethodsNeeded(Unauthorized):
    """All that was shown is right, and more is needed. `body` and `headers` are the answer, with the receipt."""

    def __init__(self, body: dict[str, Any], receipt: str) -> None:
        super().__init__('Additional authentications steps required.', headers={HEADER: receipt})
        self.body = body


class Receipts:
    """Makes and opens receipts.

    :param lifetime: seconds that one is good
    """

    def __init__(self, keys: SigningKeys, revocations: Revocations, lifetime: int) -> None:
        self._sealed = OpaqueTokens(keys, 'pr1.', b'pileus receipts')
        self._revocations = revocations
        self._lifetime = lifetime

    def open(self, receipt: str) -> Claims:
        """Who has shown which methods. Raises Unauthorized for anything but a receipt in force."""
        claims = self._sealed.open(receipt)
        if claims.expires_at <= clock.timestamp() or self._revocations.is_revoked(claims):
            raise Unauthorized(admin_detail=f'the receipt of user {claims.user_id} is no longer good')
        return claims

    def needed(
        self,
        user: UserRecord,
        domain: DomainRef,
        methods: Sequence[str],
        rules: Sequence[Sequence[str]],
        *,
        before: Claims | None,
        began: float,
        credential_mark: str | None = None,
    ) -> MoreMethodsNeeded:
        """The answer to right but too few methods.

        :param rules: sets of methods, of which each would do
        :param before: the receipt that was shown; the new one ends with it
        :param began: when the methods were looked at: what is revoked from then on voids the receipt
        :param credential_mark: of the credential that was shown, with which the receipt ends too
        """
        claims = Claims(
            user_id=user.id,
            user_domain_id=domain.id,
            issued_at=round(before.issued_at if before else began, 3),
            expires_at=round(before.expires_at if before else began + self._lifetime, 3),
            methods=tuple(methods),
            audit_ids=(new_audit_id(),),
            credential_mark=credential_mark,
        )
        shown = {
            'methods': list(methods),
            'user': {'id': user.id, 'name': user.name, 'domain': {'id': domain.id, 'name': domain.name}},
            'issued_at': _time(claims.issued_at),
            'expires_at': _time(claims.expires_at),
        }
        return MoreMethodsNeeded({'receipt': shown, 'required_auth_methods': [list(rule) for rule in rules]}, self._sealed.issue(claims))


def _time(seconds: float) -> str | None:
    return clock.iso(datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None), micro=True)
