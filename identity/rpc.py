"""What identity says over messages, and how. The contract is part of the kernel, since every service listens."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from common.context import Context
from common.errors import PileusError
from common.tokens import Revocation
from common.tokens.contract import TokenNews

LOG = logging.getLogger(__name__)
__all__ = ['Announcer', 'TokenNews']

_END: tuple[Revocation, ...] = ()


class Announcer:
    """Tells all processes about revocations, in a thread of its own: a broker that is away must not hold a request up.

    :param client: makes the client of TokenNews when the first event is to be told
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._waiting: queue.SimpleQueue[Sequence[Revocation]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def announce(self, events: Sequence[Revocation]) -> None:
        """Have events told soon; returns at once."""
        if not events:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name='token-news', daemon=True)
                self._thread.start()
        self._waiting.put(events)

    def stop(self, seconds: float = 5.0) -> None:
        """Tell what is waiting, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(_END)
            thread.join(seconds)

    def _run(self) -> None:
        ctx = Context.service('identity')
        while events := self._waiting.get():
            try:
                self._client().revoked(ctx, events=[event.to_message() for event in events])
            except PileusError as error:
                LOG.warning('revoked tokens could not be announced, services learn of them by asking: %s', error.message)
