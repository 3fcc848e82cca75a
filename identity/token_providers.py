"""The kinds of tokens that identity makes. All that were ever made stay good when another kind is chosen."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import Unauthorized
from common.tokens import Claims, SigningKeys, TokenSigner
from common.tokens.claims import unpack
from common.tokens.keys import KEY_ID_SIZE
from common.tokens.opaque import OPAQUE_PREFIX

_NONCE_SIZE = 12
_FIT, _LONGEST = 600, 1023


class TokenProvider(Protocol):
    """Makes tokens of one kind."""

    def issue(self, claims: Claims) -> str:
        """The token's text, at most 1023 characters. Raises ValueError when the claims do not fit."""


class OpaqueTokens:
    """`po1.` and base64url of: key id (4 bytes), nonce (12 bytes), packed claims sealed with AES-256-GCM.

    Nobody who carries or sees the token can read or change it. The sealing keys follow from the signing keys, so that
    rotation and copying to other hosts of identity are the same for both kinds.

    :param prefix: what the text begins with; with `purpose` it keeps kinds of sealed claims apart
    :param purpose: goes into the sealing keys
    """

    def __init__(self, keys: SigningKeys, prefix: str = OPAQUE_PREFIX, purpose: bytes = b'pileus opaque tokens') -> None:
        self._keys = keys
        self._prefix = prefix
        self._purpose = purpose
        self._sealers: dict[bytes, AESGCM] = {}

    def issue(self, claims: Claims) -> str:
        """See TokenProvider."""
        key_id, private = self._keys.signing()
        nonce = os.urandom(_NONCE_SIZE)
        sealed = self._sealer(key_id, private).encrypt(nonce, claims.fitted(_FIT).pack(), self._bound_to(key_id))
        token = self._prefix + base64.urlsafe_b64encode(key_id + nonce + sealed).rstrip(b'=').decode()
        if len(token) > _LONGEST:
            raise ValueError(f'the token would have {len(token)} characters, {_LONGEST} is the most')
        return token

    def open(self, token: str) -> Claims:
        """The claims of a token of this kind, whatever its time. Raises Unauthorized for any other text."""
        text = token.removeprefix(self._prefix)
        if text == token or len(token) > _LONGEST or not token.isascii():
            raise Unauthorized(admin_detail='not a token of ours')
        try:
            raw = base64.b64decode(text + '=' * (-len(text) % 4), altchars=b'-_', validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unauthorized(admin_detail='malformed token') from error
        key_id, nonce, sealed = raw[:KEY_ID_SIZE], raw[KEY_ID_SIZE : KEY_ID_SIZE + _NONCE_SIZE], raw[KEY_ID_SIZE + _NONCE_SIZE :]
        # One text for one token: what is remembered or refused by its text must not come again as another.
        if not sealed or base64.urlsafe_b64encode(raw).rstrip(b'=').decode() != text:
            raise Unauthorized(admin_detail='malformed token')
        private = self._keys.private_key(key_id)
        if private is None:
            raise Unauthorized(admin_detail='token sealed with an unknown key')
        try:
            return unpack(self._sealer(key_id, private).decrypt(nonce, sealed, self._bound_to(key_id)))
        except InvalidTag as error:
            raise Unauthorized(admin_detail='bad seal') from error

    def _sealer(self, key_id: bytes, private: Ed25519PrivateKey) -> AESGCM:
        found = self._sealers.get(key_id)
        if found is None:
            secret = private.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
            found = AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=self._purpose).derive(secret))
            self._sealers[key_id] = found
        return found

    def _bound_to(self, key_id: bytes) -> bytes:
        return self._prefix.encode() + key_id


PROVIDERS: dict[str, Callable[[SigningKeys], TokenProvider]] = {'signed': TokenSigner, 'opaque': OpaqueTokens}
