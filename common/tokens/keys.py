"""Keys that sign tokens: private ones in files of the identity service, public ones as other services see them.

The directory holds one PEM file per key, named by the time it was made. The roles follow from the order alone, so that a
rotation is the creation of one file and can be interrupted at any instant: the newest key is *next* (published, not yet
signing), the one before it *signs*, older ones only verify, and are dropped when no token signed by them can be alive.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common import clock
from common.errors import PileusError, Unavailable

KEY_ID_SIZE = 4
_RECHECK = 2.0  # seconds between looks at the directory for a rotation by another process
_REFETCH = 5.0  # seconds at least between two fetches that an unknown key id asks for

SETTLED = _RECHECK + _REFETCH + 1.0
"""Seconds after which every process knows a key that was made, if it meets it."""

_MARGIN = 60.0  # seconds that clocks of a cloud may differ


class KeySource(Protocol):
    """Where a verifier gets public keys from."""

    def public_key(self, key_id: bytes) -> Ed25519PublicKey | None:
        """The key with this id, or None when it is not one of ours."""


def key_id_of(key: Ed25519PublicKey) -> bytes:
    """The short id that stands in each token: the start of the hash of the public key."""
    return hashlib.sha256(_raw(key)).digest()[:KEY_ID_SIZE]


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclasses.dataclass(frozen=True)
class _Pair:
    made_at: float
    path: pathlib.Path
    key_id: bytes
    private: Ed25519PrivateKey
    public: Ed25519PublicKey


class SigningKeys:
    """The directory of private keys, and a KeySource for verifiers in the same process.

    :param directory: made with mode 0700 by `create`
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._pairs: tuple[_Pair, ...] = ()
        self._by_id: dict[bytes, _Pair] = {}
        self._looked_at = -_RECHECK
        self._seen: tuple[str, ...] = ()

    def create(self) -> bool:
        """Make the directory and the first two keys; False when there are keys already."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = False
        while len(self._load(force=True)) < 2:
            self._write_key()
            made = True
        return made

    def rotate(self, lifetime: float, settle: float = 0.0) -> str:
        """Let the next key sign, make a new next one, drop those that nothing alive was signed with.

        :param lifetime: seconds that a token may live at most
        :param settle: seconds that the next key must have been there: until then some process may not know it. They are waited for
        :returns: the id of the key that signs from now on, in hex
        """
        self.create()
        made_at = self._load(force=True)[-1].made_at
        left = min(made_at + settle - clock.timestamp(), settle)
        if left > 0:
            clock.sleep(left)
        self._write_key()
        pairs = self._load(force=True)
        # A key stops signing when the second key after it is made.
        for pair, successor in zip(pairs, pairs[2:], strict=False):
            if successor.made_at + lifetime + _MARGIN < clock.timestamp():
                pair.path.unlink(missing_ok=True)
        self._load(force=True)
        return self.signing()[0].hex()

    def signing(self) -> tuple[bytes, Ed25519PrivateKey]:
        """Id and private key to sign with. Raises Unavailable when there is none."""
        pairs = self._load()
        if not pairs:
            raise Unavailable(
                'The identity service has no key to sign tokens with.',
                admin_detail=f'no keys in {self._directory}; run identity-manage bootstrap',
            )
        pair = pairs[-2] if len(pairs) > 1 else pairs[0]
        return pair.key_id, pair.private

    def public_key(self, key_id: bytes) -> Ed25519PublicKey | None:
        """See KeySource."""
        pair = self._by_id.get(key_id)
        if pair is None:
            self._load()
            pair = self._by_id.get(key_id)
        return pair.public if pair else None

    def private_key(self, key_id: bytes) -> Ed25519PrivateKey | None:
        """The private half of a key, or None when it is not one of ours."""
        if key_id not in self._by_id:
            self._load()
        pair = self._by_id.get(key_id)
        return pair.private if pair else None

    def published(self) -> list[dict[str, str]]:
        """The public keys as `GET /v3/pileus/token-keys` shows them, the oldest first."""
        return [
            {'id': p.key_id.hex(), 'algorithm': 'Ed25519', 'public_key': base64.b64encode(_raw(p.public)).decode()} for p in self._load()
        ]

    def _write_key(self) -> None:
        private = Ed25519PrivateKey.generate()
        text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        name = f'{int(clock.timestamp() * 1000):015d}-{key_id_of(private.public_key()).hex()}.pem'
        temporary = self._directory / f'.{name}.{os.getpid()}'
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, text)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(self._directory / name)

    def _load(self, force: bool = False) -> tuple[_Pair, ...]:
        with self._lock:
            now = clock.monotonic()
            if not force and now - self._looked_at < _RECHECK:
                return self._pairs
            self._looked_at = now
            names = tuple(sorted(p.name for p in self._directory.glob('[0-9]*.pem'))) if self._directory.is_dir() else ()
            if names != self._seen:
                self._pairs = tuple(self._read(name) for name in names)
                self._by_id = {pair.key_id: pair for pair in self._pairs}
                self._seen = names
            return self._pairs

    def _read(self, name: str) -> _Pair:
        path = self._directory / name
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, OSError, UnsupportedAlgorithm) as error:
            raise Unavailable('A token signing key cannot be read.', admin_detail=f'{path}: {error}') from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Unavailable('A token signing key cannot be read.', admin_detail=f'{path} is not an Ed25519 key')
        public = private.public_key()
        return _Pair(int(name.split('-')[0]) / 1000, path, key_id_of(public), private, public)


class PublishedKeys:
    """Public keys fetched from identity, kept in memory, fetched again when an unknown key id appears.

    :param fetch: returns the body of `GET /v3/pileus/token-keys`; may raise PileusError when identity does not answer
    """

    def __init__(self, fetch: Callable[[], dict[str, Any]]) -> None:
        self._fetch = fetch
        self._keys: dict[bytes, Ed25519PublicKey] = {}
        self._lock = threading.Lock()
        self._fetched_at: float | None = None

    def public_key(self, key_id: bytes) -> Ed25519PublicKey | None:
        """See KeySource. Raises Unavailable when no keys could be fetched so far."""
        key = self._keys.get(key_id)
        if key is None:
            self._refresh()
            key = self._keys.get(key_id)
        return key

    def _refresh(self) -> None:
        with self._lock:
            now = clock.monotonic()
            if self._keys and self._fetched_at is not None and now - self._fetched_at < _REFETCH:
                return
            try:
                body = self._fetch()
            except PileusError as error:
                if not self._keys:
                    raise Unavailable('The identity service does not answer, so tokens cannot be checked. Try again.') from error
                self._fetched_at = now
                return
            keys = {}
            for item in body['keys']:
                if item.get('algorithm') == 'Ed25519':
                    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(item['public_key']))
                    keys[key_id_of(key)] = key
            self._keys = keys
            self._fetched_at = now
