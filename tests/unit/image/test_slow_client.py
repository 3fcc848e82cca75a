"""Data of a client that sends slowly: they are passed on as they come, since each piece is a sign of life of the upload."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import pytest

from common.service import http_message
from common.service.http_message import ChunkedBody, SizedBody
from image.api.image_data import reader

MIB = 1 << 20


class Wire:
    """Gives pieces of a size, each of which takes some seconds of its own clock."""

    def __init__(self, data: bytes, piece: int, seconds: float) -> None:
        self._data, self._piece, self._seconds = data, piece, seconds
        self.time = 0.0

    def recv(self, size: int) -> bytes:
        self.time += self._seconds
        taken = min(size, self._piece)
        found, self._data = self._data[:taken], self._data[taken:]
        return found

    def unread(self, data: bytes) -> None:
        self._data = data + self._data


@pytest.fixture(params=['sized', 'chunked'])
def call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes requests of a body, given the bytes of one piece and the seconds it takes."""

    def made(data: bytes, piece: int, seconds: float) -> Any:
        chunked = request.param == 'chunked'
        wire = Wire(b'%x\r\n%b\r\n0\r\n\r\n' % (len(data), data) if chunked else data, piece, seconds)
        monkeypatch.setattr(http_message, 'monotonic', lambda: wire.time)
        body = ChunkedBody(wire) if chunked else SizedBody(wire, len(data))
        return types.SimpleNamespace(environ={'wsgi.input': body}, content_length=None if chunked else len(data))

    yield made


def pieces(call: Any) -> list[bytes]:
    return list(iter(lambda read=reader(call): read(MIB), b''))  # type: ignore[misc]


def test_a_slow_client_is_heard_of_every_few_seconds(call: Any) -> None:
    data = bytes(range(256)) * 400
    found = pieces(call(data, 1000, 1.0))
    assert b''.join(found) == data
    assert max(map(len, found)) <= 5000, 'an upload counts as dead after some seconds without a piece'


def test_a_fast_client_fills_the_pieces(call: Any) -> None:
    data = bytes(range(256)) * (3 * MIB // 256) + b'rest'
    found = pieces(call(data, 1 << 16, 0.001))
    assert b''.join(found) == data and [len(one) for one in found] == [MIB, MIB, MIB, 4]


def test_what_is_no_connection_is_read_as_a_file() -> None:
    import io

    given = types.SimpleNamespace(environ={'wsgi.input': io.BytesIO(b'x' * (MIB + 1))}, content_length=None)
    assert [len(one) for one in pieces(given)] == [MIB, 1]
