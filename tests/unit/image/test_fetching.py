"""URLs of users: where they may lead, and that the address that was judged is the one that is asked."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
import socket
import ssl
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.config import ConfigError, Settings
from common.errors import Forbidden, InvalidInput, NotFound, PileusError, RangeNotSatisfiable, TooLarge, Unavailable
from image import fetching
from image.addresses import AddressRules
from image.conf import ImageOptions
from image.fetching import REDIRECTS, check_url, open_url
from tests.functional.image.web import Web, web_server
from tests.ports import free_port


def service(**options: Any) -> Any:
    return types.SimpleNamespace(options=Settings.load(overrides={'image': options}).get(ImageOptions))


def here(**options: Any) -> Any:
    return service(allowed_networks='127.0.0.0/8', import_allowed_ports='1-65535', import_idle=60, **options)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as made:
        made.data = bytes(range(256)) * 40
        yield made


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let names have these addresses, one for each time that is asked, the last one for ever; the names that were asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host[:1].isdigit() or ':' in host:
            return list(real(host, port, *rest, **more))
        address = addresses[min(len(asked), len(addresses) - 1)]
        asked.append(host)
        return [(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_STREAM, 6, '', (address, port))]

    monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)
    return asked


@pytest.mark.parametrize(
    'address', ['8.8.8.8', '93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946', '::ffff:8.8.8.8', '64:ff9b::808:808']
)
def test_the_public_internet_is_allowed(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    answering(monkeypatch, address)
    assert check_url(service(), 'https://example.org/disk.img').addresses == (address,)


@pytest.mark.parametrize(
    'address',
    [
        '127.0.0.1', '127.255.255.254', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1',
        '192.0.0.1', '168.63.129.16', '192.0.2.1', '198.18.0.1', '224.0.0.1', '239.1.2.3', '240.0.0.1', '255.255.255.255',
        '::1', '::', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254', 'ff02::1', 'ff0e::1', '2001:db8::1',
        '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:7f00:1', '::127.0.0.1', '::10.1.2.3',
        '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::a00:1', '2002:7f00:1::', '2002:a00:1::', '2001:0:7f00:1::80ff:fffe',
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    answering(monkeypatch, address)
    with pytest.raises(InvalidInput, match='no address on the public Internet') as refused:
        check_url(service(), 'http://innocent.example.org/')
    assert address not in refused.value.message, 'the answer must not tell the addresses of hosts inside'


@pytest.mark.parametrize(
    'url',
    [
        'http://2130706433/', 'http://0x7f000001/', 'http://0177.0.0.1/', 'http://127.1/', 'http://127.0.0.1./', 'http://[::1]/', 'http://0/',
        'http://[::ffff:127.0.0.1]/', 'http://localhost/', 'http://LOCALHOST./',
    ],
)  # fmt: skip
def test_other_ways_to_write_loopback(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(service(), url)


@pytest.mark.parametrize(
    ('url', 'why'),
    [
        ('file:///etc/passwd', 'scheme'), ('ftp://example.org/x', 'scheme'), ('gopher://example.org/', 'scheme'), ('nonsense', 'scheme'),
        ('http://', 'host'), ('http:///x', 'host'), ('http://example.org:22/', 'port 22'), ('http://example.org:99999/', 'port'),
        ('http://example.org:0x50/', 'port'), ('http://user:word@example.org/', 'password'), ('http://user@example.org/', 'name'),
        ('http://example.org/a b', 'characters'), ('http://example.org/\r\nX: y', 'characters'), ('http://example.org\\@10.0.0.1/', 'characters'),
        ('http://[::1/', 'read'), ('http://example.org/' + 'x' * 3000, 'characters'), ('', 'characters'), ('http://no.where.invalid/', 'address'),
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        check_url(service(), url)


def test_what_the_operator_allows_and_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, '10.1.2.3')
    assert check_url(service(allowed_networks='10.1.0.0/16,fd00::/8'), 'http://mirror/').port == 80
    with pytest.raises(InvalidInput):
        check_url(service(allowed_networks='10.2.0.0/16'), 'http://mirror/')
    both = {'allowed_networks': '10.0.0.0/8', 'import_allowed_ports': '80,8000-8100'}
    assert check_url(service(**both), 'http://mirror:8050/').port == 8050
    for options, url in (
        ({'denied_hosts': 'mirror'}, 'http://MIRROR./'), ({'denied_hosts': '.corp.example'}, 'http://a.corp.example/'),
        ({'denied_hosts': '.corp.example'}, 'http://corp.example/'), ({'denied_hosts': '10.1.2.0/24'}, 'http://other/'),
        ({}, 'http://mirror:8101/'), ({'import_allowed_schemes': 'https'}, 'http://mirror/'),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            check_url(service(**both, **options), url)


@pytest.mark.parametrize('options', [{'allowed_networks': 'home'}, {'import_allowed_ports': 'http'}])
def test_options_that_cannot_be(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        check_url(service(**options), 'http://example.org/')


def test_an_allowed_network_covers_its_mapped_addresses() -> None:
    rules = AddressRules(['127.0.0.0/8', '::1/128'], [], [], [])
    assert rules.allows('::ffff:127.0.0.1') and rules.allows('::1') and not rules.allows('::ffff:10.0.0.1')
    assert not AddressRules([], ['8.8.8.0/24'], [], []).allows('::ffff:8.8.8.8')


def test_a_name_that_changes_its_address_gains_nothing(monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    """It is resolved once, and the connection goes to what was judged: the second answer is never asked for."""
    asked = answering(monkeypatch, '127.0.0.1', '10.0.0.1')
    with open_url(here(), f'http://rebinding.example.org:{web.port}/x') as data:
        assert data.read(5) == web.data[:5]
    assert asked == ['rebinding.example.org']


def test_a_name_that_turns_bad_before_the_connection_is_refused(monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    asked = answering(monkeypatch, '127.0.0.1', '10.0.0.1')
    check_url(here(), f'http://rebinding.example.org:{web.port}/x')
    with pytest.raises(InvalidInput):
        open_url(here(), f'http://rebinding.example.org:{web.port}/x')
    assert asked == ['rebinding.example.org', 'rebinding.example.org'] and web.asked == []


def read(data: Any) -> bytes:
    found = b''
    with data:
        while piece := data.read(1000):
            found += piece
    return found


def test_a_body_and_a_part_of_it(web: Web) -> None:
    data = open_url(here(), web.url)
    assert (data.start, data.size, data.validator) == (0, len(web.data), '"one"') and read(data) == web.data
    data = open_url(here(), web.url, 100, validator='"one"')
    assert (data.start, data.size) == (100, len(web.data)) and read(data) == web.data[100:]
    data = open_url(here(), web.url, 100, validator='"older"')
    assert data.start == 0 and read(data) == web.data, 'what has changed comes whole'
    web.ranges = False
    assert open_url(here(), web.url, 100).start == 0


@pytest.mark.parametrize(
    ('status', 'error'), [(404, NotFound), (403, Forbidden), (416, RangeNotSatisfiable), (503, Unavailable), (418, InvalidInput)]
)
def test_answers_without_data(web: Web, status: int, error: type[PileusError]) -> None:
    web.status = status
    with pytest.raises(error):
        open_url(here(), web.url)


def test_too_much_is_refused_before_and_while_it_comes(web: Web) -> None:
    with pytest.raises(TooLarge):
        open_url(here(), web.url, limit=100)


def test_a_body_that_ends_too_soon(web: Web) -> None:
    web.break_after = 50
    with pytest.raises(Unavailable):
        read(open_url(here(), web.url))


def test_redirects(web: Web) -> None:
    web.moved_to = '/disk.img'
    with pytest.raises(InvalidInput, match='redirects'):
        open_url(here(), web.url)
    assert len(web.asked) == REDIRECTS + 1
    with web_server() as other:
        other.data = b'there'
        web.moved_to = other.url
        data = open_url(here(), web.url)
        assert read(data) == b'there' and data.url == other.url
    for inside in ('http://10.0.0.1/', 'http://[::ffff:10.0.0.1]/', '//169.254.169.254/', 'file:///etc/passwd'):
        web.moved_to = inside
        with pytest.raises(InvalidInput, match='filtering'):
            open_url(here(), web.url)


def raw_server(answer: bytes, pause: float = 0.0) -> tuple[socket.socket, str]:
    """A server that sends these bytes, one at a time with a pause if there is one, then waits."""
    listener = socket.create_server(('127.0.0.1', 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            try:
                for byte in answer if pause else [answer]:
                    connection.sendall(bytes([byte]) if isinstance(byte, int) else byte)
                    time.sleep(pause)
                connection.recv(1000)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return listener, f'http://127.0.0.1:{listener.getsockname()[1]}/'


def test_a_server_that_is_silent(web: Web) -> None:
    listener, url = raw_server(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    with listener, open_url(here(), url) as data:
        assert data.read(100) == b'half' and data._wire.idle == 60
        data._wire.idle = 0.1
        with pytest.raises(Unavailable, match='nothing any more'):
            data.read(100)


def test_a_server_that_drips(web: Web) -> None:
    """Each byte comes in time, the whole never does: the deadline holds all the same."""
    listener, url = raw_server(b'HTTP/1.1 200 OK\r\nX-Endless: ' + b'x' * 10_000, pause=0.05)
    with listener, pytest.raises(Unavailable):
        open_url(here(), url, seconds=0.3)


def test_a_body_without_a_length_and_without_an_end() -> None:
    listener, url = raw_server(b'HTTP/1.1 200 OK\r\n\r\n' + b'x' * 5000)
    with listener, open_url(here(), url, limit=1000) as data, pytest.raises(TooLarge):
        while data.read(400):
            pass


@pytest.mark.parametrize('header', [b'Content-Encoding: gzip', b'Content-Encoding: br'])
def test_a_bomb_is_not_unpacked(header: bytes) -> None:
    listener, url = raw_server(b'HTTP/1.1 200 OK\r\n' + header + b'\r\nContent-Length: 1\r\n\r\nx')
    with listener, pytest.raises(InvalidInput, match='encoded'):
        open_url(here(), url)


def test_nobody_answers() -> None:
    with pytest.raises(Unavailable):
        open_url(here(), f'http://127.0.0.1:{free_port()}/')


@pytest.fixture
def https(tmp_path: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    """A web server with a certificate of its own for 127.0.0.1, and the file of that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'test')])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address('127.0.0.1'))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1)).add_extension(names, False)
    certificate = made.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    (tmp_path / 'cert').write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    none = serialization.NoEncryption()
    (tmp_path / 'key').write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / 'cert', tmp_path / 'key')
    with web_server(context) as web:
        web.data = b'over tls'
        fetching._tls.cache_clear()
        yield web.url.replace('http:', 'https:'), tmp_path / 'cert'
    fetching._tls.cache_clear()


def test_https_needs_a_certificate_that_is_trusted(https: tuple[str, pathlib.Path], monkeypatch: pytest.MonkeyPatch) -> None:
    url, certificate = https
    with pytest.raises(InvalidInput, match='certificate'):
        open_url(here(), url)
    fetching._tls.cache_clear()
    monkeypatch.setenv('SSL_CERT_FILE', str(certificate))
    assert read(open_url(here(), url)) == b'over tls'
    with pytest.raises(InvalidInput, match='certificate'):
        open_url(here(), url.replace('127.0.0.1', 'localhost.'))
