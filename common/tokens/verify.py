"""Tokens are checked here, in every service, without asking anybody."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature

from common import clock
from common.errors import Unauthorized
from common.tokens.access_rules import RuleBook
from common.tokens.claims import Claims, unpack
from common.tokens.keys import KEY_ID_SIZE, KeySource
from common.tokens.opaque import OPAQUE_PREFIX
from common.tokens.revocations import Revocations
from common.tokens.sign import PREFIX, SIGNATURE_SIZE

_LONGEST = 1023


class TokenVerifier:
    """Checks signature, time and revocations; remembers what it has verified.

    :param keys: where public keys come from; asked only for tokens not seen before
    :param revocations: the events in force in this process
    :param remembered: how many verified tokens are kept (about 1 KiB each)
    :param opaque: gives the claims of a token that cannot be read here; None: such tokens are refused
    :param role_sets: the roles behind a digest in a token; None: such tokens are refused
    :param late: gives the claims of a token that has ended, if a service may still act by it; None: none may
    :param access_rules: what the digests in tokens stand for, for who checks requests; None: tokens with rules are good for nothing
    """

    def __init__(
        self,
        keys: KeySource,
        revocations: Revocations,
        remembered: int = 4096,
        opaque: Callable[[str], Claims] | None = None,
        access_rules: RuleBook | None = None,
        late: Callable[[str], Claims] | None = None,
        role_sets: Callable[[str], frozenset[str]] | None = None,
    ) -> None:
        self.access_rules = access_rules
        self.late = late
        self.role_sets = role_sets
        self._keys = keys
        self._opaque = opaque
        self._remembered = remembered
        self._known: OrderedDict[str, tuple[Claims, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.revocations = revocations

    def verify(self, token: str) -> Claims:
        """The claims of a valid token. Raises Unauthorized for any other text, Unavailable when there are no keys yet."""
        known = self._known.get(token)
        revision = self.revocations.revision
        if known is None:
            claims = self.read(token)
            checked = -1
        else:
            claims, checked = known
            self._touch(token)
        if claims.expires_at <= clock.timestamp():
            self._forget(token)
            raise Unauthorized(admin_detail='token expired')
        if checked != revision:
            if self.revocations.is_revoked(claims):
                self._forget(token)
                raise Unauthorized(admin_detail='token revoked')
            self._remember(token, claims, revision)
        return claims

    def verify_late(self, token: str) -> Claims:
        """As `verify`; a token that has ended is good for a while yet. For requests in which a service goes on with what a user began.

        Whether it was revoked meanwhile is asked of identity, since revocations are not kept here for so long.
        """
        try:
            return self.verify(token)
        except Unauthorized:
            # What is void for another reason than its time stays so. Only identity can say it of opaque ones.
            if self.late is None or (token.startswith(PREFIX) and self.read(token).expires_at > clock.timestamp()):
                raise
            return self.late(token)

    def read(self, token: str) -> Claims:
        """Claims of a token with a good signature, whatever its time. Raises Unauthorized for any other text."""
        claims = self._open(token)
        if claims.role_set is None:
            return claims
        if self.role_sets is None:
            raise Unauthorized(admin_detail='the token names a set of roles, which this service does not know')
        return dataclasses.replace(claims, roles=claims.roles | self.role_sets(claims.role_set))

    def _open(self, token: str) -> Claims:
        if self._opaque is not None and token.startswith(OPAQUE_PREFIX) and len(token) <= _LONGEST and token.isascii():
            return self._opaque(token)
        if not token.startswith(PREFIX) or len(token) > _LONGEST or not token.isascii():
            raise Unauthorized(admin_detail='not a token of ours')
        text = token[len(PREFIX) :]
        try:
            raw = base64.b64decode(text + '=' * (-len(text) % 4), altchars=b'-_', validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unauthorized(admin_detail='malformed token') from error
        if len(raw) <= KEY_ID_SIZE + SIGNATURE_SIZE or base64.urlsafe_b64encode(raw).rstrip(b'=').decode() != text:
            raise Unauthorized(admin_detail='malformed token')
        signed, signature = raw[:-SIGNATURE_SIZE], raw[-SIGNATURE_SIZE:]
        key = self._keys.public_key(signed[:KEY_ID_SIZE])
        if key is None:
            raise Unauthorized(admin_detail='token signed with an unknown key')
        try:
            key.verify(signature, PREFIX.encode() + signed)
        except InvalidSignature as error:
            raise Unauthorized(admin_detail='bad signature') from error
        return unpack(signed[KEY_ID_SIZE:])

    def _remember(self, token: str, claims: Claims, revision: int) -> None:
        with self._lock:
            self._known[token] = (claims, revision)
            self._known.move_to_end(token)
            while len(self._known) > self._remembered:
                self._known.popitem(last=False)

    def _touch(self, token: str) -> None:
        with self._lock:
            if token in self._known:
                self._known.move_to_end(token)

    def _forget(self, token: str) -> None:
        with self._lock:
            self._known.pop(token, None)
