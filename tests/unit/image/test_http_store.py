"""Data on web servers as a file: read in parts, opened again where it broke off, given up when it drips."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import pytest

from common import clock
from common.errors import DeadlineExceeded, Forbidden, InvalidInput, NotFound, Unavailable
from image.drivers.base import StoreSetup
from image.drivers.http import HttpStore
from image.drivers.options import HttpStoreOptions
from image.drivers.remote_file import RemoteFile

DATA = os.urandom(10_000)


class Body:
    """A body that breaks off after so many bytes."""

    def __init__(
        self, start: int, *, most: int = len(DATA), size: int | None = len(DATA), on_read: Callable[[], None] = lambda: None
    ) -> None:
        self.start, self.size = start, size
        self._at, self._left, self._on_read = start, most, on_read
        self.closed, self.validator = False, '"one"'

    def read(self, size: int) -> bytes:
        self._on_read()
        chunk = DATA[self._at : self._at + min(size, self._left, 1000)]
        if not chunk and self._at < len(DATA):
            raise Unavailable('broke off')
        self._at += len(chunk)
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self.closed = True


def store(fetch: Callable[[str, int], Body], **options: int) -> HttpStore:
    def fetched(url: str, start: int, stop: int | None, validator: str) -> Body:
        return fetch(url, start)

    return HttpStore(StoreSetup('web', HttpStoreOptions(**options), pathlib.Path('nowhere'), fetched))


def whole(file: RemoteFile | object) -> bytes:
    return b''.join(iter(lambda: file.read(3333), b''))  # type: ignore[attr-defined]


def test_it_goes_on_where_it_broke_off() -> None:
    asked: list[int] = []

    def fetch(url: str, start: int) -> Body:
        asked.append(start)
        return Body(start, most=2500)

    with store(fetch).open_location('http://x/') as file:
        assert whole(file) == DATA
    assert asked == [0, 2500, 5000, 7500]


def test_it_gives_up_when_it_gets_no_further() -> None:
    with store(lambda url, start: Body(start, most=0)).open_location('http://x/') as file, pytest.raises(Unavailable):
        file.read(10)


def test_a_server_without_ranges_is_read_up_to_the_place() -> None:
    with store(lambda url, start: Body(0)).open_location('http://x/') as file:
        file.seek(4321)
        assert file.read(10) == DATA[4321:4331] and file.tell() == 4331
        file.seek(-5, os.SEEK_END)
        assert whole(file) == DATA[-5:]


def test_data_of_unknown_size_ends_where_it_ends() -> None:
    with store(lambda url, start: Body(start, size=None)).open_location('http://x/') as file:
        assert whole(file) == DATA
        with pytest.raises(OSError):
            file.seek(0, os.SEEK_END)


def test_a_short_body_is_no_end() -> None:
    with RemoteFile(lambda start, stop: Body(start, size=len(DATA) + 1)) as file, pytest.raises(Unavailable, match='ends before'):
        whole(file)


def test_a_server_that_drips_is_given_up_but_a_slow_reader_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, 'monotonic', lambda: now[0])

    def wait() -> None:
        now[0] += 5

    with (
        store(lambda url, start: Body(start, on_read=wait), min_speed=300).open_location('http://x/') as file,
        pytest.raises(DeadlineExceeded),
    ):
        whole(file)
    with store(lambda url, start: Body(start), min_speed=300).open_location('http://x/') as file:
        while file.read(100):
            now[0] += 5


def test_bodies_are_closed() -> None:
    made: list[Body] = []

    def fetch(url: str, start: int) -> Body:
        made.append(Body(start))
        return made[-1]

    assert store(fetch).size_of_location('http://x/') == len(DATA)
    with store(fetch).open_location('http://x/') as file:
        file.seek(5)
        file.read(1)
    assert len(made) == 3 and all(body.closed for body in made)


def test_it_takes_no_uploads() -> None:
    web = store(lambda url, start: Body(start))
    with pytest.raises(Forbidden):
        web.begin('image', 'upload')
    for ask in (web.open, web.size):
        with pytest.raises(NotFound):
            ask('image')
    web.delete('image')
    assert list(web.inventory()) == [] and web.read_only and web.url('image') == ''


def test_other_stores_take_no_locations(tmp_path: pathlib.Path) -> None:
    from image.drivers.filesystem import FilesystemStore
    from image.drivers.options import FilesystemStoreOptions

    files = FilesystemStore(StoreSetup('files', FilesystemStoreOptions(), tmp_path))
    for ask in (files.open_location, files.size_of_location):
        with pytest.raises(InvalidInput):
            ask('file:///etc/passwd')
