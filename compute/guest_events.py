"""Guests that change by themselves: what the hypervisor tells is looked at a moment later, off its own thread."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from common import clock
from common.errors import PileusError

LOG = logging.getLogger(__name__)
SETTLE = 0.3
"""Seconds to wait after an event: a guest that reboots tells of several, and an operation of ours may be about to end."""


class GuestEvents:
    """A queue of (host, server id) with one thread behind it; the same server is looked at once for several events.

    :param look: called with host and server id, may raise PileusError
    """

    def __init__(self, look: Callable[[str, str], object]) -> None:
        self._look = look
        self._queue: queue.SimpleQueue[tuple[str, str, float] | None] = queue.SimpleQueue()
        self._waiting: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='compute-guest-events', daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End; what was not looked at is found by the next comparison with the database."""
        self._stopping.set()
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def tell(self, host: str, server_id: str) -> None:
        """A guest has changed. Returns at once."""
        with self._lock:
            if (host, server_id) in self._waiting:
                return
            self._waiting.add((host, server_id))
        self._queue.put((host, server_id, clock.monotonic() + SETTLE))

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            host, server_id, when = entry
            if self._stopping.wait(max(0.0, when - clock.monotonic())):
                return
            with self._lock:
                self._waiting.discard((host, server_id))
            try:
                self._look(host, server_id)
            except PileusError as error:
                LOG.warning('server %s on %s is looked at later: %s', server_id, host, error.message)
            except Exception:
                LOG.exception('server %s on %s is looked at later', server_id, host)
