"""As much of Keystone and Swift as a store of images uses, in memory, over real HTTP."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator

_PASSWORD = 'swift-password'


class SwiftServer:
    """`containers`: name -> object -> data, or the list of a manifest."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, bytes | list[dict[str, object]]]] = {}
        self.url = ''
        self.gone = False
        self.asked: list[str | None] = []  # the Range of every question about an object, None where there was none
        self.break_after: int | None = None  # bytes of an object after which the connection ends
        self.password = _PASSWORD
        self.token = 'a-token'

    def data(self, container: str, name: str) -> bytes:
        """An object, with the segments of a manifest put together."""
        found = self.containers[container][name]
        if isinstance(found, bytes):
            return found
        return b''.join(self.data(*str(entry['path']).lstrip('/').split('/', 1)) for entry in found)  # type: ignore[arg-type]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    disable_nagle_algorithm = True
    held: SwiftServer

    def handle_expect_100(self) -> bool:
        """Tell the client at once to go on."""
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def parse_request(self) -> bool:
        """Kept connections end with the server."""
        if self.held.gone:
            self.close_connection = True
            return False
        return super().parse_request()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: bytes = b'', **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            most = self.held.break_after if self.held.break_after and len(body) > self.held.break_after else None
            self.wfile.write(body[:most])
            self.close_connection = self.close_connection or most is not None

    def _body(self) -> bytes:
        if self.headers.get('Transfer-Encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length') or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b''.join(pieces)

    def _asked(self) -> tuple[str, str, dict[str, str]]:
        parts = urllib.parse.urlsplit(self.path)
        container, _, name = urllib.parse.unquote(parts.path.removeprefix('/v1/account').lstrip('/')).partition('/')
        return container, name, dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def _refused(self) -> bool:
        if self.headers.get('X-Auth-Token') == self.held.token:
            return False
        self._answer(401)
        return True

    def do_POST(self) -> None:
        given = json.loads(self._body())['auth']['identity']['password']['user']
        if given['password'] != _PASSWORD:
            return self._answer(401, b'{}')
        endpoint = {'interface': 'public', 'region': 'RegionOne', 'region_id': 'RegionOne', 'id': 'e', 'url': f'{self.held.url}/v1/account'}
        token = {
            'methods': ['password'], 'expires_at': '2099-01-01T00:00:00.000000Z', 'issued_at': '2026-01-01T00:00:00.000000Z',
            'user': {'id': 'u', 'name': 'glance', 'domain': {'id': 'default', 'name': 'Default'}}, 'roles': [],
            'catalog': [{'type': 'object-store', 'name': 'swift', 'id': 's', 'endpoints': [endpoint]}],
        }  # fmt: skip
        self._answer(201, json.dumps({'token': token}).encode(), X_Subject_Token=self.held.token, Content_Type='application/json')
        return None

    def do_PUT(self) -> None:
        body = self._body()
        if self._refused():
            return None
        container, name, query = self._asked()
        if not name:
            self.held.containers.setdefault(container, {})
            return self._answer(201)
        if container not in self.held.containers:
            return self._answer(404)
        if query.get('multipart-manifest') == 'put':
            manifest = json.loads(body)
            for entry in manifest:
                where, segment = entry['path'].lstrip('/').split('/', 1)
                data = self.held.data(where, segment)
                assert entry['size_bytes'] == len(data) and entry['etag'] == hashlib.md5(data).hexdigest()
            self.held.containers[container][name] = manifest
        else:
            self.held.containers[container][name] = body
        self._answer(201, ETag=hashlib.md5(body).hexdigest())
        return None

    def do_DELETE(self) -> None:
        container, name, _ = self._asked()
        found = self.held.containers.get(container, {}).pop(name, None)
        self._answer(204 if found is not None else 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self._refused():
            return None
        container, name, query = self._asked()
        if not container:
            return self._answer(204)
        if container not in self.held.containers:
            return self._answer(404)
        if not name and self.command == 'HEAD':
            return self._answer(204)
        if not name:
            names = sorted(
                key for key in self.held.containers[container] if key.startswith(query['prefix']) and key > query.get('marker', '')
            )
            rows = [{'name': key, 'bytes': len(self.held.data(container, key))} for key in names[: int(query['limit'])]]
            return self._answer(200, json.dumps(rows).encode(), Content_Type='application/json')
        if name not in self.held.containers[container]:
            return self._answer(404)
        data = self.held.data(container, name)
        self.held.asked.append(f'HEAD {name}' if self.command == 'HEAD' else self.headers.get('Range'))
        match = re.match(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        if match is None:
            return self._answer(200, data)
        start, last = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
        if start >= len(data):
            return self._answer(416)
        self._answer(206, data[start : last + 1], Content_Range=f'bytes {start}-{last}/{len(data)}')
        return None


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may go when they like."""


@contextlib.contextmanager
def swift_server() -> Iterator[SwiftServer]:
    """A server that runs within the block."""
    held = SwiftServer()
    server = _Server(('127.0.0.1', 0), type('Handler', (_Handler,), {'held': held}))
    held.url = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()
    try:
        yield held
    finally:
        held.gone = True
        server.shutdown()
        server.server_close()
