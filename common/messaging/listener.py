"""The one thread of a process that takes messages from the broker and hands them to servers."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import kombu
from kombu.exceptions import KombuError

from common.clock import monotonic
from common.messaging import local
from common.messaging.envelope import Envelope

if TYPE_CHECKING:
    from common.messaging.broker import Broker
    from common.messaging.server import Server

LOG = logging.getLogger(__name__)
PREFETCH = 100
REDELIVERIES = 5
"""How often a message may be delivered before it goes to the dead letters."""
DEAD = 'pileus.dead'
_TURN, _BUSY_TURN = 0.2, 0.01


def _nothing() -> None:
    """There is nothing to acknowledge."""


class Listener:
    """Consumes the queues of all servers of a process, and its replies, over one connection.

    Acknowledgements are given from this thread only, since connections are not safe to share; servers leave them in a queue.
    """

    def __init__(self, broker: Broker, reply_queue: str, answered: Callable[[str, bytes], None]) -> None:
        self._broker, self._reply_queue, self._answered = broker, reply_queue, answered
        self._servers: list[tuple[Server, str]] = []
        self._acks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._new = queue.SimpleQueue[tuple['Server', str]]()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name='messages', daemon=True)
        self._thread.start()

    def add(self, server: Server, queue_name: str) -> None:
        """Consume for one more server; returns when its queues exist, or (broker down) after a moment."""
        self._new.put((server, queue_name))
        local.wake()
        end = monotonic() + 5.0
        while monotonic() < end:
            with self._lock:
                if (server, queue_name) in self._servers and self._ready.is_set():
                    return
            threading.Event().wait(0.005)
        LOG.warning('the broker does not answer; %s is served as soon as it does', queue_name)

    def ready(self, timeout: float) -> bool:
        """Whether replies can be received, waiting for it up to `timeout` seconds."""
        return self._ready.wait(timeout)

    # -- the thread

    def _run(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            try:
                with self._broker.connect() as connection:
                    connection.connect()
                    self._consume(connection)
                    pause = 0.1
            except (KombuError, OSError) as error:
                self._ready.clear()
                if self._stopping.is_set():
                    return
                LOG.warning('the connection to the broker is lost (%s); trying again', type(error).__name__)
                self._stopping.wait(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, 3.0)
            except Exception:
                self._ready.clear()
                LOG.exception('unexpected failure of the connection to the broker; trying again')
                self._stopping.wait(1.0)

    def _consume(self, connection: kombu.Connection) -> None:
        channel = connection.channel()
        channel.basic_qos(0, PREFETCH, False)
        self._drop_acks()
        consumers = [self._consume_replies(channel)]
        for server, name in list(self._servers):
            consumers += self._consume_server(channel, server, name)
        self._ready.set()
        beat = monotonic()
        while not self._stopping.is_set():
            self._take_new(channel, consumers)
            try:
                connection.drain_events(timeout=self._patience())
            except TimeoutError:
                pass
            self._give_acks()
            if not self._broker.in_memory and monotonic() - beat > 5:
                beat = monotonic()
                connection.heartbeat_check()

    def _patience(self) -> float:
        """Seconds to wait for the next message: short while somebody may have an acknowledgement for us to give."""
        if self._broker.in_memory:
            return 5.0
        return _BUSY_TURN if any(server.busy for server, _ in self._servers) else _TURN

    def _take_new(self, channel: Any, consumers: list[Any]) -> None:
        while not self._new.empty():
            server, name = self._new.get()
            consumers += self._consume_server(channel, server, name)
            with self._lock:
                self._servers.append((server, name))

    def _consume_replies(self, channel: Any) -> Any:
        replies = kombu.Queue(self._reply_queue, durable=False, exclusive=not self._broker.in_memory, auto_delete=True, expires=None)
        consumer = kombu.Consumer(channel, [replies], no_ack=True, on_message=self._on_reply, accept=['json'])
        consumer.consume()
        return consumer

    def _on_reply(self, message: Any) -> None:
        self._answered(str(message.properties.get('correlation_id')), message.body)

    def _consume_server(self, channel: Any, server: Server, name: str) -> list[Any]:
        from common.messaging.broker import EXCHANGE, fanout_exchange

        work = kombu.Queue(name, EXCHANGE, routing_key=name, durable=True, queue_arguments=self._queue_arguments(channel))
        everybody = kombu.Queue(
            f'{name}.all.{self._reply_queue}.{id(server)}', fanout_exchange(server.contract.topic), durable=False,
            exclusive=not self._broker.in_memory, auto_delete=True,
        )  # fmt: skip
        made = []
        for one in (work, everybody):
            consumer = kombu.Consumer(channel, [one], no_ack=self._broker.in_memory, on_message=lambda message: self._on_message(server, message), accept=['json'])
            consumer.consume()
            made.append(consumer)
        return made

    def _queue_arguments(self, channel: Any) -> dict[str, Any] | None:
        if self._broker.in_memory:
            return None
        dead = kombu.Exchange(DEAD, 'fanout', durable=True)
        kombu.Queue(DEAD, dead, durable=True, queue_arguments={'x-queue-type': 'quorum', 'x-max-length': 10000})(channel).declare()
        return {'x-queue-type': 'quorum', 'x-delivery-limit': REDELIVERIES, 'x-dead-letter-exchange': DEAD}

    def _on_message(self, server: Server, message: Any) -> None:
        if server.stopping:
            if not self._broker.in_memory:
                message.requeue()
            return
        try:
            envelope = Envelope.unpack(message.body)
        except (ValueError, TypeError) as error:
            LOG.error('a message on %s is set aside as a dead letter: %s', server.contract.topic, error)
            if not self._broker.in_memory:
                message.reject()
            return
        # In memory an unacknowledged message would die with the process all the same.
        server.take(envelope, _nothing if self._broker.in_memory else lambda: self._acks.put(message))
        self._give_acks()

    def _give_acks(self) -> None:
        while not self._acks.empty():
            self._acks.get().ack()

    def _drop_acks(self) -> None:
        """Messages of a connection that is gone are delivered again; acknowledging them on the new one would be an error."""
        while not self._acks.empty():
            self._acks.get()

    # -- life

    def drain(self, timeout: float) -> bool:
        """Wait until all is quiet."""
        end = monotonic() + timeout
        quiet_since = None
        while monotonic() < end:
            busy = any(server.busy for server, _ in self._servers) or (self._broker.in_memory and local.pending())
            quiet_since = None if busy else quiet_since or monotonic()
            if quiet_since is not None and monotonic() - quiet_since > 0.02:
                return True
            threading.Event().wait(0.005)
        return False

    def stop(self, drain: float) -> None:
        """End."""
        for server, _ in self._servers:
            server.stop(drain)
        self._stopping.set()
        local.wake()
        self._thread.join(5.0)
