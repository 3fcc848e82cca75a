"""Secrets that identity must be able to read again are kept encrypted: the database alone does not tell them.

Fernet (https://github.com/fernet/spec): AES-128-CBC and HMAC-SHA256. The keys are files in one directory, named by the time they
were made; the newest seals, all of them open.
"""

from __future__ import annotations

import os
import pathlib
import threading

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from common import clock
from common.errors import Unavailable


class Seal:
    """Encrypts and decrypts text with the keys of a directory."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._names: tuple[str, ...] = ()
        self._keys: MultiFernet | None = None

    def rotate(self) -> None:
        """Make a new key, which seals from now on. What older ones sealed can be opened as long as their files are there."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f'{int(clock.timestamp() * 1000):015d}.key'
        temporary = self._directory / f'.{name}.{os.getpid()}'
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, Fernet.generate_key())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(self._directory / name)

    def seal(self, text: str) -> str:
        """Encrypted; the first time a key is made. Two processes that both make one can open what either sealed."""
        if not self._listed():
            self.rotate()
        return self._current().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text. Raises Unavailable when the key that sealed it is gone."""
        try:
            return self._current().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Unavailable('The key that this secret was sealed with is gone. Ask the operator.') from None

    def _listed(self) -> tuple[str, ...]:
        return tuple(sorted((path.name for path in self._directory.glob('[0-9]*.key')), reverse=True))

    def _current(self) -> MultiFernet:
        names = self._listed()
        with self._lock:
            if names != self._names or self._keys is None:
                if not names:
                    raise Unavailable('The keys of secrets are gone. Ask the operator.')
                self._keys = MultiFernet([Fernet((self._directory / name).read_bytes()) for name in names])
                self._names = names
            return self._keys
