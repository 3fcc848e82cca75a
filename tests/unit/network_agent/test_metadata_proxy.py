"""The metadata proxy on the loopback: HTTP as guests speak it, well and badly; who asks; what is passed on."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common import clock
from common import metadata_signature as signature
from network import metadata_proxy
from network.desired.model import Address, Dhcp, Guest, HostNetwork, Network, Router, RouterPort, Subnet
from network.metadata_forward import Forwarder, Owners
from network.metadata_http import BadRequest, Request, parse
from network.metadata_proxy import MetadataProxy

GET = b'GET /latest HTTP/1.1\r\nHost: x\r\n\r\n'


def test_request_is_parsed_when_it_is_whole() -> None:
    for cut in range(len(GET)):
        assert parse(GET[:cut]) == (None, 0)
    request, used = parse(GET + b'more')
    assert request and (request.method, request.target, request.keep_alive, used) == ('GET', '/latest', True, len(GET))
    put = b'PUT /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nab'
    assert parse(put) == (None, 0)
    request, _ = parse(put + b'c')
    assert request and request.body == b'abc' and not request.keep_alive
    request, _ = parse(b'GET http://169.254.169.254/latest/x HTTP/1.1\r\n\r\n')
    assert request and request.target == '/latest/x'


@pytest.mark.parametrize(
    'data, status',
    [
        (b'nonsense\r\n\r\n', 400),
        (b'GET latest HTTP/1.1\r\n\r\n', 400),
        (b'GET /a\x00b HTTP/1.1\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nbroken\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n', 413),
        (b'GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', 411),
        (b'DELETE / HTTP/1.1\r\n\r\n', 405),
        (b'GET / HTTP/1.1\r\nA: ' + b'x' * 20000, 431),
    ],
)
def test_bad_requests(data: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(data)
    assert caught.value.status == status


class Serving:
    """A proxy that listens on a port of the loopback."""

    def __init__(self, answer: Any) -> None:
        self.proxy = MetadataProxy(answer, workers=4)
        listening = socket.create_server(('127.0.0.1', 0))
        self.port = listening.getsockname()[1]
        self.proxy.start()
        self.proxy.add(('router', 'r'), listening, 1)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(('127.0.0.1', self.port), 60) as sock:
            sock.sendall(data)
            return sock.recv(65536)


@pytest.fixture
def serving() -> Iterator[Serving]:
    made = Serving(lambda place, address, request: (200, [('Content-Type', 'text/plain')], f'{place} {address} {request.target}'.encode()))
    yield made
    made.proxy.stop()


def test_one_connection_many_requests(serving: Serving) -> None:
    connection = serving.connection()
    for number in range(5):
        connection.request('GET', f'/latest/{number}')
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, f"('router', 'r') 127.0.0.1 /latest/{number}".encode())


def test_requests_sent_together_are_answered_in_order(serving: Serving) -> None:
    with socket.create_connection(('127.0.0.1', serving.port), 60) as sock:
        sock.sendall(b'GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n')
        data = b''
        while chunk := sock.recv(65536):
            data += chunk
    assert data.index(b'/1') < data.index(b'/2') and data.count(b'HTTP/1.1 200') == 2


def test_head_has_a_length_and_no_body(serving: Serving) -> None:
    answer = serving.raw(b'HEAD /latest HTTP/1.1\r\nConnection: close\r\n\r\n')
    assert b'Content-Length: ' in answer and answer.endswith(b'\r\n\r\n')


def test_nonsense_is_refused_and_the_others_are_served(serving: Serving) -> None:
    assert serving.raw(b'\x16\x03\x01\r\n\r\n').startswith(b'HTTP/1.1 400')
    assert serving.raw(GET).startswith(b'HTTP/1.1 200')


def test_those_who_send_nothing_hold_nobody_up(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_proxy, 'IDLE_SECONDS', 3600.0)
    silent = [socket.create_connection(('127.0.0.1', serving.port), 60) for _ in range(metadata_proxy.PER_GUEST - 2)]
    assert serving.raw(GET).startswith(b'HTTP/1.1 200')
    more = [socket.create_connection(('127.0.0.1', serving.port), 60) for _ in range(4)]
    refused = 0
    for sock in more:
        sock.settimeout(60)
        try:
            sock.sendall(GET)
            refused += sock.recv(100) == b''
        except ConnectionError:
            refused += 1
    assert refused in (2, 3)  # the proxy may not have noticed yet that the one that was served has gone
    for sock in silent + more:
        sock.close()


def test_failure_is_an_answer_and_the_worker_lives_on() -> None:
    def answer(place: object, address: str, request: Request) -> Any:
        if request.target == '/bad':
            raise ValueError('no')
        return 200, [], b'ok'

    made = Serving(answer)
    for _ in range(8):
        assert made.raw(b'GET /bad HTTP/1.1\r\n\r\n').startswith(b'HTTP/1.1 500')
    assert made.raw(GET).startswith(b'HTTP/1.1 200')
    made.proxy.stop()


def test_place_that_is_removed_is_closed(serving: Serving) -> None:
    serving.proxy.remove(('router', 'r'))
    end = clock.monotonic() + 60
    with pytest.raises(ConnectionError):
        while clock.monotonic() < end:
            socket.create_connection(('127.0.0.1', serving.port), 60).close()
            clock.sleep(0.02)
    assert serving.proxy.listening() == {}


NET, SUB = 'n1', 's1'
STATE = HostNetwork(
    'h',
    networks=(
        Network(
            NET,
            'vxlan',
            subnets=(Subnet(SUB, '10.0.0.0/24'), Subnet('s2', '10.9.0.0/24')),
            guests=(Guest('10.0.0.5', 'vm1', 'p1'), Guest('10.9.0.5', 'vm2', 'p1'), Guest('10.0.0.6', '', '')),
        ),
        Network('n2', 'vxlan', subnets=(Subnet('s3', '10.0.0.0/24'),), guests=(Guest('10.0.0.5', 'vm3', 'p2'),)),
    ),
    dhcp=(Dhcp('n2', 'dp', 'fa:16:3e:00:00:01', metadata=True),),
    routers=(Router('r', interfaces=(RouterPort('rp', NET, 'fa:16:3e:00:00:02', (Address('10.0.0.1', 24, SUB),)),)),),
)


def test_owner_is_found_by_where_the_question_comes_from() -> None:
    owners = Owners(STATE)
    assert owners.find(('router', 'r'), '10.0.0.5') == Guest('10.0.0.5', 'vm1', 'p1')
    assert owners.find(('network', 'n2'), '10.0.0.5') == Guest('10.0.0.5', 'vm3', 'p2')
    for place, address in (
        (('router', 'r'), '10.9.0.5'),
        (('router', 'r'), '10.0.0.6'),
        (('router', 'r'), '10.0.0.7'),
        (('router', 'x'), '10.0.0.5'),
    ):
        assert owners.find(place, address) is None


class Api(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    seen: list[tuple[str, dict[str, str]]] = []

    def do_GET(self) -> None:
        Api.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(200)
        self.send_header('Content-Type', 'text/x')
        self.send_header('X-Inside', 'secret')
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    Api.seen = []
    server = ThreadingHTTPServer(('127.0.0.1', 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def asked(target: str = '/latest/meta-data', **headers: str) -> Request:
    return Request('GET', target, {name.replace('_', '-').lower(): value for name, value in headers.items()}, b'', True)


def test_request_is_signed_and_what_the_guest_claims_is_dropped(api: ThreadingHTTPServer) -> None:
    forwarder = Forwarder(f'http://127.0.0.1:{api.server_port}', b'key')
    forwarder.owners = Owners(STATE)
    status, headers, body = forwarder(
        ('router', 'r'), '10.0.0.5', asked(X_Instance_ID='vm9', X_Forwarded_For='1.2.3.4', Accept='text/y', Cookie='c')
    )
    assert (status, headers, body) == (200, [('Content-Type', 'text/x')], b'ok')
    path, seen = Api.seen[0]
    assert path == '/latest/meta-data'
    assert seen['x-instance-id'] == 'vm1' and seen['x-tenant-id'] == 'p1' and seen['x-forwarded-for'] == '10.0.0.5'
    assert signature.verify(b'key', 'vm1', seen['x-instance-id-signature'])
    assert seen['accept'] == 'text/y' and 'cookie' not in seen


@pytest.mark.parametrize(
    'target', ['/metrics', '/healthcheck', '/%6detrics', '//metrics', '/latestmetrics', '/../metrics', '/v2.1/servers']
)
def test_only_metadata_is_passed_on(api: ThreadingHTTPServer, target: str) -> None:
    forwarder = Forwarder(f'http://127.0.0.1:{api.server_port}', b'key')
    forwarder.owners = Owners(STATE)
    assert forwarder(('router', 'r'), '10.0.0.5', asked(target))[0] == 404
    assert Api.seen == []


@pytest.mark.parametrize(
    'target', ['/', '/latest', '/latest/', '/openstack', '/openstack/latest/meta_data.json', '/2009-04-04/meta-data', '/1.0/']
)
def test_metadata_is_passed_on(api: ThreadingHTTPServer, target: str) -> None:
    forwarder = Forwarder(f'http://127.0.0.1:{api.server_port}', b'key')
    forwarder.owners = Owners(STATE)
    assert forwarder(('router', 'r'), '10.0.0.5', asked(target))[0] == 200


def test_stranger_and_api_that_is_away() -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
    forwarder = Forwarder(f'http://127.0.0.1:{port}', b'key', timeout=60)
    forwarder.owners = Owners(STATE)
    assert forwarder(('router', 'r'), '10.0.0.99', asked())[0] == 404
    status, headers, _ = forwarder(('router', 'r'), '10.0.0.5', asked())
    assert status == 503 and ('Retry-After', '1') in headers
