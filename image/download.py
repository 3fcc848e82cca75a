"""Bringing data from elsewhere into the staging area: goes on where it broke off, also after the death of the process.

A source is opened from a byte on and says where it really begins, how large the whole is, and by what an unchanged file can be known
(`image.fetching.Fetched` is one). Where the source cannot continue, or its file has changed, the transfer starts over.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Protocol, Self

from common import clock
from common.errors import InvalidInput, RangeNotSatisfiable, TooLarge, Unavailable
from image.pace import Pace
from image.staging_area import StagingArea, storage_errors

_PAUSE, _LONGEST_PAUSE = 0.25, 5.0


class Source(Protocol):
    """Data that arrives; a context manager."""

    size: int | None
    start: int
    validator: str

    def read(self, size: int) -> bytes:
        """Up to so many bytes, b'' at the end. Raises Unavailable when it breaks off."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


Open = Callable[[int, str], Source]
"""Opens the source at a byte, given the validator of an earlier answer (or '')."""


class Download:
    """One transfer into the staging area.

    :param open_source: may raise Unavailable for what may pass
    :param alive: called often; raises when the transfer shall end
    :param arrived: told how many bytes there are, before they are kept, and how many there will be, where the source says it; may refuse them
    :param tries: how often in a row it may break off without getting further than ever before
    :param min_speed: bytes a second, on the average of some time, that are not too slow
    """

    def __init__(
        self, area: StagingArea, image_id: str, stage_id: str, open_source: Open, alive: Callable[[], None], *, tries: int, chunk: int, limit: int,
        min_speed: int = 0, arrived: Callable[[int, int | None], None] = lambda size, whole: None,
    ) -> None:  # fmt: skip
        self._area, self._image, self._stage = area, image_id, stage_id
        self._open, self._alive, self._arrived = open_source, alive, arrived
        self._tries, self._chunk, self._limit = tries, chunk, limit
        self._part = area.part(image_id, stage_id)
        self._furthest = 0
        self._pace = Pace(min_speed)

    def run(self) -> int:
        """Bring all of it; returns its size in bytes. Data that is there already, whole, is not fetched again.

        :raises: InvalidInput when the source keeps breaking off; TooLarge; what opening the source raises
        """
        whole = self._area.size(self._image, self._stage)
        if whole is not None:
            return whole
        failures = 0
        while True:
            before = self._furthest
            try:
                return self._once()
            except Unavailable as error:
                if error.code == 'storage_full':
                    raise InvalidInput(error.message, code='storage_full', admin_detail=error.admin_detail) from error
                failures = 0 if self._furthest > before else failures + 1
                if failures >= self._tries:
                    message = f'The data could not be fetched, {failures} tries: {error.message}'
                    raise InvalidInput(message, code='fetch_failed', admin_detail=error.admin_detail) from error
                self._alive()
                clock.sleep(min(_PAUSE * 2**failures, _LONGEST_PAUSE))

    def _once(self) -> int:
        note = self._area.note(self._image, self._stage)
        have = _size(self._part) if note.get('validator') else 0
        try:
            source = self._open(have, note.get('validator', ''))
        except RangeNotSatisfiable:  # it has become shorter, or is as long as what is here: only all of it is certain
            source = self._open(0, '')
        with source:
            self._arrived(source.start, source.size)
            if source.validator != note.get('validator', ''):
                self._area.set_note(self._image, self._stage, validator=source.validator)
            size = self._copy(source)
        if source.size is not None and size != source.size:
            raise Unavailable(f'The connection ended after {size} of {source.size} bytes.', code='fetch_broken')
        with storage_errors():
            os.replace(self._part, self._area.path(self._image, self._stage))  # noqa: PTH105 (pathlib says the same)
        return size

    def _copy(self, source: Source) -> int:
        with storage_errors():
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, 'wb', buffering=0) as file:
            file.truncate(source.start)
            size = file.seek(source.start)
            while chunk := source.read(self._chunk):
                self._alive()
                size += len(chunk)
                self._pace.note(len(chunk))
                if size > self._limit:
                    raise TooLarge(f'The data has more than the {self._limit} bytes that are allowed.')
                self._arrived(size, source.size)
                with storage_errors():
                    view = memoryview(chunk)
                    while view:
                        view = view[file.write(view) or 0 :]
                self._furthest = max(self._furthest, size)
            with storage_errors():
                os.fsync(file.fileno())
        return size


def _size(path: pathlib.Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
