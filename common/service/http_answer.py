"""Writing HTTP/1.1 answers from what a WSGI application gives."""

from __future__ import annotations

import email.utils
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

LOG = logging.getLogger(__name__)
_SMALL = 1 << 16
_date = (0, '')


class Sink(Protocol):
    """Where an answer goes: a connection."""

    def send(self, *parts: bytes) -> None:
        """Send all of them. Raises OSError."""

    def send_file(self, head: bytes, file: Any, offset: int, count: int) -> bool:
        """Send a head and so many bytes of a file without reading them here; False where that cannot be done."""


class Server(Protocol):
    """Who answers."""

    stopping: bool
    """Whether every answer from now on is the last one of its connection."""

    def lend(self) -> bool:
        """Give others a thread in place of this one; False where that was done too often."""

    def take_back(self) -> None:
        """The end of that."""


class FileBody:
    """A file (or a part of one) as the body of an answer, sent by the kernel where that is possible.

    :param file: open for reading in binary; read from where it stands
    :param left: bytes to give, None for all
    """

    def __init__(self, file: Any, left: int | None = None, chunk: int = 1 << 20) -> None:
        self.file, self.left, self._chunk = file, left, chunk

    def __iter__(self) -> FileBody:
        return self

    def __next__(self) -> bytes:
        size = self._chunk if self.left is None else min(self._chunk, self.left)
        piece: bytes = self.file.read(size) if size else b''
        if not piece:
            raise StopIteration
        if self.left is not None:
            self.left -= len(piece)
        return piece

    def close(self) -> None:
        """Called by the server at the end, however it came."""
        self.file.close()


class Answer:
    """One answer. `start` is the WSGI `start_response`; `keep_alive` says afterwards whether the connection may go on."""

    def __init__(self, sink: Sink, method: str, server: Server, *, keep_alive: bool, is_old: bool) -> None:
        self._sink, self._method, self._server, self._is_old = sink, method, server, is_old
        self.keep_alive = keep_alive
        self.began = self.is_long = False
        self._status = ''
        self._headers: list[tuple[str, str]] = []
        self._chunked = False
        self._left: int | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """Take status and headers; they are sent with the first byte of the body."""
        if exc_info is not None and self.began:
            raise exc_info[1].with_traceback(exc_info[2])
        if self._status and exc_info is None:
            raise RuntimeError('start_response is called twice')
        self._status, self._headers = status, headers
        return self._write

    def take_long(self) -> bool:
        """The application says that this request takes as long as the client likes: uploads, downloads. False: do not begin, ask later."""
        if not self.is_long:
            self.is_long = self._server.lend()
        return self.is_long

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send it all. Raises OSError when the client is gone, RuntimeError when the application breaks its own promise."""
        if not self._status and not isinstance(pieces, list | tuple):
            pieces = iter(pieces)
            first = next(pieces, b'')  # an application may call start_response as late as this
            pieces = _chain(first, pieces)
        if not self._status:
            raise RuntimeError('the application did not call start_response')
        if self._method == 'HEAD' or self._status[:3] in ('204', '304') or self._status[0] == '1':
            self._sink.send(self._head(None, bodiless=True))
        elif isinstance(pieces, list | tuple):
            body = pieces[0] if len(pieces) == 1 else b''.join(pieces)
            self._send_whole(body)
        elif isinstance(pieces, FileBody) and self._send_file(pieces):
            pass
        else:
            for piece in pieces:
                if piece:
                    self._write(piece)
            self._finish()

    def _send_whole(self, body: bytes) -> None:
        head = self._head(len(body))
        if self._left is not None and self._left != len(body):
            LOG.error('an application announced %d bytes and gave %d', self._left, len(body))
            self.keep_alive = False
            body = body[: self._left]
        self._sink.send(head, body)

    def _send_file(self, body: FileBody) -> bool:
        announced = next((value for name, value in self._headers if name.lower() == 'content-length'), None)
        if announced is None or self.began:
            return False
        count = int(announced)
        try:
            offset = body.file.tell()
            body.file.fileno()
        except (OSError, AttributeError):
            return False
        return self._sink.send_file(self._head(None), body.file, offset, count)

    def _write(self, piece: bytes) -> None:
        head = b'' if self.began else self._head(None)
        if self._chunked:
            self._sink.send(head + b'%x\r\n' % len(piece), piece, b'\r\n')
            return
        if self._left is not None:
            if len(piece) > self._left:
                LOG.error('an application gives more bytes than it announced')
                self.keep_alive = False
                piece = piece[: self._left]
            self._left -= len(piece)
        self._sink.send(head, piece)

    def _finish(self) -> None:
        if not self.began:
            self._sink.send(self._head(0))
        elif self._chunked:
            self._sink.send(b'0\r\n\r\n')
        elif self._left:
            raise RuntimeError(f'the application gave {self._left} bytes less than it announced')

    def _head(self, length: int | None, *, bodiless: bool = False) -> bytes:
        """Status line and headers. `length`: of the body, where it is known."""
        names = {}
        for name, value in self._headers:
            names[name.lower()] = value
        lines = [f'HTTP/1.1 {self._status}', *(f'{name}: {value}' for name, value in self._headers)]
        if 'content-length' in names:
            self._left = int(names['content-length'])
        elif bodiless:
            if self._status[:3] not in ('204', '304') and self._status[0] != '1' and self._method != 'HEAD':
                lines.append('Content-Length: 0')
        elif length is not None:
            self._left = length
            lines.append(f'Content-Length: {length}')
        elif self._is_old:
            self.keep_alive = False
        else:
            self._chunked = True
            lines.append('Transfer-Encoding: chunked')
        if self._server.stopping:
            self.keep_alive = False
        if 'close' in names.get('connection', '').lower():
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append('Connection: close')
        elif self._is_old:
            lines.append('Connection: keep-alive')
        if 'date' not in names:
            lines.append(_date_line())
        lines.append('Server: pileus\r\n\r\n')
        text = '\r\n'.join(lines)
        if text.count('\n') != len(lines) + 1 or text.count('\r') != len(lines) + 1:
            raise RuntimeError('a header of the answer holds a line break')
        self.began = True
        return text.encode('latin-1', 'replace')


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    if first:
        yield first
    yield from rest


def _date_line() -> str:
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, f'Date: {email.utils.formatdate(now, usegmt=True)}')
    return _date[1]


def refusal(status: str, words: str) -> bytes:
    """A whole answer for a request that never reached the application."""
    body = words.encode()
    head = f'HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{_date_line()}\r\n\r\n'
    return head.encode('latin-1') + body
