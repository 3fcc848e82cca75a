"""Identifiers of users and groups that live in a store with names of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable

from common import clock

KINDS = ('user', 'group')


def public_id(domain_id: str, kind: str, local_id: str) -> str:
    """The id that the API shows: 64 hex digits, the same for ever, and those that Keystone makes for the same entry.

    :param kind: `user` or `group`
    :param local_id: what the store calls it, for example the value of an LDAP attribute
    """
    return hashlib.sha256(f'{domain_id}{kind}{local_id}'.encode()).hexdigest()


class PublicIds:
    """From public ids back to local ones, learnt from everything that passes by.

    An id that has not passed by yet (after a restart) is looked for among all entries of the store, at most once in
    `pause` seconds: strange ids must not let a client have the whole store read again and again.

    :param names: gives the local ids of all users or all groups
    """

    def __init__(self, domain_id: str, names: Callable[[str], Iterable[str]], pause: float = 10.0) -> None:
        self._domain_id = domain_id
        self._names = names
        self._pause = pause
        self._local: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._read_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def learn(self, kind: str, local_id: str) -> str:
        """The public id of an entry, remembered from now on."""
        found = public_id(self._domain_id, kind, local_id)
        self._local[kind][found] = local_id
        return found

    def forget(self, kind: str, public: str) -> None:
        """An entry is gone."""
        self._local[kind].pop(public, None)

    def known(self, kind: str, public: str) -> str | None:
        """The local id, if the entry has passed by."""
        return self._local[kind].get(public)

    def local(self, kind: str, public: str) -> str | None:
        """The local id, or None when the store has no such entry. May read all names of the store."""
        found = self._local[kind].get(public)
        if found is not None or len(public) != 64:
            return found
        with self._lock:
            if public not in self._local[kind]:
                now = clock.monotonic()
                if now - self._read_at.get(kind, -self._pause) < self._pause:
                    return None
                for name in self._names(kind):
                    self.learn(kind, name)
                self._read_at[kind] = clock.monotonic()
        return self._local[kind].get(public)
