"""Tokens are made here, and only in the identity service."""

from __future__ import annotations

import base64
import secrets

from common.tokens.claims import Claims
from common.tokens.keys import SigningKeys

PREFIX = 'pl1.'
SIGNATURE_SIZE = 64
# Databases and headers of old clients have room for 255 characters; names are left out of a token that would be longer.
_COMFORTABLE = 255
_FIT = (_COMFORTABLE - len(PREFIX)) * 3 // 4 - SIGNATURE_SIZE - 4
_LONGEST = 1023


class TokenSigner:
    """Turns claims into a token: `pl1.` and base64url of key id, packed claims and Ed25519 signature."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def issue(self, claims: Claims) -> str:
        """The token's text, at most 1023 characters. Raises ValueError when the roles' names do not fit."""
        key_id, private = self._keys.signing()
        signed = key_id + claims.fitted(_FIT).pack()
        # The prefix is signed too: a token of another version can never be read as this one.
        signature = private.sign(PREFIX.encode() + signed)
        token = PREFIX + base64.urlsafe_b64encode(signed + signature).rstrip(b'=').decode()
        if len(token) > _LONGEST:
            raise ValueError(f'the token would have {len(token)} characters, {_LONGEST} is the most')
        return token


def new_audit_id() -> str:
    """A random audit id: 22 characters of base64url."""
    return secrets.token_urlsafe(16)
