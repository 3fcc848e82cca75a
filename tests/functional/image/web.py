"""A web server on loopback that behaves as badly as it is told to."""

from __future__ import annotations

import contextlib
import http.server
import re
import ssl
import threading
import time
from collections.abc import Iterator

_PIECE = 1 << 16


class Web:
    """Serves `data` at any path.

    `break_after`: so many bytes per answer, then the connection ends. `ranges`: whether it knows Range. `moved_to`: where it redirects.
    `etag`: of the data; '' for none. `held`: it waits for it in the middle. `pace`: seconds between pieces of 64 KiB. `asked`: the Range header of every request, None where there was none.
    """

    def __init__(self) -> None:
        self.data = b''
        self.etag = '"one"'
        self.break_after: int | None = None
        self.ranges = True
        self.moved_to = ''
        self.status = 200
        self.asked: list[str | None] = []
        self.held: threading.Event | None = None
        self.pace = 0.0
        self.port = 0

    @property
    def url(self) -> str:
        """An image on it."""
        return f'http://127.0.0.1:{self.port}/disk.img'


@contextlib.contextmanager
def web_server(tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A server that runs within the block."""
    web = Web()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            wanted = self.headers.get('Range')
            web.asked.append(wanted)
            if web.moved_to or web.status != 200:
                self.send_response(302 if web.moved_to else web.status)
                if web.moved_to:
                    self.send_header('Location', web.moved_to)
                self.send_header('Content-Length', '0')
                self.end_headers()
                return
            match = re.match(r'bytes=(\d+)-(\d*)', wanted or '')
            same = self.headers.get('If-Range') in (None, web.etag)
            match = match if web.ranges and same else None
            start = int(match[1]) if match else 0
            if match and start >= len(web.data):
                self.send_error(416)
                return
            data = web.data[start : int(match[2]) + 1 if match and match[2] else None]
            self.send_response(206 if match else 200)
            if match:
                self.send_header('Content-Range', f'bytes {start}-{start + len(data) - 1}/{len(web.data)}')
            if web.etag:
                self.send_header('ETag', web.etag)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            if web.held is not None:
                self.wfile.write(data[: len(data) // 2])
                web.held.wait(120)
                data = data[len(data) // 2 :]
            data = data if web.break_after is None else data[: web.break_after]
            for first in range(0, len(data), _PIECE):
                self.wfile.write(data[first : first + _PIECE])
                time.sleep(web.pace)
            self.close_connection = True

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    web.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
