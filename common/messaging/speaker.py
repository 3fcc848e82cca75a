"""Sending: a few connections that publish, and the decision when to give up."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

import kombu
from kombu.exceptions import KombuError, OperationalError

from common.clock import monotonic
from common.errors import Unavailable
from common.messaging.envelope import CONTENT_TYPE

FAILURES = (OperationalError, KombuError, OSError)
_MOST = 4
_REST = 0.5  # seconds after a failure in which nothing is tried


class Speaker:
    """Publishes messages and waits until the broker has confirmed them.

    While the broker is away only one sender at a time finds that out; the others give up at once, so that an outage slows
    nobody down who can do without messages.

    :param connect: makes a connection that is not yet open
    :param timeout: seconds that one message may take
    """

    def __init__(self, connect: Callable[[], kombu.Connection], timeout: float) -> None:
        self._connect, self._timeout = connect, timeout
        self._free: queue.LifoQueue[tuple[kombu.Connection, kombu.Producer] | None] = queue.LifoQueue()
        for _ in range(_MOST):
            self._free.put(None)
        self._down_until = 0.0
        self._trying = threading.Lock()
        self.closed = False

    def publish(self, data: bytes, *, exchange: kombu.Exchange | None, queue_name: str, correlation_id: str, durable: bool) -> None:
        """Send to a queue, or to all queues of a fanout exchange. Raises Unavailable when the broker does not take it in time."""
        end = monotonic() + self._timeout
        if monotonic() < self._down_until:
            raise Unavailable('The message broker does not answer now. Try again.', admin_detail='it did not answer a moment ago')
        while True:
            try:
                with self._producer(end) as producer:
                    producer.publish(
                        data, exchange=exchange if exchange is not None else '', routing_key=queue_name, content_type=CONTENT_TYPE,
                        content_encoding='utf-8', correlation_id=correlation_id, delivery_mode=2 if durable else 1, retry=False,
                        declare=[exchange] if exchange is not None else [], timeout=self._timeout, confirm_timeout=self._timeout,
                    )  # fmt: skip
                return
            except FAILURES as error:
                if monotonic() >= end - 0.05 or self.closed:
                    self._down_until = monotonic() + _REST
                    raise Unavailable('The message broker does not answer now. Try again.', admin_detail=_words(error)) from error
                # The usual case is a connection that died while nobody used it: try a new one.
                threading.Event().wait(0.05)

    @contextlib.contextmanager
    def _producer(self, end: float) -> Iterator[kombu.Producer]:
        try:
            held = self._free.get(timeout=max(0.01, end - monotonic()))
        except queue.Empty:
            raise OSError('all connections to the broker are waiting for it') from None
        try:
            if held is None:
                held = self._opened(end)
            yield held[1]
        except BaseException:
            if held is not None:
                hang_up(held[0])
            self._free.put(None)
            raise
        self._free.put(held)

    def _opened(self, end: float) -> tuple[kombu.Connection, kombu.Producer]:
        # One at a time: where the broker is away, the others need not find out for themselves.
        if not self._trying.acquire(timeout=max(0.01, end - monotonic())):
            raise OSError('the broker takes no new connection')
        try:
            connection = self._connect()
            connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            return connection, kombu.Producer(connection.channel(), auto_declare=False)
        finally:
            self._trying.release()

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                held = self._free.get_nowait()
                if held is not None:
                    hang_up(held[0])


def hang_up(connection: kombu.Connection) -> None:
    """Close a connection without a farewell: the broker may be stuck, and waiting for its answer has no deadline."""
    raw = connection.connection if connection.connected else None
    with contextlib.suppress(*FAILURES):
        if raw is not None and hasattr(raw, 'collect'):
            raw.collect()
        else:
            connection.release()


def _words(error: BaseException) -> str:
    return f'{type(error).__name__}: {error}'[:300]
