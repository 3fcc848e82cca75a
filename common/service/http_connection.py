"""One client's connection: requests read from it, answers written to it, one after the other."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import struct
import time
from typing import Any

from common.service import concurrency
from common.service.http_answer import Answer, Server, refusal
from common.service.http_message import LONGEST_HEAD, BadRequest, Body, body_of, parse_head

LOG = logging.getLogger(__name__)
MOST_UNREAD = 64 << 20
"""Bytes of a body that nobody wanted which are read and forgotten, so that the client gets to read the answer."""
SKIP_SECONDS = 10.0
"""For how long they are read."""
SMALL_BODY = 1 << 17
"""Bytes of a body that are waited for without a thread."""
_READ_SIZE = 1 << 16
_ANNOUNCED = re.compile(rb'\r\n(?:content-length:[ \t]*([0-9]{1,6})[ \t]*(?=\r\n)|(expect|transfer-encoding):)', re.IGNORECASE)
_FILE_PART = 8 << 20
_MSG_DONTWAIT = getattr(socket, 'MSG_DONTWAIT', 0)


class Connection:
    """A connection. `serve` handles what has arrived; between requests nobody needs to attend to it.

    :param base: what the environs of all requests of this server share
    :param timeout: seconds that one read or write may take
    """

    __slots__ = ('sock', 'fd', 'since', 'busy', 'closed', '_app', '_base', '_buffer', '_green', '_awaited', '_timeout')

    def __init__(self, sock: socket.socket, peer: Any, app: Any, base: dict[str, Any], timeout: float) -> None:
        self.sock, self.fd, self._app = sock, sock.fileno(), app
        self.since = time.monotonic()
        self.busy = self.closed = False
        self._buffer = b''
        self._awaited = -1  # bytes in the buffer with which the next request can begin; -1: not known yet
        self._timeout = timeout
        self._green = concurrency.is_green()
        self._base = (
            {**base, 'REMOTE_ADDR': peer[0], 'REMOTE_PORT': str(peer[1])}
            if isinstance(peer, tuple)
            else {**base, 'REMOTE_ADDR': '127.0.0.1'}
        )
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._green:
            sock.settimeout(timeout)
        else:
            # The kernel's own timeouts: with Python's each read and write would be two calls.
            sock.setblocking(True)
            self._wait_for_data(timeout)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', int(timeout), 0))

    def _wait_for_data(self, seconds: float) -> None:
        """How long one read may wait from now on."""
        if self._green:
            self.sock.settimeout(seconds)
        else:
            limit = struct.pack('ll', int(seconds), int(seconds % 1 * 1_000_000))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    # -- Source and Sink

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; waits for the first. Raises OSError, also when it takes too long."""
        if self._buffer:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        return self.sock.recv(size)

    def unread(self, data: bytes) -> None:
        """Put bytes back."""
        self._buffer = data + self._buffer

    def send(self, *parts: bytes) -> None:
        """Send all parts. Raises OSError."""
        if len(parts) == 1 or self._green or sum(map(len, parts)) < 4096:
            self.sock.sendall(parts[0] if len(parts) == 1 else b''.join(parts))
            return
        left = sum(map(len, parts)) - self.sock.sendmsg(parts)
        for part in reversed(parts):
            if left <= 0:
                return
            if left <= len(part):
                at = parts.index(part)
                self.sock.sendall(memoryview(part)[len(part) - left :])
                for later in parts[at + 1 :]:
                    self.sock.sendall(later)
                return
            left -= len(part)

    def send_file(self, head: bytes, file: Any, offset: int, count: int) -> bool:
        """Send a head and a part of a file, by the kernel. Raises OSError."""
        if self._green:
            return False
        self.sock.send(head, getattr(socket, 'MSG_MORE', 0))
        source = file.fileno()
        while count > 0:
            sent = os.sendfile(self.fd, source, offset, min(count, _FILE_PART))
            if sent == 0:
                raise OSError('the file is shorter than announced')
            offset += sent
            count -= sent
        return True

    # -- requests

    def serve(self, server: Server, *, wait: bool = False) -> bool:
        """Handle every request that has arrived; whether the connection is to be kept.

        :param server: says whether the answers are the last ones
        :param wait: wait for the next request instead of coming back when there is nothing yet
        """
        while True:
            head = self._take_head()
            if head is None:
                try:
                    data = self.sock.recv(_READ_SIZE, 0 if wait or self._green else _MSG_DONTWAIT)
                except BlockingIOError:
                    return not wait
                except OSError:
                    return False
                if not data and self._awaited <= 0:
                    return False
                if not data:
                    self._awaited = 0  # what is missing of the body will not come: the request is answered without it
                    continue
                self._buffer = self._buffer + data if self._buffer else data
                if len(self._buffer) > LONGEST_HEAD and b'\r\n\r\n' not in self._buffer[:LONGEST_HEAD]:
                    return self._refuse(
                        BadRequest('431 Request Header Fields Too Large', f'The head of a request has at most {LONGEST_HEAD} bytes.')
                    )
                continue
            if not self._handle(head, server):
                return False
            if not self._buffer and not wait:
                return True

    def _take_head(self) -> bytes | None:
        buffer = self._buffer
        if buffer[:2] == b'\r\n':  # some clients end a body with one line break too many
            buffer = self._buffer = buffer[2:]
        end = buffer.find(b'\r\n\r\n')
        if end < 0:
            return None
        if self._awaited < 0:
            self._awaited = end + 4 + _small_body(buffer[: end + 2])
        if len(buffer) < self._awaited:
            return None  # whoever sends it slowly holds no thread meanwhile
        self._awaited = -1
        self._buffer = buffer[end + 4 :]
        return buffer[:end]

    def _handle(self, head: bytes, server: Server) -> bool:
        try:
            environ, framing = parse_head(head, self._base)
        except BadRequest as error:
            return self._refuse(error)
        answer = Answer(self, environ['REQUEST_METHOD'], server, keep_alive=framing.keep_alive, is_old=framing.is_old)

        def go_on() -> None:
            if not answer.began:
                self.send(b'HTTP/1.1 100 Continue\r\n\r\n')

        body = environ['wsgi.input'] = body_of(self, framing, go_on)
        environ['pileus.take_long'] = answer.take_long
        try:
            self._run(environ, answer)
        except OSError as error:
            LOG.debug('%s %s: the client is gone: %s', environ['REQUEST_METHOD'], environ['PATH_INFO'], error)
            return False
        except Exception:
            LOG.exception('%s %s broke off', environ['REQUEST_METHOD'], environ['PATH_INFO'])
            if not answer.began:
                self._refuse(BadRequest('500 Internal Server Error', 'The service met an unexpected condition.'))
            return False
        finally:
            if answer.is_long:
                server.take_back()
        return self._settle(body, answer, server)

    def _run(self, environ: dict[str, Any], answer: Answer) -> None:
        pieces = self._app(environ, answer.start)
        try:
            answer.send(pieces)
        finally:
            close = getattr(pieces, 'close', None)
            if close is not None:
                close()

    def _settle(self, body: Body, answer: Answer, server: Server) -> bool:
        """After the answer: get rid of what is left of the body. Whether the connection may go on."""
        if body.broken:
            return False
        if body.finished:
            return answer.keep_alive
        if not server.lend():  # the client sends as slowly as it likes
            return False
        try:
            with contextlib.suppress(OSError):
                self._wait_for_data(min(2.0, SKIP_SECONDS))
                if body.skip(MOST_UNREAD, SKIP_SECONDS):
                    self._wait_for_data(self._timeout)
                    return answer.keep_alive
                # Closing with unread bytes would destroy the answer on its way; give the client a moment to read it.
                self.sock.shutdown(socket.SHUT_WR)
                end = time.monotonic() + min(2.0, SKIP_SECONDS)
                while self.sock.recv(_READ_SIZE) and time.monotonic() < end:
                    pass
        finally:
            server.take_back()
        return False

    def _refuse(self, error: BadRequest) -> bool:
        with contextlib.suppress(OSError):
            self.send(refusal(error.status, error.words))
            self.sock.shutdown(socket.SHUT_WR)
        return False

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.close()


def _small_body(head: bytes) -> int:
    """The bytes of the body behind a head, where they are few, said once, and the client sends them unasked; else 0."""
    if head[:4] == b'GET ':
        return 0
    found = list(_ANNOUNCED.finditer(head))
    if len(found) != 1 or found[0][2]:
        return 0
    length = int(found[0][1])
    return length if length <= SMALL_BODY else 0
