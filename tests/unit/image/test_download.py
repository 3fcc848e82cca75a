"""Transfers into the staging area: what is continued, what starts over, and what is given up."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, Self

import pytest

from common import clock
from common.errors import InvalidInput, RangeNotSatisfiable, TooLarge, Unavailable
from image.download import Download
from image.staging_area import StagingArea

DATA = bytes(range(256)) * 20
Opened = Callable[[int, str], Any]


class Source:
    """Data from a byte on; breaks after so many bytes."""

    def __init__(
        self, start: int, validator: str = 'v1', breaks: int | None = None, data: bytes = DATA, size: int | None = len(DATA)
    ) -> None:
        self.start, self.validator, self.size = start, validator, size
        self._data, self._breaks, self._sent = data[start:], breaks, 0

    def read(self, size: int) -> bytes:
        if self._breaks is not None and self._sent >= self._breaks:
            raise Unavailable('broken', code='fetch_broken')
        piece = self._data[self._sent : self._sent + min(size, 100)]
        self._sent += len(piece)
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing."""


@pytest.fixture
def area(tmp_path: pathlib.Path) -> StagingArea:
    return StagingArea(tmp_path / 'staging')


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)


def fetch(area: StagingArea, source: Opened, **more: Any) -> bytes:
    options = {'tries': 3, 'chunk': 1000, 'limit': 1 << 20, **more}
    size = Download(area, 'image', 'stage', source, options.pop('alive', lambda: None), **options).run()
    found = area.path('image', 'stage').read_bytes()
    assert len(found) == size and not area.part('image', 'stage').exists()
    return found


def test_it_goes_on_where_it_broke_off(area: StagingArea) -> None:
    asked: list[tuple[int, str]] = []

    def source(start: int, validator: str) -> Source:
        asked.append((start, validator))
        return Source(start, breaks=2000)

    assert fetch(area, source) == DATA
    assert asked == [(0, ''), (2000, 'v1'), (4000, 'v1')]


def test_what_has_changed_starts_over(area: StagingArea) -> None:
    other = DATA[::-1]

    def source(start: int, validator: str) -> Source:
        return Source(0, 'v2', data=other) if start else Source(0, 'v1', breaks=2000)

    assert fetch(area, source) == other


def test_what_cannot_be_recognised_again_starts_over(area: StagingArea) -> None:
    asked = []

    def source(start: int, validator: str) -> Source:
        asked.append(start)
        return Source(start, '', breaks=2000 if len(asked) == 1 else None)

    assert fetch(area, source) == DATA and asked == [0, 0]


def test_a_shorter_file_starts_over(area: StagingArea) -> None:
    area.part('image', 'stage').write_bytes(b'x' * 9000)
    area.set_note('image', 'stage', validator='v1')

    def source(start: int, validator: str) -> Source:
        if start:
            raise RangeNotSatisfiable('too short')
        return Source(0)

    assert fetch(area, source) == DATA


def test_what_is_there_is_not_fetched_again(area: StagingArea) -> None:
    area.path('image', 'stage').write_bytes(b'here')

    def source(start: int, validator: str) -> Source:
        raise AssertionError('asked')

    assert fetch(area, source) == b'here'


def test_without_progress_it_is_given_up(area: StagingArea) -> None:
    asked = []

    def source(start: int, validator: str) -> Source:
        asked.append(start)
        return Source(0, '', breaks=2000)

    with pytest.raises(InvalidInput, match='3 tries: broken'):
        fetch(area, source)
    assert len(asked) == 4, 'the first one got further than any before'


def test_a_body_that_is_shorter_than_it_says_is_not_taken(area: StagingArea) -> None:
    with pytest.raises(InvalidInput, match='fetched'):
        fetch(area, lambda start, validator: Source(0, '', data=DATA[:-1]))
    assert not area.path('image', 'stage').exists()


def test_too_much(area: StagingArea) -> None:
    with pytest.raises(TooLarge):
        fetch(area, lambda start, validator: Source(start, size=None), limit=1000)


def test_too_slow(area: StagingArea, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, 'monotonic', lambda: now[0])

    def slowly() -> None:
        now[0] += 30

    with pytest.raises(InvalidInput, match='slowly'):
        fetch(area, lambda start, validator: Source(start), alive=slowly, min_speed=1000)
    area.remove('image', 'stage')
    assert fetch(area, lambda start, validator: Source(start), alive=slowly, min_speed=1) == DATA


def test_it_ends_when_it_is_told_to(area: StagingArea) -> None:
    def enough() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fetch(area, lambda start, validator: Source(start), alive=enough)
