"""A process's connection to the broker: one connection that listens, one that speaks.

The broker may die at any time. Listening reconnects for ever with a growing pause and declares its queues anew; speaking tries
for a short time. Nothing of value is in a message, so a lost one only delays.
"""

from __future__ import annotations

import logging
import queue
import threading
import urllib.parse
from typing import Any

import kombu
from kombu.exceptions import KombuError, OperationalError

from common.clock import monotonic, timestamp
from common.errors import DeadlineExceeded, Unavailable
from common.ids import new_id
from common.messaging import local
from common.messaging.client import Client, queue_of
from common.messaging.contract import Contract
from common.messaging.envelope import CONTENT_TYPE, Envelope, unpack_answer
from common.messaging.listener import Listener
from common.messaging.server import Server

LOG = logging.getLogger(__name__)
EXCHANGE = kombu.Exchange('pileus', 'direct', durable=True)
_FAILURES = (OperationalError, KombuError, OSError)


def fanout_exchange(topic: str) -> kombu.Exchange:
    """The exchange that reaches every server of a topic."""
    return kombu.Exchange(f'pileus.{topic}.all', 'fanout', durable=False, auto_delete=False)


class Broker:
    """Gives clients and servers of contracts.

    :param url: `pileus-memory://NAME` (within one process) or `amqp://user:password@host:port//`
    :param publish_timeout: seconds to try to send before a cast is dropped or a call fails
    """

    def __init__(self, url: str, *, publish_timeout: float = 2.0) -> None:
        self.url = url
        self.in_memory = url.startswith('pileus-memory:')
        self.publish_timeout = publish_timeout
        self._speaking = threading.Lock()
        self._connection: kombu.Connection | None = None
        self._producer: kombu.Producer | None = None
        self._listener: Listener | None = None
        self._lock = threading.Lock()
        self._waiting: dict[str, queue.SimpleQueue[Any]] = {}
        self._reply_queue = f'pileus.reply.{new_id()}'
        self.closed = False

    def connect(self) -> kombu.Connection:
        """A new connection, not yet open."""
        if self.in_memory:
            name = urllib.parse.urlsplit(self.url).netloc or 'pileus'
            return kombu.Connection(transport='pileus-memory', virtual_host=name)
        return kombu.Connection(self.url, heartbeat=30, connect_timeout=3, transport_options={'confirm_publish': True})

    def client(self, contract: type[Contract], host: str | None = None) -> Any:
        """An object with the contract's methods, for one host or for whichever server is free."""
        return Client(self, contract, host)

    def serve(self, contract: type[Contract], implementation: object, host: str | None = None, workers: int = 8) -> Server:
        """Let an object answer a contract until its `stop` or this broker's `close`. Raises TypeError when it does not fit."""
        server = Server(contract, implementation, host, workers, self._reply)
        self._listen().add(server, queue_of(contract.topic, host))
        return server

    def _listen(self) -> Listener:
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self, self._reply_queue, self._answered)
            return self._listener

    # -- speaking

    def tell(self, envelope: Envelope, queue_name: str | None) -> None:
        """Send a cast, or (no queue) a fanout; drop it when the broker does not take it in time."""
        try:
            self._publish(envelope.pack(), queue_name, envelope.topic, envelope.message_id, expires=None)
        except Unavailable as error:
            LOG.warning('%s.%s is not sent: %s', envelope.topic, envelope.method, error.admin_detail)

    def ask(self, envelope: Envelope, queue_name: str) -> Any:
        """Send a call and wait for the answer. Raises what the server raised, DeadlineExceeded or Unavailable."""
        listener = self._listen()
        left = envelope.deadline - timestamp()
        if left <= 0 or not listener.ready(min(left, 5.0)):
            raise Unavailable('The message broker does not answer now. Try again.', admin_detail=f'{envelope.topic}.{envelope.method}')
        envelope.reply_to = self._reply_queue
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting[envelope.message_id] = answer
        try:
            self._publish(envelope.pack(), queue_name, envelope.topic, envelope.message_id, expires=left)
            return unpack_answer(answer.get(timeout=max(0.0, envelope.deadline - timestamp())))
        except queue.Empty:
            detail = f'{queue_name}: no answer to {envelope.method} within {left:.1f} s'
            raise DeadlineExceeded('Another part of the cloud did not answer in time. Try again.', admin_detail=detail) from None
        finally:
            self._waiting.pop(envelope.message_id, None)

    def _answered(self, correlation_id: str, data: bytes) -> None:
        waiting = self._waiting.get(correlation_id)
        if waiting is not None:
            waiting.put(data)

    def _reply(self, queue_name: str, correlation_id: str, data: bytes) -> None:
        self._publish(data, queue_name, '', correlation_id, expires=60.0, reply=True)

    def _publish(self, data: bytes, queue_name: str | None, topic: str, message_id: str, *, expires: float | None, reply: bool = False) -> None:
        """Send, with one new connection when the old one is dead. Raises Unavailable."""
        end = monotonic() + self.publish_timeout
        exchange: Any = '' if reply else EXCHANGE if queue_name else fanout_exchange(topic)
        # A lock with a deadline: somebody else may be waiting for a broker that accepts and does not answer.
        if not self._speaking.acquire(timeout=self.publish_timeout * 2):
            raise Unavailable(admin_detail='the message broker is stuck')
        try:
            while True:
                try:
                    self._speaker().publish(
                        data, exchange=exchange, routing_key=queue_name or '', content_type=CONTENT_TYPE, content_encoding='utf-8',
                        correlation_id=message_id, delivery_mode=2 if queue_name and not reply else 1,
                        declare=[exchange] if exchange and not self.in_memory else [], expiration=expires,
                        timeout=self.publish_timeout, retry=False,
                    )  # fmt: skip
                    return
                except _FAILURES as error:
                    self._hang_up()
                    if monotonic() >= end or self.closed:
                        raise Unavailable('The message broker does not answer now. Try again.', admin_detail=str(error)[:300]) from error
                    threading.Event().wait(0.1)
        finally:
            self._speaking.release()

    def _speaker(self) -> kombu.Producer:
        if self._producer is None:
            self._connection = self.connect()
            self._connection.connect()
            self._producer = kombu.Producer(self._connection.channel())
        return self._producer

    def _hang_up(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()

    # -- life

    def drain(self, timeout: float = 10.0) -> bool:
        """Wait until no message is queued or in hand in this process; whether that came true. For tests."""
        return self._listener is None or self._listener.drain(timeout)

    def close(self, drain: float = 5.0) -> None:
        """Stop all servers, give messages in hand some seconds, and hang up."""
        self.closed = True
        if self._listener is not None:
            self._listener.stop(drain)
        with self._speaking:
            self._hang_up()
        local.wake()
