"""kombu's in-memory transport, waiting for messages instead of polling for them.

kombu's own asks each of its queues again and again; here whoever puts a message tells those who consume the queue which one
it is, so that delivery costs the same with ten queues as with ten thousand and waiting costs nothing. Each name of a broker
(`pileus-memory://NAME`) is a world of its own that ends with its last connection.
"""

from __future__ import annotations

import collections
import queue
import threading
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, memory, virtual


class VirtualHost:
    """The queues behind one name, and who consumes them."""

    def __init__(self) -> None:
        self.state = virtual.BrokerState()
        self.queues: dict[str, collections.deque[Any]] = {}
        self.consumers: dict[str, list[Transport]] = {}
        self.lock = threading.Lock()
        self.connections = 0

    def put(self, name: str, message: Any) -> None:
        """Queue a message; as with AMQP, one for a queue that does not exist is dropped."""
        with self.lock:
            waiting = self.queues.get(name)
            if waiting is None:
                return
            waiting.append(message)
            for transport in self.consumers.get(name, ()):
                transport.mail.put(name)

    def consume(self, name: str, transport: Transport) -> None:
        """Tell this connection of the messages of a queue, those that wait already included."""
        with self.lock:
            self.consumers.setdefault(name, []).append(transport)
            for _ in range(len(self.queues.setdefault(name, collections.deque()))):
                transport.mail.put(name)

    def cancel(self, name: str, transport: Transport) -> None:
        """The connection consumes the queue no more."""
        with self.lock:
            others = self.consumers.get(name, [])
            if transport in others:
                others.remove(transport)
            if not others:
                self.consumers.pop(name, None)

    def pending(self) -> int:
        """How many messages wait in queues that somebody consumes."""
        with self.lock:
            return sum(len(self.queues[name]) for name in self.consumers if name in self.queues)


_hosts: dict[str, VirtualHost] = {}
_hosts_lock = threading.Lock()


def host_of(name: str) -> VirtualHost:
    """The world of this name, made when it is first asked for."""
    with _hosts_lock:
        return _hosts.setdefault(name, VirtualHost())


class Channel(memory.Channel):
    """A channel on the queues of one virtual host."""

    body_encoding = 'utf-8'
    connection: Transport

    def __init__(self, connection: Transport, **rest: Any) -> None:
        super().__init__(connection, **rest)
        self.host = connection.host
        self.queues = self.host.queues

    def _new_queue(self, queue: str, **rest: Any) -> None:
        with self.host.lock:
            self.host.queues.setdefault(queue, collections.deque())

    def _put(self, queue: str, message: Any, **rest: Any) -> None:
        self.host.put(queue, message)

    def _put_fanout(self, exchange: str, message: Any, routing_key: str | None = None, **rest: Any) -> None:
        for name in self._lookup(exchange, routing_key):
            self.host.put(name, message)

    def _get(self, name: str, timeout: float | None = None) -> Any:
        try:
            return self.host.queues[name].popleft()
        except (KeyError, IndexError):
            raise queue.Empty from None

    def _size(self, queue: str) -> int:
        return len(self.host.queues.get(queue, ()))

    def _purge(self, queue: str) -> int:
        waiting = self.host.queues.get(queue)
        size = len(waiting) if waiting else 0
        if waiting:
            waiting.clear()
        return size

    def basic_consume(self, queue: str, no_ack: bool, callback: Any, consumer_tag: str, **rest: Any) -> None:
        """Consume, as the base class says."""
        super().basic_consume(queue, no_ack, callback, consumer_tag, **rest)
        self.host.consume(queue, self.connection)

    def basic_cancel(self, consumer_tag: str) -> None:
        """Consume no more. A queue that only this connection could read (of replies, of a fanout) goes with its consumer."""
        name = self._tag_to_queue.get(consumer_tag)
        super().basic_cancel(consumer_tag)
        if name is not None:
            self.host.cancel(name, self.connection)
            if name in self.connection.own_queues:
                self.queue_delete(name)
                with self.host.lock:  # the base class forgets queues that are bound to an exchange only
                    self.host.queues.pop(name, None)

    def queue_declare(self, queue: str | None = None, passive: bool = False, exclusive: bool = False, **rest: Any) -> Any:
        """Declare, as the base class says; an exclusive queue belongs to this connection."""
        if exclusive and queue:
            self.connection.own_queues.add(queue)
        return super().queue_declare(queue, passive, **rest)

    def close(self) -> None:
        """Cancel all consumers; what waits in shared queues stays."""
        virtual.Channel.close(self)


class Transport(memory.Transport):
    """The transport behind `pileus-memory://`."""

    Channel = Channel

    def __init__(self, client: Any, **rest: Any) -> None:
        super().__init__(client, **rest)
        self.name = client.virtual_host or 'pileus'
        self.host = host_of(self.name)
        self.state = self.host.state
        self.mail: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.own_queues: set[str] = set()
        self._open = False

    def establish_connection(self) -> Transport:
        """One more connection to the virtual host."""
        self._open = True
        with _hosts_lock:
            self.host.connections += 1
            _hosts[self.name] = self.host
        return super().establish_connection()

    def close_connection(self, connection: Any) -> None:
        """The last one to go takes the virtual host along."""
        super().close_connection(connection)
        if not self._open:
            return
        self._open = False
        with _hosts_lock:
            self.host.connections -= 1
            if self.host.connections <= 0:
                _hosts.pop(self.name, None)

    def drain_events(self, connection: Any, timeout: float | None = None, **rest: Any) -> None:
        """Deliver one message, waiting up to `timeout` seconds. Raises TimeoutError, also when `wake` interrupts."""
        while True:
            try:
                name = self.mail.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError from None
            if name is None:
                raise TimeoutError
            waiting = self.host.queues.get(name)
            try:
                message = waiting.popleft() if waiting else None
            except IndexError:
                message = None
            if message is not None and name in self._callbacks:
                self._callbacks[name](message)
                return
            if message is not None:
                self.host.put(name, message)  # cancelled meanwhile; somebody else may want it

    def wake(self) -> None:
        """Let whoever waits in `drain_events` return, for example to see that it should stop."""
        self.mail.put(None)


TRANSPORT_ALIASES['pileus-memory'] = f'{__name__}:Transport'
