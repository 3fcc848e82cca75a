"""The HTTP server under the APIs: cheroot, whose threads stream bodies both ways and which waits for idle connections in one selector."""

from __future__ import annotations

import logging
import threading
from typing import Any

from common.errors import Unavailable

LOG = logging.getLogger(__name__)
CHUNK = 1 << 20
MOST_UNREAD = 64 << 20


class FileBody:
    """A file (or a part of one) as the body of an answer, read in large pieces.

    :param left: bytes to give, None for all
    """

    def __init__(self, file: Any, left: int | None = None, chunk: int = CHUNK) -> None:
        self._file, self._left, self._chunk = file, left, chunk

    def __iter__(self) -> FileBody:
        return self

    def __next__(self) -> bytes:
        size = self._chunk if self._left is None else min(self._chunk, self._left)
        piece = self._file.read(size) if size else b''
        if not piece:
            raise StopIteration
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Called by the server at the end, however it came."""
        self._file.close()


class HttpServer:
    """One API on one port.

    :param application: a WSGI application
    :param threads: requests at a time
    :param shared_port: let other processes listen on the port too; the kernel spreads connections (SO_REUSEPORT)
    """

    def __init__(self, application: Any, host: str, port: int, *, threads: int = 10, shared_port: bool = False) -> None:
        from cheroot import wsgi

        self._server = wsgi.Server(
            (host, port), application, numthreads=threads, server_name='pileus', request_queue_size=256, timeout=75, shutdown_timeout=10,
            reuse_port=shared_port,
        )  # fmt: skip
        self._server.ConnectionClass = _connection_class()
        self._server.max_request_body_size = 0
        self._server.keep_alive_conn_limit = 500
        self._server.error_log = _log_error
        self._thread: threading.Thread | None = None
        self.host, self.port = host, port

    def start(self) -> None:
        """Listen and serve on threads. Raises Unavailable when the port is taken."""
        try:
            self._server.prepare()
        except OSError as error:
            raise Unavailable(f'Port {self.port} of {self.host} cannot be listened on: {error}. Is something else using it?') from error
        self.port = self._server.bind_addr[1]
        self._thread = threading.Thread(target=self._server.serve, name=f'http-{self.port}', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no new requests and let those in hand end for up to 10 seconds."""
        self._server.stop()


def _connection_class() -> Any:
    """Connections that survive a body nobody read: cheroot reads the rest of it into memory at once, or, of a chunked one, takes
    it for the next request. After a chunked body the connection ends: what cheroot lets pass there is not strict enough to trust
    what follows."""
    from cheroot.server import HTTPConnection, HTTPRequest

    class Request(HTTPRequest):
        def send_headers(self) -> None:
            if not self.close_connection and (not read_away(self.rfile) or self.chunked_read):
                self.close_connection = True
            super().send_headers()

    class Connection(HTTPConnection):
        RequestHandlerClass = Request

    return Connection


def read_away(body: Any, most: int = MOST_UNREAD) -> bool:
    """Read the rest of a body in pieces and forget it. False where it is longer than `most` bytes, or broken."""
    known = getattr(body, 'remaining', None)
    if known is None and not hasattr(body, 'maxlen'):
        return True
    left = most
    try:
        while known is None or getattr(body, 'remaining', 0) > 0:
            piece = body.read(1 << 16)
            if not piece:
                return known is None
            left -= len(piece)
            if left < 0:
                return False
    except (OSError, ValueError):
        return False
    return True


def _log_error(message: str = '', level: int = 20, traceback: bool = False) -> None:
    LOG.log(level, '%s', message, exc_info=traceback)
