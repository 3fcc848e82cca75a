"""The HTTP server under the APIs.

A few threads wait together on one epoll for whichever connection has something to say; the one that is woken handles the
request and waits again. Connections that are silent cost no thread, and a request costs no hand-over from one thread to
another. Under eventlet each connection has a green thread instead.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import sys
import threading
from typing import Any

from common.clock import monotonic
from common.errors import Unavailable
from common.service import concurrency
from common.service.http_answer import FileBody
from common.service.http_connection import Connection

__all__ = ['FileBody', 'HttpServer', 'listen']
LOG = logging.getLogger(__name__)
BACKLOG = 512
MOST_CONNECTIONS = 2000
IDLE_SECONDS = 75.0
IO_SECONDS = 60.0
MOST_LONG = 256
"""Requests at a time that take as long as their client likes, and have threads besides those that `threads` bounds."""
_LOOK_EVERY = 5.0


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket. `shared`: other processes may listen on the port too. Raises Unavailable when it is taken."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f'Port {port} of {host} cannot be listened on: {error.strerror}. Is something else using it? See: ss -ltnp'
        ) from error
    sock.setblocking(False)
    return sock


class HttpServer:
    """One API on one port.

    :param application: a WSGI application
    :param threads: requests at a time; threads are made when they are first needed
    :param shared_port: let other processes listen on the port too; the kernel spreads connections (SO_REUSEPORT)
    :param listener: a listening socket, instead of host and port
    """

    def __init__(
        self, application: Any, host: str, port: int, *, threads: int = 10, shared_port: bool = False, listener: socket.socket | None = None
    ) -> None:
        self.host, self.port, self.stopping = host, port, False
        self._app, self._most_threads, self._shared = application, threads, shared_port
        self._listener = listener
        self._connections: dict[int, Connection] = {}
        self._lock = threading.Lock()
        self._threads = self._idle = self._long = 0
        self._quiet = threading.Condition(self._lock)
        self._looked = monotonic()
        self._base: dict[str, Any] = {}
        self._epoll: Any = None
        self._bell: tuple[int, int] | None = None

    def start(self) -> None:
        """Listen and serve. Raises Unavailable when the port is taken."""
        if self._listener is None:
            self._listener = listen(self.host, self.port, shared=self._shared)
        self.port = self._listener.getsockname()[1]
        self._base = {
            'SCRIPT_NAME': '',
            'SERVER_NAME': self.host,
            'SERVER_PORT': str(self.port),
            'SERVER_SOFTWARE': 'pileus',
            'wsgi.version': (1, 0),
            'wsgi.url_scheme': 'http',
            'wsgi.errors': sys.stderr,
            'wsgi.multithread': True,
            'wsgi.multiprocess': self._shared,
            'wsgi.run_once': False,
            'wsgi.file_wrapper': FileBody,
        }
        if concurrency.is_green():
            threading.Thread(target=self._accept_green, name=f'http-{self.port}', daemon=True).start()
            return
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN | select.EPOLLEXCLUSIVE)
        self._bell = os.pipe()
        self._epoll.register(self._bell[0], select.EPOLLIN)
        with self._lock:
            self._grow()

    # -- threads

    def _grow(self) -> None:
        """One more thread, unless one is free. Holds the lock."""
        if self._idle == 0 and self._threads < self._most_threads + self._long and not self._bell_rung():
            self._threads += 1
            self._idle += 1
            threading.Thread(target=self._work, name=f'http-{self.port}', daemon=True).start()

    def lend(self) -> bool:
        """A request begins to take long: others get a thread in its place. False where there are too many such requests."""
        with self._lock:
            if self._long >= MOST_LONG:
                return False
            self._long += 1
            if self._epoll is not None:  # green threads are one for each connection
                self._grow()
        return True

    def take_back(self) -> None:
        """A request that took long is over."""
        with self._lock:
            self._long -= 1

    def _one_too_many(self) -> bool:
        """Whether the thread that asks is to end, since long requests have ended; the others can do the rest."""
        if self._threads <= self._most_threads + self._long:
            return False
        with self._lock:
            if self._threads <= self._most_threads + self._long or self._idle < 2:
                return False
            self._threads -= 1
            self._idle -= 1
            self._quiet.notify_all()
            return True

    def _bell_rung(self) -> bool:
        return self.stopping and not self._connections

    def _work(self) -> None:
        listener = self._listener.fileno() if self._listener is not None else -1
        bell = self._bell[0] if self._bell else -1
        while True:
            ready = self._epoll.poll(_LOOK_EVERY, 1)
            if not ready:
                self._close_idle()
                continue
            descriptor = ready[0][0]
            if descriptor == bell:
                with self._lock:
                    self._threads -= 1
                    self._idle -= 1
                    self._quiet.notify_all()
                return
            if descriptor == listener:
                self._accept()
                continue
            self._attend(descriptor)
            if self._one_too_many():
                return

    def _attend(self, descriptor: int) -> None:
        with self._lock:
            connection = self._connections.get(descriptor)
            if connection is None or connection.busy or connection.closed:
                return
            connection.busy = True
            self._idle -= 1
            self._grow()
        keep = False
        try:
            keep = connection.serve(self)
        except Exception:
            LOG.exception('a connection failed')
        with self._lock:
            self._idle += 1
            connection.busy = False
            if keep and not self.stopping:
                connection.since = monotonic()
                self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT)
                return
            self._forget(connection)

    def _accept(self) -> None:
        for _ in range(16):
            listener = self._listener
            try:
                sock, peer = listener.accept() if listener is not None else (None, None)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if not self.stopping:
                    LOG.warning('a connection to port %d could not be taken: %s', self.port, error)
                    threading.Event().wait(0.05)  # out of descriptors: the connection stays in the queue, and we must not spin
                return
            if sock is None:
                return
            self._adopt(sock, peer)

    def _adopt(self, sock: socket.socket, peer: Any) -> None:
        try:
            connection = Connection(sock, peer, self._app, self._base, IO_SECONDS)
        except OSError:
            sock.close()
            return
        with self._lock:
            if len(self._connections) >= MOST_CONNECTIONS:
                idle = [one for one in self._connections.values() if not one.busy]
                if idle:
                    self._forget(min(idle, key=lambda one: one.since))
            self._connections[connection.fd] = connection
            self._epoll.register(connection.fd, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT)

    def _forget(self, connection: Connection) -> None:
        """Close. Holds the lock."""
        self._connections.pop(connection.fd, None)
        if self._epoll is not None:
            with contextlib.suppress(OSError, ValueError):
                self._epoll.unregister(connection.fd)
        connection.close()
        self._quiet.notify_all()

    def _close_idle(self) -> None:
        now = monotonic()
        with self._lock:
            if now - self._looked < _LOOK_EVERY:
                return
            self._looked = now
            for connection in list(self._connections.values()):
                if not connection.busy and now - connection.since > IDLE_SECONDS:
                    self._forget(connection)

    # -- green threads

    def _accept_green(self) -> None:
        listener = self._listener
        if listener is None:
            return
        listener.settimeout(1.0)
        while not self.stopping:
            try:
                sock, peer = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve_green, args=(sock, peer), daemon=True).start()

    def _serve_green(self, sock: socket.socket, peer: Any) -> None:
        connection = Connection(sock, peer, self._app, self._base, IDLE_SECONDS)
        with self._lock:
            self._connections[connection.fd] = connection
        try:
            while not self.stopping and connection.serve(self, wait=True):
                continue
        finally:
            with self._lock:
                self._forget(connection)

    # -- the end

    def close_listener(self) -> None:
        """Take no new connections; answers from now on are the last ones of their connections."""
        self.stopping = True
        with self._lock:
            listener, self._listener = self._listener, None
            if listener is not None:
                if self._epoll is not None:
                    with contextlib.suppress(OSError, ValueError):
                        self._epoll.unregister(listener.fileno())
                listener.close()
            for connection in list(self._connections.values()):
                if not connection.busy:
                    self._forget(connection)

    def stop(self, drain: float = 10.0) -> None:
        """Take no new requests and let those in hand end for up to `drain` seconds."""
        self.close_listener()
        end = monotonic() + drain
        with self._lock:
            while any(connection.busy for connection in self._connections.values()) and monotonic() < end:
                self._quiet.wait(max(0.0, end - monotonic()))
            for connection in list(self._connections.values()):
                self._forget(connection)
            if self._bell is None:
                return
            os.write(self._bell[1], b'.')
            while self._threads and monotonic() < end + 1.0:
                self._quiet.wait(0.2)
            if not self._threads:
                self._epoll.close()
                os.close(self._bell[0])
            os.close(self._bell[1])
            self._bell = None
