"""How a request reaches another service: over HTTP, or by calling its WSGI pipeline in the same process."""

from __future__ import annotations

import dataclasses
import io
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from common.errors import DeadlineExceeded, Unavailable


@dataclasses.dataclass(slots=True)
class Answer:
    """Status, headers (lower case) and the body in pieces; `close` when the pieces are not all read."""

    status: int
    headers: dict[str, str]
    pieces: Iterable[bytes]
    close: Callable[[], None]

    def read(self) -> bytes:
        """The whole body."""
        try:
            return b''.join(self.pieces)
        finally:
            self.close()


class Transport(Protocol):
    """Sends one request."""

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes | Iterable[bytes] | None, timeout: float) -> Answer:
        """Raises Unavailable when the service does not answer, DeadlineExceeded when not in time."""


class HttpTransport:
    """Over HTTP, through a keystoneauth1 session that keeps connections open."""

    def __init__(self) -> None:
        import requests
        from keystoneauth1 import session
        from requests.adapters import HTTPAdapter

        pool = requests.Session()
        pool.trust_env = False  # no proxies between services, and no look for them at every request
        for prefix in ('http://', 'https://'):
            pool.mount(prefix, HTTPAdapter(pool_connections=16, pool_maxsize=32))
        self._session = session.Session(session=pool, user_agent='pileus')

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes | Iterable[bytes] | None, timeout: float) -> Answer:
        """One request; redirects are not followed."""
        from keystoneauth1 import exceptions

        try:
            answer = self._session.request(
                url, method, headers=headers, data=body, authenticated=False, raise_exc=False, redirect=False, log=False, stream=True,
                timeout=timeout, connect_retries=1, connect_retry_delay=0.05,
            )  # fmt: skip
        except exceptions.ConnectTimeout as error:
            raise DeadlineExceeded('Another service did not answer in time.', admin_detail=str(error)) from error
        except exceptions.ClientException as error:
            raise Unavailable(admin_detail=f'{method} {url}: {error}') from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, found, _pieces(answer, url), answer.close)


def _pieces(answer: Any, url: str) -> Iterator[bytes]:
    from requests.exceptions import RequestException

    try:
        yield from answer.iter_content(1 << 20)
    except RequestException as error:
        raise Unavailable(admin_detail=f'the answer of {url} broke off: {error}') from error


class InProcessTransport:
    """Calls the WSGI pipelines of this process; whatever is not served here goes further.

    :param find: the pipeline behind the start of a URL (scheme, host and port), or None
    """

    def __init__(self, find: Callable[[str], Any | None], further: Callable[[], Transport]) -> None:
        self._find, self._further = find, further
        self._other: Transport | None = None

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes | Iterable[bytes] | None, timeout: float) -> Answer:
        """One request, through the whole pipeline as a client's would go."""
        parts = urllib.parse.urlsplit(url)
        application = self._find(f'{parts.scheme}://{parts.netloc}')
        if application is None:
            if self._other is None:
                self._other = self._further()
            return self._other.send(method, url, headers, body, timeout)
        environ = _environ(method, parts, headers, body)
        caught: list[Any] = []

        def start_response(status: str, found: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
            caught[:] = [int(status[:3]), {name.lower(): value for name, value in found}]
            return lambda data: None

        pieces = application(environ, start_response)
        return Answer(caught[0], caught[1], pieces, getattr(pieces, 'close', _nothing))


def _nothing() -> None:
    """There is nothing to close."""


class _Pieces(io.RawIOBase):
    """An iterable of bytes as a file to read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b''

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            data, self._rest = self._rest + b''.join(self._pieces), b''
            return data
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b''
            self._rest = piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _environ(method: str, parts: urllib.parse.SplitResult, headers: dict[str, str], body: bytes | Iterable[bytes] | None) -> dict[str, Any]:
    host, _, port = parts.netloc.partition(':')
    environ: dict[str, Any] = {
        'REQUEST_METHOD': method,
        'SCRIPT_NAME': '',
        'PATH_INFO': urllib.parse.unquote_to_bytes(parts.path).decode('latin-1'),
        'QUERY_STRING': parts.query,
        'SERVER_NAME': host,
        'SERVER_PORT': port or '80',
        'HTTP_HOST': parts.netloc,
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': parts.scheme,
        'wsgi.errors': sys.stderr,
        'wsgi.multithread': True,
        'wsgi.multiprocess': False,
        'wsgi.run_once': False,
        'pileus.in_process': True,
    }
    if isinstance(body, bytes) or body is None:
        environ['wsgi.input'] = io.BytesIO(body or b'')
        environ['CONTENT_LENGTH'] = str(len(body or b''))
    else:
        environ['wsgi.input'] = _Pieces(body)
        environ['HTTP_TRANSFER_ENCODING'] = 'chunked'
    for name, value in headers.items():
        key = name.upper().replace('-', '_')
        environ[key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else f'HTTP_{key}'] = value
    return environ
