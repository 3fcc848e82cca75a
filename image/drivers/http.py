"""Image data that web servers hold: read-only. An image has it once a client has added its URL as a location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

from common import clock
from common.errors import DeadlineExceeded, Forbidden, NotFound
from image.drivers.base import Body, Known, Store, StoredImage, StoreSetup, Upload
from image.drivers.options import HttpStoreOptions
from image.drivers.remote_file import RemoteFile

_PATIENCE = 20.0  # seconds of waiting before the speed is judged


class _Patience:
    """How long a reader has waited for a server. Only waiting counts: the reader may be slow itself."""

    def __init__(self, min_speed: int) -> None:
        self._min_speed = min_speed
        self._received, self._waited = 0, 0.0

    def read(self, body: Body, size: int) -> bytes:
        """Read from a body. Raises DeadlineExceeded when so far there was too much waiting for too little."""
        began = clock.monotonic()
        try:
            chunk = body.read(size)
            self._received += len(chunk)
        finally:
            self._waited += clock.monotonic() - began
        if self._waited > _PATIENCE and self._received < self._min_speed * self._waited:
            raise DeadlineExceeded('The server of the image data is too slow.')
        return chunk


class _Watched:
    """A body that is read with patience."""

    def __init__(self, body: Body, patience: _Patience) -> None:
        self._body, self._patience = body, patience
        self.size, self.start = body.size, body.start

    def read(self, size: int) -> bytes:
        return self._patience.read(self._body, size)

    def close(self) -> None:
        self._body.close()


class HttpStore(Store):
    """All web servers that the guard of `image/fetching.py` lets us reach."""

    Options = HttpStoreOptions
    driver = 'http'
    read_only = True
    schemes = frozenset({'http', 'https'})

    def __init__(self, setup: StoreSetup) -> None:
        super().__init__(setup)
        self._setup = setup

    def _fetch(self, url: str, start: int = 0, stop: int | None = None, validator: str = '') -> Known:
        if self._setup.fetch is None:
            raise NotFound('image data', url)
        return self._setup.fetch(url, start, stop, validator)

    def size_of_location(self, url: str) -> int | None:
        body = self._fetch(url)
        body.close()
        return body.size

    def open_location(self, url: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        patience, first = _Patience(self._setup.options.min_speed), list[tuple[str, int | None]]()

        def open_at(start: int, stop: int | None) -> Body:
            body = self._fetch(url, start, stop, first[0][0] if first else '')
            first.append((body.validator, body.size))
            if first[0] != first[-1]:
                body.close()
                raise NotFound(message='The data of the image have changed on their server.')
            return _Watched(body, patience)

        return cast(BinaryIO, RemoteFile(open_at, start, stop))

    def begin(self, image_id: str, upload_id: str, size: int | None = None) -> Upload:
        raise Forbidden(f'Image store {self.name} is read-only.')

    def open(self, image_id: str, url: str = '', start: int = 0, stop: int | None = None) -> BinaryIO:
        raise NotFound('image data', image_id)

    def size(self, image_id: str, url: str = '') -> int:
        raise NotFound('image data', image_id)

    def url(self, image_id: str) -> str:
        return ''

    def delete(self, image_id: str) -> None:
        """Nothing: the data is not ours."""

    def discard(self, image_id: str, upload_id: str) -> None:
        """Nothing was uploaded."""

    def inventory(self) -> Iterator[StoredImage]:
        yield from ()
