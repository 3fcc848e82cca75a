"""The one thread of a process that takes messages from the broker and hands them to servers."""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import select
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import kombu
from kombu.exceptions import KombuError

from common.clock import monotonic
from common.ids import new_id
from common.messaging.contract import FANOUT
from common.messaging.deadletter import declare_dead
from common.messaging.envelope import Envelope
from common.messaging.speaker import hang_up

if TYPE_CHECKING:
    from common.messaging.broker import Broker
    from common.messaging.server import Server

LOG = logging.getLogger(__name__)
_TURN = 5.0  # seconds between looks at the heartbeat
_LONGEST_PAUSE = 1.0


class Listener:
    """Consumes the queues of all servers of a process, and its replies, over one connection.

    Connections are not safe to share: whatever is to be done with this one (an acknowledgement, one more server) is left in
    a queue for its thread, which is woken from its wait.

    :param answered: called with the correlation id and data of each reply
    :param lost: called when the connection, and so the queue of replies, is gone
    """

    def __init__(self, broker: Broker, answered: Callable[[str, bytes], None], lost: Callable[[], None]) -> None:
        self._broker, self._answered, self._lost = broker, answered, lost
        self.reply_queue = ''
        self._servers: list[tuple[Server, str]] = []
        self._done: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()  # (connection's number, message)
        self._generation = 0
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._consuming = 0
        self._stopping = False
        self._connection: kombu.Connection | None = None
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name='messages', daemon=True)
        self._thread.start()

    def add(self, server: Server, queue_name: str, patience: float = 5.0) -> None:
        """Consume for one more server; returns when its queues exist, or (broker down) after a moment."""
        with self._changed:
            self._servers.append((server, queue_name))
            place = len(self._servers)
            self._wake()
            if not self._changed.wait_for(lambda: self._consuming >= place, patience):
                LOG.warning('the broker does not answer; %s is served as soon as it does', queue_name)

    def ready(self, timeout: float) -> bool:
        """Whether replies can be received, waiting for it up to `timeout` seconds."""
        return self._ready.wait(timeout)

    def _wake(self) -> None:
        connection = self._connection
        if self._broker.in_memory and connection is not None and connection.connected:
            connection.transport.wake()
            return
        try:
            self._wake_writer.send(b'.')
        except OSError:  # it is full: somebody has woken it already
            return

    # -- the thread

    def _run(self) -> None:
        pause = 0.1
        while not self._stopping:
            connection = self._broker.connect()
            try:
                connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
                self._connection = connection
                self._begin(connection)
                pause = 0.1
                while not self._stopping:
                    self._turn(connection)
            except (KombuError, OSError) as error:
                if not self._stopping:
                    LOG.warning('the connection to the broker is lost (%s: %s); trying again', type(error).__name__, str(error)[:200])
            except Exception:
                LOG.exception('unexpected failure of the connection to the broker; trying again')
            finally:
                self._end(connection)
            if not self._stopping:
                select.select([self._wake_reader], [], [], pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _begin(self, connection: kombu.Connection) -> None:
        self._generation += 1
        self._channel = connection.channel()
        self._consumers: list[Any] = []
        # A name of its own for each connection: the broker may hold the one before for alive a while longer.
        self.reply_queue = f'pileus.reply.{new_id()}'
        replies = kombu.Queue(self.reply_queue, durable=False, exclusive=True, auto_delete=True)
        self._consume(
            replies, no_ack=True, on_message=lambda message: self._answered(str(message.properties.get('correlation_id')), message.body)
        )
        if not self._broker.in_memory:
            declare_dead(self._channel)
        self._consume_new()
        self._beat = monotonic()
        self._ready.set()

    def _end(self, connection: kombu.Connection) -> None:
        self._ready.clear()
        self._connection = None
        with self._changed:
            self._consuming = 0
        hang_up(connection)
        self._lost()

    def _turn(self, connection: kombu.Connection) -> None:
        """Wait for the next thing to do, and do it."""
        if self._wait(connection):
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=_TURN)
        self._acknowledge()
        self._consume_new()
        if not self._broker.in_memory and monotonic() - self._beat > _TURN:
            self._beat = monotonic()
            connection.heartbeat_check()

    def _wait(self, connection: kombu.Connection) -> bool:
        """Whether the connection is to be read. In memory the reading itself is what is woken."""
        if self._broker.in_memory:
            return True
        raw = connection.connection.transport.sock
        if getattr(raw, 'pending', None) is not None and raw.pending():
            return True
        readable, _, _ = select.select([raw, self._wake_reader], [], [], _TURN)
        if self._wake_reader in readable:
            with contextlib.suppress(BlockingIOError):
                self._wake_reader.recv(4096)
        return raw in readable

    def _acknowledge(self) -> None:
        while not self._done.empty():
            generation, message = self._done.get()
            # A message of a connection that is gone is delivered again; acknowledging it on this one would be an error.
            if generation == self._generation:
                message.ack()

    def _consume_new(self) -> None:
        while self._consuming < len(self._servers):
            server, name = self._servers[self._consuming]
            self._consume_server(server, name)
            with self._changed:
                self._consuming += 1
                self._changed.notify_all()

    def _consume(self, entity: kombu.Queue, **rest: Any) -> None:
        consumer = kombu.Consumer(self._channel, [entity], accept=['json'], **rest)
        consumer.consume()
        self._consumers.append(consumer)

    def _consume_server(self, server: Server, name: str) -> None:
        from common.messaging.broker import fanout_exchange

        memory = self._broker.in_memory
        kinds = {method.kind for method in server.contract.methods.values()}
        arguments = None
        if not memory:
            arguments = {'x-queue-type': 'quorum', 'x-delivery-limit': self._broker.redeliveries, 'x-dead-letter-exchange': 'pileus.dead'}
            self._channel.basic_qos(0, server.workers * 2, False)
        if kinds != {FANOUT}:  # what is told to everybody only comes another way, and a lasting queue of each process would never go
            work = kombu.Queue(name, kombu.Exchange(''), routing_key=name, durable=True, queue_arguments=arguments)
            self._consume(work, no_ack=memory, on_message=lambda message: self._on_message(server, message))
        if FANOUT in kinds:
            everybody = kombu.Queue(
                f'{name}.all.{new_id()}', fanout_exchange(server.contract.topic), durable=False, exclusive=True, auto_delete=True
            )
            self._consume(everybody, no_ack=memory, on_message=lambda message: self._on_message(server, message))

    def _on_message(self, server: Server, message: Any) -> None:
        memory = self._broker.in_memory
        if server.stopping:
            if not memory:
                message.requeue()
            return
        try:
            envelope = Envelope.unpack(message.body)
        except (ValueError, TypeError) as error:
            LOG.error('a message on %s is set aside as a dead letter: %s', server.contract.topic, error)
            if not memory:
                message.reject()
            return
        if memory:  # an unacknowledged message would die with the process all the same
            server.take(envelope, _nothing)
            return
        generation = self._generation

        def done() -> None:
            self._done.put((generation, message))
            self._wake()

        server.take(envelope, done)

    # -- life

    def drain(self, timeout: float) -> bool:
        """Wait until all is quiet."""
        end = monotonic() + timeout
        quiet_since = None
        while monotonic() < end:
            busy = any(server.busy for server, _ in self._servers) or self._broker.pending() > 0
            quiet_since = None if busy else quiet_since or monotonic()
            if quiet_since is not None and monotonic() - quiet_since > 0.02:
                return True
            threading.Event().wait(0.005)
        return False

    def stop(self, drain: float) -> None:
        """End."""
        end = monotonic() + drain
        for server, _ in list(self._servers):
            server.stopping = True
        for server, _ in list(self._servers):
            server.stop(max(0.0, end - monotonic()))
        self._stopping = True
        self._wake()
        self._thread.join(5.0)
        self._wake_reader.close()
        self._wake_writer.close()


def _nothing() -> None:
    """There is nothing to acknowledge."""
