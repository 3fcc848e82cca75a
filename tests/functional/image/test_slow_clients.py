"""Clients that send and read slowly: they keep nobody waiting but themselves, and have no more than their share."""

from __future__ import annotations

import contextlib
import functools
import socket
import urllib.parse

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running

OCTETS = {'Content-Type': 'application/octet-stream'}
SLOW = 12
CLOUD = functools.partial(running, image={'transfers': SLOW + 1, 'transfers_per_project': SLOW})
SIZE = 200_000  # more than the server waits for before it begins


def create(client: Client) -> str:
    body = {'name': 'slow', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'private'}
    return str(client.ask('POST', 'image', '/v2/images', body)['id'])


def put(client: Client, image: str, data: bytes) -> int:
    return client.raw('PUT', f'{client.catalog["image"]}/v2/images/{image}/file', data, headers=OCTETS)[0]


def opened(client: Client, head: str, body: bytes = b'') -> socket.socket:
    """A connection on which a request has begun."""
    parts = urllib.parse.urlsplit(client.catalog['image'])
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect((parts.hostname, parts.port))
    made.sendall(f'{head} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {client.token}\r\n'.encode() + body)
    return made


def status_line(connection: socket.socket) -> str:
    connection.settimeout(120)
    return connection.recv(64).split(b'\r\n')[0].decode()


def test_slow_uploads_keep_nobody_waiting_and_are_shared_out(here: TestCloud) -> None:
    demo, admin = here.client('demo'), here.client()
    images = [create(demo) for _ in range(SLOW + 1)]
    body = f'Content-Type: application/octet-stream\r\nContent-Length: {SIZE}\r\n\r\nabc'.encode()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(opened(demo, f'PUT /v2/images/{image}/file', body)) for image in images[:-1]]
        # More than the server has threads for other requests.
        eventually(
            lambda: {admin.ask('GET', 'image', f'/v2/images/{image}')['status'] for image in images[:-1]} == {'saving'}, what='all begin'
        )
        assert put(demo, images[-1], b'data') == 429, 'the project has its share'
        assert put(admin, create(admin), b'data') == 204
        extra = stack.enter_context(opened(admin, f'PUT /v2/images/{create(admin)}/file', body))
        eventually(lambda: put(admin, create(admin), b'data') == 503, what='no more at once')
        for one in (*slow, extra):
            one.sendall(bytes(SIZE - 3))
        assert {status_line(one) for one in (*slow, extra)} == {'HTTP/1.1 204 No Content'}
    assert put(demo, images[-1], b'data') == 204


def test_slow_downloads_keep_nobody_waiting(here: TestCloud) -> None:
    demo = here.client('demo')
    image = create(demo)
    assert put(demo, image, b'\1' * (32 << 20)) == 204, 'more than the buffers of a connection'
    with contextlib.ExitStack() as stack:
        for _ in range(SLOW):
            assert status_line(stack.enter_context(opened(demo, f'GET /v2/images/{image}/file', b'\r\n'))) == 'HTTP/1.1 200 OK'
        assert demo.ask('GET', 'image', f'/v2/images/{image}')['status'] == 'active'
        assert demo.raw('GET', f'{demo.catalog["image"]}/v2/images/{image}/file')[0] == 429
    eventually(lambda: demo.raw('GET', f'{demo.catalog["image"]}/v2/images/{image}/file')[0] == 200, what='who hangs up counts no more')


def test_what_gives_no_data_does_not_count(here: TestCloud) -> None:
    demo = here.client('demo')
    empty = create(demo)
    for _ in range(SLOW + 2):
        assert demo.raw('GET', f'{demo.catalog["image"]}/v2/images/{empty}/file')[0] == 204
        assert demo.raw('GET', f'{demo.catalog["image"]}/v2/images/none/file')[0] == 404
        assert demo.raw('GET', f'{demo.catalog["image"]}/v2/images/{empty}/file', headers={'Range': 'x'})[0] == 204
