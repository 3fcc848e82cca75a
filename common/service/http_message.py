"""Reading HTTP/1.1 requests: the head as a WSGI environ, the body as a file. Strict: what could be read two ways is refused."""

from __future__ import annotations

import abc
import dataclasses
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from common.clock import monotonic

LONGEST_HEAD = 64 * 1024
MOST_HEADERS = 200
_LONGEST_CHUNK_LINE = 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_METHOD = re.compile(r'[A-Z][A-Z0-9-]{0,31}\Z')
_TARGET = re.compile(r'[!-"$-~]+\Z')
_CHUNK_SIZE = re.compile(rb'([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n\0]*)?\Z')
_MOST_KEYS = 2000
_keys: dict[str, str] = {}


class BadRequest(Exception):
    """A request that cannot be understood; `status` and words for the client."""

    def __init__(self, status: str, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class BrokenBody(ValueError):
    """The body is not framed as it should be."""


class Source(Protocol):
    """Where bytes come from: a connection."""

    def recv(self, size: int) -> bytes:
        """At least one byte, at most `size`; b'' at the end. Raises OSError."""

    def unread(self, data: bytes) -> None:
        """Put back what belongs to what follows."""


@dataclasses.dataclass(slots=True)
class Framing:
    """How the request's body is framed and what the client wants of the connection. `length` None: chunked."""

    length: int | None
    keep_alive: bool
    expects_continue: bool
    is_old: bool  # HTTP/1.0


def parse_head(head: bytes, base: dict[str, Any]) -> tuple[dict[str, Any], Framing]:
    """The environ of a request, from everything before the empty line; `base` is what all requests share. Raises BadRequest."""
    text = head.decode('latin-1')
    lines = text.split('\r\n')
    if '\0' in text or text.count('\n') != len(lines) - 1 or text.count('\r') != len(lines) - 1:
        raise BadRequest('400 Bad Request', 'There is a line break or a null byte where none may be.')
    if len(lines) > MOST_HEADERS:
        raise BadRequest('431 Request Header Fields Too Large', f'There are more than {MOST_HEADERS} headers.')
    words = lines[0].split(' ')
    if len(words) != 3 or not _METHOD.match(words[0]):
        raise BadRequest('400 Bad Request', 'The request line is malformed.')
    if words[2] not in ('HTTP/1.1', 'HTTP/1.0'):
        raise BadRequest('505 HTTP Version Not Supported', 'Use HTTP/1.1.')
    environ = base.copy()
    environ['REQUEST_METHOD'], environ['SERVER_PROTOCOL'] = words[0], words[2]
    _set_target(environ, words[0], words[1])
    for line in lines[1:]:
        name, colon, value = line.partition(':')
        key = _keys.get(name) or _key_of(name, colon)
        value = value.strip(' \t')
        if key in environ and key not in base:
            value = _joined(key, environ[key], value)
        environ[key] = value
    return environ, _framing(environ)


def _key_of(name: str, colon: str) -> str:
    if not colon or not _TOKEN.match(name):
        raise BadRequest('400 Bad Request', 'A header is malformed.')
    key = name.upper().replace('-', '_')
    if '_' in name:
        # It would look like the header that has dashes in these places, which whoever stands before us may have checked.
        key = f'IGNORED_{key}'
    elif key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
        key = f'HTTP_{key}'
    if len(_keys) < _MOST_KEYS:
        _keys[name] = key
    return key


def _joined(key: str, before: str, value: str) -> str:
    if key in ('CONTENT_LENGTH', 'HTTP_HOST', 'HTTP_TRANSFER_ENCODING', 'CONTENT_TYPE'):
        raise BadRequest('400 Bad Request', 'A header that may stand only once stands twice.')
    return f'{before}; {value}' if key == 'HTTP_COOKIE' else f'{before}, {value}'


def _set_target(environ: dict[str, Any], method: str, target: str) -> None:
    if not _TARGET.match(target):
        raise BadRequest('400 Bad Request', 'The target of the request is malformed.')
    environ['REQUEST_URI'] = target
    if target[0] != '/':
        if target == '*' and method == 'OPTIONS':
            target = '/*'
        elif target[:7].lower() == 'http://' or target[:8].lower() == 'https://':
            parts = urllib.parse.urlsplit(target)
            target = (parts.path or '/') + (f'?{parts.query}' if parts.query else '')
        else:
            raise BadRequest('400 Bad Request', 'The target of the request is malformed.')
    path, _, environ['QUERY_STRING'] = target.partition('?')
    environ['PATH_INFO'] = urllib.parse.unquote_to_bytes(path).decode('latin-1') if '%' in path else path


def _framing(environ: dict[str, Any]) -> Framing:
    old = environ['SERVER_PROTOCOL'] == 'HTTP/1.0'
    if not old and 'HTTP_HOST' not in environ:
        raise BadRequest('400 Bad Request', 'The Host header is missing.')
    announced, encoding = environ.get('CONTENT_LENGTH'), environ.get('HTTP_TRANSFER_ENCODING')
    length: int | None = 0
    if encoding is not None:
        if announced is not None or old:
            raise BadRequest('400 Bad Request', 'The length of the body is given in two ways.')
        if encoding.lower() != 'chunked':
            raise BadRequest('501 Not Implemented', 'The only transfer encoding is chunked.')
        length = None
        environ['wsgi.input_terminated'] = True
    elif announced is not None:
        if not (announced.isascii() and announced.isdigit() and len(announced) <= 18):
            raise BadRequest('400 Bad Request', 'Content-Length must be a whole number.')
        length = int(announced)
    wishes = environ.get('HTTP_CONNECTION', '').lower()
    keep = ('keep-alive' in wishes) if old else ('close' not in wishes)
    return Framing(length, keep, not old and environ.get('HTTP_EXPECT', '').lower() == '100-continue', old)


class Body(abc.ABC):
    """The body of one request as a file: `read`, `readline`, iteration. Subclasses know where it ends.

    :param before: called once, before the first byte is asked for (to send `100 Continue`)
    """

    def __init__(self, source: Source, before: Callable[[], None] | None = None) -> None:
        self._source, self._before = source, before
        self._rest = b''  # read, and not asked for yet
        self.broken = False

    @property
    @abc.abstractmethod
    def finished(self) -> bool:
        """Whether its end has been reached."""

    @abc.abstractmethod
    def _more(self, size: int) -> bytes:
        """The next bytes, at least one and at most about `size`; b'' at the end."""

    def _next(self, size: int) -> bytes:
        if self._before is not None:
            before, self._before = self._before, None
            before()
        try:
            return self._more(size)
        except (OSError, ValueError):
            self.broken = True
            raise

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, fewer only at the end; all without a size. Raises OSError, BrokenBody."""
        if size is None or size < 0:
            size = sys.maxsize
        if len(self._rest) >= size:
            data, self._rest = self._rest[:size], self._rest[size:]
            return data
        pieces, have = [self._rest], len(self._rest)
        self._rest = b''
        while have < size and (piece := self._next(min(size - have, 1 << 20))):
            pieces.append(piece)
            have += len(piece)
        data = pieces[1] if len(pieces) == 2 and not pieces[0] else b''.join(pieces)
        if have > size:
            data, self._rest = data[:size], data[size:]
        return data

    def read_soon(self, size: int, seconds: float) -> bytes:
        """Up to `size` bytes: what comes within about so many seconds, at least one byte; b'' at the end. Raises OSError, BrokenBody."""
        if self._rest:
            return self.read(min(size, len(self._rest)))
        pieces, have, end = [], 0, monotonic() + seconds
        while have < size and (piece := self._next(size - have)):
            pieces.append(piece)
            have += len(piece)
            if monotonic() >= end:
                break
        return pieces[0] if len(pieces) == 1 else b''.join(pieces)

    def readline(self, size: int | None = -1) -> bytes:
        """One line with its end, at most `size` bytes of it."""
        most = sys.maxsize if size is None or size < 0 else size
        while (end := self._rest.find(b'\n') + 1) == 0 and len(self._rest) < most:
            piece = self._next(4096)
            if not piece:
                break
            self._rest += piece
        end = min(end or len(self._rest), most)
        line, self._rest = self._rest[:end], self._rest[end:]
        return line

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """All lines."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b'')

    def skip(self, most: int, seconds: float) -> bool:
        """Read the rest and forget it. False where it is longer than `most` bytes or that time, or broken, or nobody has asked for it yet."""
        if self._before is not None and not self.finished:
            return False  # the client waits for our word before it sends anything
        end = monotonic() + seconds
        try:
            while not self.finished:
                piece = self._next(1 << 16)
                most -= len(piece)
                if not piece or most < 0 or monotonic() > end:
                    return self.finished
        except (OSError, ValueError):
            return False
        return not self.broken


class SizedBody(Body):
    """A body of an announced length."""

    def __init__(self, source: Source, length: int, before: Callable[[], None] | None = None) -> None:
        super().__init__(source, before)
        self._left = length

    @property
    def finished(self) -> bool:
        """See Body."""
        return self._left == 0

    def _more(self, size: int) -> bytes:
        if not self._left:
            return b''
        piece = self._source.recv(min(size, self._left))
        if not piece:
            self.broken = True
        self._left -= len(piece)
        return piece


class ChunkedBody(Body):
    """A body in chunks that say their own length. What cannot be a chunk raises BrokenBody."""

    def __init__(self, source: Source, before: Callable[[], None] | None = None) -> None:
        super().__init__(source, before)
        self._chunk = 0
        self._ended = False

    @property
    def finished(self) -> bool:
        """See Body."""
        return self._ended

    def _line(self) -> bytes:
        data = b''
        while (end := data.find(b'\r\n')) < 0:
            if len(data) > _LONGEST_CHUNK_LINE:
                raise BrokenBody('a chunk has no proper length')
            piece = self._source.recv(_LONGEST_CHUNK_LINE)
            if not piece:
                raise BrokenBody('the body ends within a chunk')
            data += piece
        self._source.unread(data[end + 2 :])
        return data[:end]

    def _more(self, size: int) -> bytes:
        if self._ended:
            return b''
        if self.broken:
            raise BrokenBody('the body is broken')
        if not self._chunk:
            match = _CHUNK_SIZE.match(self._line())
            if match is None:
                raise BrokenBody('a chunk has no proper length')
            self._chunk = int(match[1], 16)
            if not self._chunk:
                self._trailers()
                return b''
        piece = self._source.recv(min(size, self._chunk))
        if not piece:
            raise BrokenBody('the body ends within a chunk')
        self._chunk -= len(piece)
        if not self._chunk and self._line():
            raise BrokenBody('a chunk is longer than it said')
        return piece

    def _trailers(self) -> None:
        for _ in range(MOST_HEADERS):
            if not self._line():
                self._ended = True
                return
        raise BrokenBody('there are too many trailers')


def body_of(source: Source, framing: Framing, before: Callable[[], None] | None) -> Body:
    """The body of a request."""
    before = before if framing.expects_continue else None
    return ChunkedBody(source, before) if framing.length is None else SizedBody(source, framing.length, before)
