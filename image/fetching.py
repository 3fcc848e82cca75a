"""Fetching what a user's URL names, without becoming his tool against the networks behind this service.

    target = check_url(service, 'https://cloud.example.org/disk.qcow2')     # InvalidInput: refused, with the reason
    with open_url(service, url, start=4096) as data:                        # follows redirects, each checked anew
        data.size, data.start, data.validator
        while chunk := data.read(1 << 20): ...

The name is resolved once, its addresses are judged (`image/addresses.py`), and the connection goes to an address that was judged: a name
that answers differently the next time gains nothing. Every wait is bounded. No proxy of the environment is used.
"""

from __future__ import annotations

import dataclasses
import functools
import http.client
import io
import re
import socket
import ssl
import urllib.parse
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from common.clock import monotonic
from common.errors import Forbidden, InvalidInput, NotFound, PileusError, RangeNotSatisfiable, TooLarge, Unavailable
from image.addresses import AddressRules, rules_of
from image.drivers.remote_file import range_of

if TYPE_CHECKING:
    from image.service import ImageService

REDIRECTS = 5
"""How many redirects of one request are followed."""
_LONGEST_URL = 2048
_CONNECT = 10.0  # seconds for a connection to one address
_ANSWER = 30.0  # seconds for the headers of an answer
_TOTAL = 86_400.0  # seconds for one body, where the caller names no deadline
_DEFAULT_PORTS = {'http': 80, 'https': 443}
_SAFE = "/%:=&?~+!$,;'@()*[]"
_RANGE = re.compile(r'bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)\Z', re.ASCII)
_LENGTH = re.compile(r'\d{1,18}\Z', re.ASCII)  # a server says what it likes, which int() need not be able to read


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for. `addresses`: those of its host that were judged harmless; `path` includes the query."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def check_url(service: ImageService, url: str) -> Target:
    """Whether the service may fetch from this URL.

    :raises: InvalidInput that says what about it is refused; the message names no address that its host has
    """
    rules = rules_of(service.options)
    parts = _split(url)
    host = (parts.hostname or '').rstrip('.').lower()
    if parts.scheme not in rules.schemes:
        raise _refusal(f'its scheme is not one of {", ".join(rules.schemes)}')
    if not host:
        raise _refusal('it names no host')
    if parts.username is not None or parts.password is not None:
        raise _refusal('it carries a name or password; give a URL that needs none')
    port = _port(parts)
    if not rules.allows_port(port):
        raise _refusal(f'port {port} is not allowed')
    if rules.denies_name(host):
        raise _refusal(f'host {host[:255]} is not allowed')
    path = urllib.parse.quote(parts.path or '/', safe=_SAFE)
    if parts.query:
        path += '?' + urllib.parse.quote(parts.query, safe=_SAFE)
    return Target(url, parts.scheme, host, port, path, _addresses(rules, host, port))


def _refusal(why: str) -> InvalidInput:
    return InvalidInput(f'The URI does not pass filtering: {why}.', field='uri', code='uri_refused')


def _split(url: str) -> urllib.parse.SplitResult:
    if not isinstance(url, str) or not url or len(url) > _LONGEST_URL:
        raise _refusal(f'it is a text of 1 to {_LONGEST_URL} characters')
    if '\\' in url or any(character.isspace() or ord(character) < 32 or ord(character) == 127 for character in url):
        raise _refusal('it has characters that no URL has')
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        raise _refusal('it cannot be read') from None


def _joined(url: str, following: str) -> str:
    try:
        return urllib.parse.urljoin(url, following)
    except ValueError:
        raise _refusal('it redirects to what cannot be read') from None


def _port(parts: urllib.parse.SplitResult) -> int:
    try:
        return parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise _refusal('its port cannot be read') from None


def _addresses(rules: AddressRules, host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host that may be asked. Raises InvalidInput when there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unreachable(host, str(error)) from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    good = tuple(address for address in addresses if rules.allows(address))
    if not good:
        raise _unreachable(host, ', '.join(addresses))
    return good


def _unreachable(host: str, why: str) -> InvalidInput:
    """The same words for every reason: else users could find out which names of the networks behind this service there are."""
    return InvalidInput(
        f'The URI does not pass filtering: host {host[:255]} has no address on the public Internet. '
        'The operator may allow its network with [image] allowed_networks.',
        field='uri', code='uri_refused', admin_detail=f'{host}: {why}',
    )  # fmt: skip


class Fetched:
    """A body that arrives. A context manager.

    `size`: bytes of the whole, if the server says; `start`: where this body begins (0 where the server knows no ranges);
    `validator`: what an unchanged file can be known by (its ETag or time of change), or ''; `url`: where it came from in the end.
    """

    def __init__(self, response: http.client.HTTPResponse, wire: _Wire, url: str, asked: int, limit: int) -> None:
        self.url = url
        self._response, self._wire = response, wire
        match = _RANGE.match(response.headers.get('Content-Range', '')) if response.status == 206 else None
        self.start = int(match[1]) if match else 0
        length = response.headers.get('Content-Length', '')
        self._length = int(length) if _LENGTH.match(length) else None
        self.size: int | None = None
        if match and match[2] != '*':
            self.size = int(match[2])
        elif self._length is not None:
            self.size = self.start + self._length
        etag = response.headers.get('ETag', '').strip()
        self.validator = etag if etag and not etag.startswith('W/') else response.headers.get('Last-Modified', '').strip()
        self._left = limit - self.start
        self._read = 0
        self._limit = limit
        if response.status == 206 and (match is None or self.start != asked):
            raise InvalidInput('The server sent another part than it was asked for.', field='uri')
        if self.size is not None and self.size > limit:
            raise TooLarge(f'The data has {self.size} bytes, {limit} are allowed.')

    def read(self, size: int) -> bytes:
        """Up to so many bytes, b'' at the end.

        :raises: Unavailable when the connection breaks, stalls or ends too soon; TooLarge
        """
        try:
            chunk = self._response.read1(size)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _broken(error) from error
        self._read += len(chunk)
        if self._read > self._left:
            raise TooLarge(f'The data has more than the {self._limit} bytes that are allowed.')
        if not chunk and self._length is not None and self._read < self._length:
            raise _broken(EOFError(f'{self._read} of {self._length} bytes'))
        return chunk

    def close(self) -> None:
        """End the connection."""
        self._response.close()
        self._wire.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _broken(error: Exception) -> Unavailable:
    slow = isinstance(error, TimeoutError)
    return Unavailable(
        'The server sends nothing any more.' if slow else 'The connection to the server broke.', code='fetch_broken',
        admin_detail=f'{type(error).__name__}: {error}',
    )  # fmt: skip


def open_url(
    service: ImageService, url: str, start: int = 0, *, stop: int | None = None, validator: str = '', headers: dict[str, str] | None = None,
    seconds: float = _TOTAL, limit: int | None = None,
) -> Fetched:  # fmt: skip
    """Ask for the body behind a URL, from byte `start` on where the server can.

    :param stop: as far as the data are wanted, if not to the end; a server may send more
    :param validator: of an earlier answer: a server whose file has changed since then sends all of it
    :param headers: more headers; they go to the first host only, not to one that it redirects to
    :param seconds: for the whole body; single waits are bounded by `[image] import_idle`
    :param limit: bytes allowed for the whole; `[image] max_size` if not given
    :raises: InvalidInput (refused, or no data there), NotFound, Forbidden, RangeNotSatisfiable, TooLarge, Unavailable (may pass)
    """
    limit = service.options.max_size if limit is None else limit
    end = monotonic() + seconds
    sent = dict(headers or {})
    first = None
    for _ in range(REDIRECTS + 1):
        target = check_url(service, url)
        first = first or (target.scheme, target.host, target.port)
        wire = _connect(service, target, end)
        try:
            response = _ask(
                wire, target, range_of(start, stop), validator, sent if (target.scheme, target.host, target.port) == first else {}
            )
            following = response.headers.get('Location') if response.status in (301, 302, 303, 307, 308) else None
            if following is None:
                _check_answer(response)
                return Fetched(response, wire, url, start, limit)
            url = _joined(url, following)
            wire.socket.close()
        except BaseException:
            wire.socket.close()
            raise
    raise InvalidInput(f'The URI redirects more than {REDIRECTS} times.', field='uri')


class _Wire:
    """What http.client takes for a socket. Its every read ends in time: at most `idle` seconds apart, and none after `end`."""

    def __init__(self, connection: socket.socket, idle: float, end: float) -> None:
        self.socket, self.idle, self.end = connection, idle, end

    def makefile(self, *arguments: Any) -> io.BufferedReader:
        """What an answer is read from."""
        return io.BufferedReader(_Incoming(self), 1 << 16)

    def sendall(self, data: bytes) -> None:
        """Send a request."""
        self.socket.settimeout(self.idle)
        self.socket.sendall(data)

    def close(self) -> None:
        """Nothing: http.client closes before the body is read. `Fetched.close` ends the connection."""


class _Incoming(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wire = self._wire
        left = wire.end - monotonic()
        if left <= 0:
            raise TimeoutError('the time for this answer is over')
        wire.socket.settimeout(min(wire.idle, left))
        return wire.socket.recv_into(buffer)


@functools.lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connect(service: ImageService, target: Target, end: float) -> _Wire:
    """A connection to one of the judged addresses. Raises Unavailable."""
    reason: Exception = OSError('no address')
    for address in target.addresses:
        try:
            connection = socket.create_connection((address, target.port), _CONNECT)
        except OSError as error:
            reason = error
            continue
        try:
            if target.scheme == 'https':
                connection = _tls().wrap_socket(connection, server_hostname=target.host)
        except OSError as error:
            connection.close()
            reason = error
            continue
        return _Wire(connection, float(service.options.import_idle), end)
    if isinstance(reason, ssl.SSLError):
        raise InvalidInput(f'The certificate of {target.host} is not to be trusted.', field='uri', admin_detail=str(reason)) from reason
    raise Unavailable(f'Host {target.host} does not answer.', code='fetch_broken', admin_detail=str(reason)) from reason


def _ask(wire: _Wire, target: Target, wanted_range: str, validator: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Send the request and read the headers of its answer."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = wire  # type: ignore[assignment]
    default = target.port == _DEFAULT_PORTS[target.scheme]
    host = f'[{target.host}]' if ':' in target.host else target.host
    wanted = {
        'Host': host if default else f'{host}:{target.port}',
        'User-Agent': 'pileus',
        'Accept': '*/*',
        'Accept-Encoding': 'identity',
        'Connection': 'close',
        **headers,
    }
    if wanted_range:
        wanted['Range'] = wanted_range
        if validator:
            wanted['If-Range'] = validator
    whole, wire.end = wire.end, min(wire.end, monotonic() + _ANSWER)
    try:
        connection.putrequest('GET', target.path, skip_host=True, skip_accept_encoding=True)
        for name, value in wanted.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _broken(error) from error
    wire.end = whole
    return response


def _check_answer(response: http.client.HTTPResponse) -> None:
    status = response.status
    if status in (200, 206):
        encoding = response.headers.get('Content-Encoding', 'identity').strip().lower()
        if encoding not in ('', 'identity'):
            raise InvalidInput(f'The server sends the data encoded as {encoding[:32]}, which it was not asked for.', field='uri')
        return
    error: PileusError
    if status in (404, 410):
        error = NotFound(message=f'The URI leads to nothing (status {status}).')
    elif status in (401, 403):
        error = Forbidden(f'The server of the URI refuses it (status {status}).')
    elif status == 416:
        error = RangeNotSatisfiable('The data is shorter than what was asked for.')
    elif status == 429 or status >= 500:
        error = Unavailable(f'The server of the URI has trouble (status {status}).', code='fetch_broken')
    else:
        error = InvalidInput(f'The server of the URI answers with status {status}.', field='uri')
    raise error
