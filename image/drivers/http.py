"""Image data that web servers hold: read-only. An image has it once a client has added its URL as a location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

from common.errors import Forbidden, NotFound
from image.drivers.base import Body, Store, StoredImage, StoreSetup, Upload
from image.drivers.options import HttpStoreOptions
from image.drivers.remote_file import RemoteFile


class HttpStore(Store):
    """All web servers that the guard of `image/fetching.py` lets us reach."""

    Options = HttpStoreOptions
    driver = 'http'
    read_only = True
    schemes = frozenset({'http', 'https'})

    def __init__(self, setup: StoreSetup) -> None:
        super().__init__(setup)
        self._setup = setup

    def _fetch(self, url: str, start: int = 0) -> Body:
        if self._setup.fetch is None:
            raise NotFound('image data', url)
        return self._setup.fetch(url, start)

    def size_of_location(self, url: str) -> int | None:
        body = self._fetch(url)
        body.close()
        return body.size

    def open_location(self, url: str) -> BinaryIO:
        body = self._fetch(url)
        return cast(BinaryIO, RemoteFile(lambda start: self._fetch(url, start), body.size, body))

    def begin(self, image_id: str, upload_id: str, size: int | None = None) -> Upload:
        raise Forbidden(f'Image store {self.name} is read-only.')

    def open(self, image_id: str, url: str = '') -> BinaryIO:
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
