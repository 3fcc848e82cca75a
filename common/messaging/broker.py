"""A process's connection to the broker: one connection that listens, a few that speak.

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

from common.clock import timestamp
from common.errors import DeadlineExceeded, Unavailable
from common.messaging import local
from common.messaging.client import Client, queue_of
from common.messaging.contract import Contract
from common.messaging.deadletter import DeadLetters
from common.messaging.envelope import Envelope, unpack_answer
from common.messaging.listener import Listener
from common.messaging.pool import Pool
from common.messaging.server import Server
from common.messaging.speaker import Speaker

LOG = logging.getLogger(__name__)
HEARTBEAT = 20
MOST_THREADS = 200


def fanout_exchange(topic: str) -> kombu.Exchange:
    """The exchange that reaches every server of a topic."""
    return kombu.Exchange(f'pileus.{topic}.all', 'fanout', durable=True)


class Broker:
    """Gives clients and servers of contracts.

    :param url: `pileus-memory://NAME` (within one process) or `amqp://user:password@host:port//`
    :param publish_timeout: seconds to try to send before a cast is dropped or a call fails
    :param redeliveries: how often a message whose reader died is delivered again before it becomes a dead letter;
        a property of the queues, so all processes must say the same
    """

    def __init__(self, url: str, *, publish_timeout: float = 1.0, redeliveries: int = 5) -> None:
        self.url, self.redeliveries = url, redeliveries
        self.in_memory = url.startswith('pileus-memory:')
        self._connect_timeout = max(publish_timeout, 1.0)
        self._pool = Pool(MOST_THREADS)
        self._speaker = Speaker(lambda: self.connect(heartbeat=0), publish_timeout)
        self._listener: Listener | None = None
        self._lock = threading.Lock()
        self._waiting: dict[str, queue.SimpleQueue[Any]] = {}
        self.closed = False

    def connect(self, heartbeat: int = HEARTBEAT) -> kombu.Connection:
        """A new connection, not yet open."""
        if self.in_memory:
            name = urllib.parse.urlsplit(self.url).netloc or 'pileus'
            return kombu.Connection(transport='pileus-memory', virtual_host=name)
        options = {'confirm_publish': True, 'read_timeout': None, 'client_properties': {'connection_name': 'pileus'}}
        return kombu.Connection(self.url, heartbeat=heartbeat, connect_timeout=self._connect_timeout, transport_options=options)

    def client(self, contract: type[Contract], host: str | None = None) -> Any:
        """An object with the contract's methods, for one host or for whichever server is free."""
        return Client(self, contract, host)

    def serve(self, contract: type[Contract], implementation: object, host: str | None = None, workers: int = 8) -> Server:
        """Let an object answer a contract until its `stop` or this broker's `close`. Raises TypeError when it does not fit.

        Returns when the queue exists; where the broker is away, after a moment, and the queue is served once it is back.
        """
        server = Server(contract, implementation, host, workers, self._pool, self._reply)
        self._listen().add(server, queue_of(contract.topic, host))
        return server

    def dead_letters(self) -> DeadLetters:
        """The messages that were given up."""
        return DeadLetters(self)

    def ping(self) -> str | None:
        """None when messages can be received, else what is wrong, for health checks."""
        return None if self._listen().ready(0.5) else 'the message broker cannot be reached'

    def _listen(self) -> Listener:
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self, self._answered, self._lost)
            return self._listener

    # -- speaking

    def tell(self, envelope: Envelope, queue_name: str | None) -> None:
        """Send a cast, or (no queue) a fanout; drop it when the broker does not take it in time."""
        data = envelope.pack()
        exchange = None if queue_name else fanout_exchange(envelope.topic)
        try:
            self._speaker.publish(
                data, exchange=exchange, queue_name=queue_name or '', correlation_id=envelope.message_id, durable=bool(queue_name)
            )
        except Unavailable as error:
            LOG.warning('%s.%s is not sent: %s', envelope.topic, envelope.method, error.admin_detail)

    def ask(self, envelope: Envelope, queue_name: str) -> Any:
        """Send a call and wait for the answer. Raises what the server raised, DeadlineExceeded or Unavailable."""
        listener = self._listen()
        left = envelope.deadline - timestamp()
        if left <= 0:
            raise DeadlineExceeded('The time for this request is over.')
        if not listener.ready(min(left, self._connect_timeout)):
            raise Unavailable('The message broker does not answer now. Try again.', admin_detail=f'{envelope.topic}.{envelope.method}')
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting[envelope.message_id] = answer
        envelope.reply_to = listener.reply_queue
        try:
            self._speaker.publish(envelope.pack(), exchange=None, queue_name=queue_name, correlation_id=envelope.message_id, durable=True)
            data = answer.get(timeout=max(0.0, envelope.deadline - timestamp()))
        except queue.Empty:
            detail = f'{queue_name}: no answer to {envelope.method} within {left:.1f} s'
            raise DeadlineExceeded('Another part of the cloud did not answer in time. Try again.', admin_detail=detail) from None
        finally:
            self._waiting.pop(envelope.message_id, None)
        if data is None:
            detail = f'{queue_name}: the connection broke while {envelope.method} was waited for'
            raise Unavailable('The message broker does not answer now. Try again.', admin_detail=detail)
        return unpack_answer(data)

    def _answered(self, correlation_id: str, data: bytes) -> None:
        waiting = self._waiting.get(correlation_id)
        if waiting is not None:
            waiting.put(data)

    def _lost(self) -> None:
        """The queue of answers is gone with its connection: who waits for one would wait in vain."""
        for waiting in list(self._waiting.values()):
            waiting.put(None)

    def _reply(self, queue_name: str, correlation_id: str, data: bytes) -> None:
        self._speaker.publish(data, exchange=None, queue_name=queue_name, correlation_id=correlation_id, durable=False)

    # -- life

    def drain(self, timeout: float = 10.0) -> bool:
        """Wait until no message is queued or in hand in this process; whether that came true. For tests."""
        return self._listener is None or self._listener.drain(timeout)

    def pending(self) -> int:
        """Messages that wait in queues, as far as this process can know (in memory only)."""
        return local.host_of(urllib.parse.urlsplit(self.url).netloc or 'pileus').pending() if self.in_memory else 0

    def close(self, drain: float = 5.0) -> None:
        """Stop all servers, give messages in hand some seconds, and hang up."""
        self.closed = True
        if self._listener is not None:
            self._listener.stop(drain)
        self._speaker.close()
        self._pool.close()
