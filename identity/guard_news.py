"""Processes of identity tell each other about failed logins: who guesses must not have as many tries with each of them."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common import clock
from common.context import Context
from common.errors import PileusError
from common.ids import new_hex_id
from common.messaging.contract import Contract, fanout
from identity.brute_force import BruteForceGuard

if TYPE_CHECKING:
    from common.messaging import Broker

LOG = logging.getLogger(__name__)
_GATHER = 0.2  # seconds that news wait for more of them
_MOST = 2000  # keys in one message; what is beyond is dropped: whoever guesses more than that comes again


class GuardNews(Contract, topic='guard-news'):
    """What a guard has seen. A lost message costs no more than a few tries."""

    @fanout
    def seen(self, sender: str, failures: dict[str, Any], homes: list[str]) -> None:
        """Failures by key, and from where users have logged in (digests, see `BruteForceGuard`)."""


class GuardGossip:
    """Tells what the guard of this process sees, gathered for a moment in a thread of its own, and takes in what others tell."""

    def __init__(self, guard: BruteForceGuard, broker: Broker, host: str) -> None:
        self._guard, self._broker = guard, broker
        self._me = new_hex_id()
        self._host = f'identity.{host}.{self._me[:8]}'
        self._failures: Counter[str] = Counter()
        self._homes: dict[str, None] = {}
        self._lock = threading.Lock()
        self._news, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """From now on this process tells and listens."""
        self._broker.serve(GuardNews, self, host=self._host, workers=1)
        self._guard.tell_failures, self._guard.tell_home = self._note_failures, self._note_home
        self._thread = threading.Thread(target=self._run, name='guard-news', daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End; what has not been told is not worth waiting for."""
        self._ending.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def seen(self, ctx: Context, sender: str, failures: dict[str, Any], homes: list[str]) -> None:
        """See GuardNews."""
        if sender != self._me:
            self._guard.learn(failures, homes)

    def _note_failures(self, keys: Iterable[str]) -> None:
        with self._lock:
            if len(self._failures) < _MOST:
                self._failures.update(keys)
        self._news.set()

    def _note_home(self, keys: Iterable[str]) -> None:
        with self._lock:
            if len(self._homes) < _MOST:
                self._homes.update(dict.fromkeys(keys))
        self._news.set()

    def _run(self) -> None:
        ctx, client = Context.service('identity'), None
        while self._news.wait() and not self._ending.is_set():
            clock.sleep(_GATHER)
            self._news.clear()
            with self._lock:
                failures, homes = dict(self._failures), list(self._homes)
                self._failures.clear()
                self._homes.clear()
            try:
                client = client or self._broker.client(GuardNews)
                client.seen(ctx, sender=self._me, failures=failures, homes=homes)
            except PileusError as error:
                LOG.info('failed logins could not be told to other processes: %s', error.message)
