"""From where users have logged in, kept in the database: a restart must not leave users to those who lock them out by guessing."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterable

from common import clock
from identity.brute_force import TRUSTED_FOR
from identity.db import logins as rows
from identity.service import IdentityService


class KnownHomes:
    """Beside a guard: gathers what it tells, for `save` to write, and gives it back after a restart."""

    def __init__(self, service: IdentityService) -> None:
        self._service = service
        self._fresh: set[str] = set()
        self._lock = threading.Lock()

    def attach(self) -> None:
        """Recall what is kept, and listen to the guard from now on. Call it after others that listen to it."""
        guard, now = self._service.guard, clock.now()
        with self._service.read() as session:
            kept = rows.homes(session, now, guard.most_remembered)
        guard.recall({digest: (until - now).total_seconds() for digest, until in reversed(kept)})
        told = guard.tell_home

        def tell(keys: Iterable[str]) -> None:
            keys = list(keys)
            self._note(keys)
            told(keys)

        guard.tell_home = tell

    def _note(self, keys: Iterable[str]) -> None:
        with self._lock:
            if len(self._fresh) < self._service.guard.most_remembered:
                self._fresh.update(keys)

    def save(self) -> None:
        """Write what is new. Raises PileusError where the database does not answer; it is tried again next time."""
        with self._lock:
            fresh, self._fresh = self._fresh, set()
        if not fresh:
            return
        until = clock.now() + datetime.timedelta(seconds=TRUSTED_FOR)
        try:
            with self._service.db.write() as session:
                rows.keep_homes(session, fresh, until)
        except Exception:
            self._note(fresh)
            raise
