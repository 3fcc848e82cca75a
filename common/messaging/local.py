"""kombu's in-memory transport, waiting for messages instead of polling for them.

kombu's own asks its queues every `polling_interval` seconds; here whoever puts a message wakes those who wait.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, memory

_changed = threading.Condition()
_sequence = 0
_interruptions = 0


def _bump(interrupt: bool = False) -> None:
    global _sequence, _interruptions
    with _changed:
        _sequence += 1
        _interruptions += interrupt
        _changed.notify_all()


class Channel(memory.Channel):
    """A channel that tells of what is put."""

    def _put(self, queue_name: str, message: Any, **rest: Any) -> None:
        super()._put(queue_name, message, **rest)
        _bump()

    def _put_fanout(self, exchange: str, message: Any, routing_key: str | None = None, **rest: Any) -> None:
        super()._put_fanout(exchange, message, routing_key, **rest)
        _bump()


class Transport(memory.Transport):
    """The transport behind `pileus-memory://`."""

    Channel = Channel
    polling_interval = None

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Deliver one message, waiting up to `timeout` seconds. Raises socket.timeout, also when `wake` interrupts."""
        end = None if timeout is None else time.monotonic() + timeout
        interruptions = _interruptions
        while True:
            seen = _sequence
            try:
                self.cycle.get(self._deliver, timeout=0)
            except queue.Empty:
                left = None if end is None else end - time.monotonic()
                if (left is not None and left <= 0) or _interruptions != interruptions:
                    raise TimeoutError from None
                with _changed:
                    if _sequence == seen:
                        _changed.wait(left)
            else:
                return


def pending() -> bool:
    """Whether any message of this process waits in a queue."""
    return any(waiting.qsize() for waiting in list(Channel.queues.values()))


def wake() -> None:
    """Let everybody who waits return, for example to see that it should stop."""
    _bump(interrupt=True)


TRANSPORT_ALIASES['pileus-memory'] = f'{__name__}:Transport'
assert socket.timeout is TimeoutError  # what kombu's callers catch
