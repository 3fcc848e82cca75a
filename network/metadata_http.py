"""The little HTTP that the metadata proxy speaks with guests: read a request, write a response."""

from __future__ import annotations

import dataclasses
import http

MAX_HEAD = 16 * 1024
MAX_BODY = 64 * 1024
_METHODS = ('GET', 'HEAD', 'POST', 'PUT')


class BadRequest(Exception):
    """The bytes are no request that we serve; `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A whole request. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


def parse(data: bytes | bytearray) -> tuple[Request | None, int]:
    """The first request in the bytes and how many of them it took; None when it is not whole yet. Raises BadRequest."""
    end = data.find(b'\r\n\r\n')
    if end < 0:
        if len(data) > MAX_HEAD:
            raise BadRequest(431, 'The request header is too large.\n')
        return None, 0
    if end > MAX_HEAD:
        raise BadRequest(431, 'The request header is too large.\n')
    lines = bytes(data[:end]).decode('latin-1').split('\r\n')
    method, target, version = _request_line(lines[0])
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(':')
        if not colon or not name or name != name.strip():
            raise BadRequest(400, 'A header line is malformed.\n')
        headers[name.lower()] = value.strip()
    if 'transfer-encoding' in headers:
        raise BadRequest(411, 'Send the body with a Content-Length.\n')
    length = headers.get('content-length', '0')
    if not length.isascii() or not length.isdigit():
        raise BadRequest(400, 'Content-Length is not a number.\n')
    size = int(length)
    if size > MAX_BODY:
        raise BadRequest(413, 'The request body is too large.\n')
    used = end + 4 + size
    if len(data) < used:
        return None, 0
    asked = headers.get('connection', '').lower()
    keep = asked != 'close' if version == 'HTTP/1.1' else asked == 'keep-alive'
    return Request(method, target, headers, bytes(data[end + 4 : used]), keep), used


def _request_line(line: str) -> tuple[str, str, str]:
    words = line.split(' ')
    if len(words) != 3 or words[2] not in ('HTTP/1.0', 'HTTP/1.1'):
        raise BadRequest(400, 'The request line is malformed.\n')
    method, target, version = words
    if method not in _METHODS:
        raise BadRequest(405, 'This method is not served here.\n')
    if target.startswith('http://'):
        target = '/' + target[7:].partition('/')[2]
    if not target.startswith('/') or any(ord(c) < 33 or ord(c) > 126 for c in target):
        raise BadRequest(400, 'The path is malformed.\n')
    return method, target, version


def render(status: int, headers: list[tuple[str, str]], body: bytes, *, keep: bool, head: bool = False) -> bytes:
    """A response as bytes; `head`: the length without the body."""
    try:
        reason = http.HTTPStatus(status).phrase
    except ValueError:
        reason = 'Unknown'
    lines = [f'HTTP/1.1 {status} {reason}', *(f'{name}: {value}' for name, value in headers), f'Content-Length: {len(body)}']
    lines.append('Connection: keep-alive' if keep else 'Connection: close')
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + (b'' if head else body)
