"""How revocations reach a service that is not identity: a fanout message, and a poll for what messages may have missed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from common import clock
from common.errors import PileusError
from common.tokens.revocations import Revocation, Revocations

LOG = logging.getLogger(__name__)


def take_in(revocations: Revocations, messages: list[dict[str, Any]]) -> int:
    """Add events as they stand on the wire; returns how many were new."""
    return revocations.add(Revocation.from_message(message) for message in messages)


class RevocationFeed:
    """Keeps a service's Revocations complete, in one thread of its own.

    Messages bring events at once; the poll repairs what they missed. A poll that finds something new shows that messages do
    not arrive, so polls are made more often for a while.

    :param fetch: given the id of the latest known event, returns the body of `GET /v3/pileus/revocations?since=ID`
    :param hears: whether messages can arrive at present; asked every `fast` seconds, so it must answer at once
    :param slow: seconds between polls while messages arrive
    :param fast: seconds between polls while they do not
    """

    def __init__(
        self,
        revocations: Revocations,
        fetch: Callable[[int], dict[str, Any]],
        *,
        hears: Callable[[], bool] = lambda: True,
        slow: float = 5.0,
        fast: float = 1.0,
        fast_for: float = 60.0,
    ) -> None:
        self._revocations = revocations
        self._fetch = fetch
        self._hears = hears
        self._slow, self._fast, self._fast_for = slow, fast, fast_for
        self._fast_until = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = False

    def start(self) -> None:
        """Begin polling; the first poll is made at once, in the background."""
        self._thread = threading.Thread(target=self._run, name='revocation-feed', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End polling; waits for at most a few seconds."""
        self._stopping.set()
        if self._thread:
            self._thread.join(5)

    def poll(self) -> int:
        """Ask once; returns how many events were new. An identity service that does not answer is logged, once."""
        try:
            body = self._fetch(self._revocations.latest_id)
        except PileusError as error:
            if not self._failing:
                LOG.warning('revoked tokens cannot be learnt from identity: %s', error.message)
            self._failing = True
            return 0
        self._failing = False
        self._revocations.prune()
        new = take_in(self._revocations, body['revocations'])
        if new:
            self._fast_until = clock.monotonic() + self._fast_for
        return new

    @property
    def pause(self) -> float:
        """Seconds until the next poll."""
        return self._fast if self._failing or not self._hears() or clock.monotonic() < self._fast_until else self._slow

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.poll()
            polled = clock.monotonic()
            # In short steps: messages may cease to arrive at any time.
            while not self._stopping.wait(self._fast) and clock.monotonic() - polled < self.pause - self._fast / 2:
                pass
