"""The metadata proxy of a host: one thread that listens in every namespace, and a few that ask the metadata API.

A listening socket belongs to the namespace in which it was opened, so one process serves them all. Requests are read
without blocking: a guest that sends slowly, or opens many connections, holds nobody else up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from common import clock
from network.metadata_http import BadRequest, Request, parse, render

LOG = logging.getLogger(__name__)

PER_GUEST = 16  # connections of one address at a time
IDLE_SECONDS = 15.0  # a connection without a whole request is closed
SEND_SECONDS = 10.0
BACKLOG = 256


@dataclasses.dataclass(eq=False, slots=True)
class Listener:
    """A listening socket in a namespace. `place` says which: ('router', id) or ('network', id)."""

    place: tuple[str, str]
    socket: socket.socket
    identity: int


@dataclasses.dataclass(eq=False, slots=True)
class _Guest:
    """A connection of a guest."""

    socket: socket.socket
    place: tuple[str, str]
    address: str
    received: bytearray
    until: float


Answer = Callable[[tuple[str, str], str, Request], tuple[int, list[tuple[str, str]], bytes]]


class MetadataProxy:
    """Serves guests. `answer(place, source address, request)` gives status, headers and body; it may take a while."""

    def __init__(self, answer: Answer, workers: int = 8) -> None:
        self._answer = answer
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix='metadata')
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._todo: list[Callable[[], None]] = []
        self._listeners: dict[tuple[str, str], Listener] = {}
        self._guests: set[_Guest] = set()
        self._counts: Counter[tuple[tuple[str, str], str]] = Counter()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name='metadata-proxy', daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Close everything."""
        self._stopping = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join(5)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for listener in self._listeners.values():
            listener.socket.close()
        for guest in self._guests:
            guest.socket.close()
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()

    def listening(self) -> dict[tuple[str, str], int]:
        """Where we listen: place -> identity of the namespace in which the socket was opened."""
        with self._lock:
            return {place: listener.identity for place, listener in self._listeners.items()}

    def add(self, place: tuple[str, str], listening: socket.socket, identity: int) -> None:
        """Serve a listening socket (of the namespace with this identity) from now on; replaces the place's former one."""
        listening.setblocking(False)
        listener = Listener(place, listening, identity)
        with self._lock:
            former = self._listeners.get(place)
            self._listeners[place] = listener
        if former:
            self._do(lambda: self._forget(former.socket))
        self._do(lambda: self._selector.register(listening, selectors.EVENT_READ, listener) and None)

    def remove(self, place: tuple[str, str]) -> None:
        """Listen there no more."""
        with self._lock:
            listener = self._listeners.pop(place, None)
        if listener:
            self._do(lambda: self._forget(listener.socket))

    def _do(self, action: Callable[[], None]) -> None:
        """Have the proxy's own thread do something with the selector."""
        with self._lock:
            self._todo.append(action)
        self._ring()

    def _ring(self) -> None:
        try:
            self._wake_write.send(b'x')
        except OSError:
            LOG.debug('the metadata proxy has stopped')

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(timeout=5.0):
                if key.data is None:
                    self._woken()
                elif isinstance(key.data, Listener):
                    self._accept(key.data)
                else:
                    self._receive(key.data)
            self._close_idle()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_read.recv(4096)
        with self._lock:
            todo, self._todo = self._todo, []
        for action in todo:
            action()

    def _forget(self, sock: socket.socket) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(sock)
        sock.close()

    def _accept(self, listener: Listener) -> None:
        for _ in range(BACKLOG):
            try:
                connection, peer = listener.socket.accept()
            except (BlockingIOError, OSError):
                return
            address = peer[0].partition('%')[0]
            if self._counts[listener.place, address] >= PER_GUEST:
                connection.close()
                continue
            self._counts[listener.place, address] += 1
            connection.setblocking(False)
            guest = _Guest(connection, listener.place, address, bytearray(), clock.monotonic() + IDLE_SECONDS)
            self._guests.add(guest)
            self._selector.register(connection, selectors.EVENT_READ, guest)

    def _receive(self, guest: _Guest) -> None:
        try:
            data = guest.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self._close(guest)
            return
        guest.received += data
        self._maybe_answer(guest)

    def _maybe_answer(self, guest: _Guest) -> None:
        try:
            request, used = parse(guest.received)
        except BadRequest as error:
            self._selector.unregister(guest.socket)
            self._pool.submit(self._send, guest, render(error.status, [], error.args[0].encode(), keep=False), False)
            return
        if request is None:
            return
        del guest.received[:used]
        self._selector.unregister(guest.socket)
        guest.until = float('inf')
        self._pool.submit(self._serve, guest, request)

    def _serve(self, guest: _Guest, request: Request) -> None:
        """In a worker: ask, answer, and give the connection back to the selector if it stays open."""
        try:
            status, headers, body = self._answer(guest.place, guest.address, request)
        except Exception:
            # The guest is told 500, the operator finds out why; the worker must live on for the other guests.
            LOG.exception('the metadata request %s of %s failed', request.target, guest.address)
            status, headers, body = 500, [], b'The metadata proxy failed; try again.\n'
        self._send(guest, render(status, headers, body, keep=request.keep_alive, head=request.method == 'HEAD'), request.keep_alive)

    def _send(self, guest: _Guest, data: bytes, keep: bool) -> None:
        try:
            guest.socket.settimeout(SEND_SECONDS)
            guest.socket.sendall(data)
            guest.socket.setblocking(False)
        except OSError:
            keep = False
        self._do(lambda: self._again(guest) if keep else self._close(guest))

    def _again(self, guest: _Guest) -> None:
        guest.until = clock.monotonic() + IDLE_SECONDS
        self._selector.register(guest.socket, selectors.EVENT_READ, guest)
        if guest.received:
            self._maybe_answer(guest)

    def _close(self, guest: _Guest) -> None:
        if guest not in self._guests:
            return
        self._guests.discard(guest)
        key = (guest.place, guest.address)
        self._counts[key] -= 1
        if self._counts[key] <= 0:
            del self._counts[key]
        self._forget(guest.socket)

    def _close_idle(self) -> None:
        now = clock.monotonic()
        for guest in [g for g in self._guests if g.until < now]:
            self._close(guest)
