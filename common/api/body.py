"""Reading a JSON body: nothing that could hurt later gets past here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from common.errors import InvalidInput, TooLarge, Unavailable, UnsupportedMediaType

MAX_DEPTH = 64
_ESCAPED_NULL, _ESCAPED_SURROGATE = b'\\u0000', b'\\ud'
_LONGEST_NUMBER = 40
_AT_HAND = 1 << 17  # what is larger, or of unknown size, the server has not waited for: its client may send it slowly


def read_bytes(environ: dict[str, Any], limit: int) -> bytes:
    """The whole body. Raises TooLarge past `limit` bytes, InvalidInput where it ends early or lies about its length."""
    announced = environ.get('CONTENT_LENGTH')
    source = environ.get('wsgi.input')
    if not announced:
        chunked = 'chunked' in environ.get('HTTP_TRANSFER_ENCODING', '').lower() or environ.get('wsgi.input_terminated')
        if chunked:
            take_long(environ)
        data = read_piece(source, limit + 1) if chunked and source is not None else b''
        if len(data) > limit:
            raise too_large(limit)
        return data
    if not (announced.isascii() and announced.isdigit()):
        raise InvalidInput('Content-Length must be a whole number.', field='Content-Length')
    length = int(announced)
    if length > limit:
        raise too_large(limit)
    if length > _AT_HAND:
        take_long(environ)
    data = read_piece(source, length) if length and source is not None else b''
    if len(data) < length:
        raise InvalidInput(f'The body ended {length - len(data)} bytes before its announced length.')
    return data


def take_long(environ: dict[str, Any]) -> None:
    """Wait for a body in a thread besides those for other requests. Raises Unavailable when there are too many such."""
    asked = environ.get('pileus.take_long')
    if asked is not None and not asked():
        raise Unavailable('There are too many slow connections. Try again in a moment.', headers={'Retry-After': '5'})


def read_piece(source: Any, size: int) -> bytes:
    """Up to `size` bytes of a body. Raises InvalidInput where the client sends it wrongly or not at all."""
    try:
        data: bytes = source.read(size)
    except (OSError, ValueError):
        raise InvalidInput('The body of the request could not be read: it is broken or came too slowly.') from None
    return data


def too_large(limit: int) -> TooLarge:
    """The error for a body past the limit."""
    return TooLarge(f'The body of the request is larger than {limit} bytes.')


def check_content_type(environ: dict[str, Any], allowed: Sequence[str]) -> None:
    """Raises UnsupportedMediaType for a content type that the route does not read; none at all is taken as the first."""
    given = environ.get('CONTENT_TYPE')
    if not given or given in allowed:
        return
    media_type, _, parameters = given.partition(';')
    if media_type.strip().lower() not in allowed:
        raise UnsupportedMediaType(f'The content type {media_type.strip()[:60]!r} is not supported; allowed: {", ".join(allowed)}.')
    if 'charset' in parameters.lower() and 'utf-8' not in parameters.lower().replace('utf8', 'utf-8'):
        raise UnsupportedMediaType('A JSON body must be encoded in UTF-8.')


def parse_json(data: bytes) -> Any:
    """The value of a JSON text. Raises InvalidInput for broken JSON, invalid UTF-8, null bytes, NaN, too much nesting."""
    try:
        value = _DECODER.decode(data.decode('utf-8'))
    except UnicodeDecodeError:
        raise InvalidInput('The body of the request is not valid UTF-8.') from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f'The body of the request is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}.') from None
    except RecursionError:
        raise _too_deep() from None
    opened = data.count(b'{') + data.count(b'[')
    suspicious = _ESCAPED_NULL in data or _ESCAPED_SURROGATE in data.lower()
    if opened > MAX_DEPTH or suspicious:
        _check(value, 0, '', suspicious)
    return value


def check_text(text: str, where: str) -> None:
    """Raises InvalidInput where text holds a null byte or half of a surrogate pair."""
    if '\0' in text:
        raise InvalidInput(f'{where or "The body"} holds a null byte.', field=where or None)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f'{where or "The body"} holds text that is not valid Unicode.', field=where or None) from None


def _check(value: Any, depth: int, where: str, text_too: bool) -> None:
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, dict):
        for name, inner in value.items():
            if text_too:
                check_text(name, f'a key of {where}' if where else 'a key of the body')
            _check(inner, depth + 1, f'{where}.{name}' if where else name, text_too)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _check(inner, depth + 1, f'{where}[{i}]', text_too)
    elif text_too and isinstance(value, str):
        check_text(value, where)


def _too_deep() -> InvalidInput:
    return InvalidInput(f'The body of the request is nested deeper than {MAX_DEPTH} levels.')


def _refuse_constant(text: str) -> NoReturn:
    raise InvalidInput(f'{text} is not allowed in JSON.')


def _parse_int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise InvalidInput(f'A number in the body has more than {_LONGEST_NUMBER} digits.')
    return int(text)


def _parse_float(text: str) -> float:
    value = float(text)
    if value in (float('inf'), float('-inf')):
        raise InvalidInput(f'The number {text[:_LONGEST_NUMBER]} in the body is too large.')
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_parse_int, parse_float=_parse_float)
