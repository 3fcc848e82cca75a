"""What a store of image data must do."""

from __future__ import annotations

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, ClassVar, Protocol

from common.errors import InvalidInput
from image.drivers.options import StoreOptions


class Upload(Protocol):
    """Data on its way into a store. Nothing can be read before `commit`."""

    @property
    def url(self) -> str:
        """Where the data will be; `Store.open` finds it by this. Known at the latest after `sync`."""

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""

    def sync(self) -> None:
        """Make what has arrived durable; still nobody reads it."""

    def commit(self) -> None:
        """Let it be read, in one quick step within a transaction; to be called after `sync`."""

    def abort(self) -> None:
        """Forget the data; also legal after a failed commit."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredImage:
    """What a store holds: `image_id`, `size` in bytes, and whether an upload has not been committed."""

    image_id: str
    size: int
    partial: bool


class Body(Protocol):
    """Data that arrives from far away."""

    size: int | None
    """Bytes of the whole, where that is known."""
    start: int
    """Where in the whole this begins."""

    def read(self, size: int) -> bytes:
        """Up to so many bytes, b'' at the end. Raises Unavailable when it breaks off."""

    def close(self) -> None:
        """End it."""


class Known(Body, Protocol):
    """Data that may change behind our back."""

    validator: str
    """What an unchanged file can be known by, or ''."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoreSetup:
    """What a store is made from: its name, its section of the configuration, and a directory of its own it may make.

    `fetch(url, start, stop, validator)` opens the body behind a URL that a user gave, past the guard against URLs into the cloud itself: from
    a byte on, up to another or None, if the file is still the one that the validator of an earlier body speaks of ('' for any), else all.
    """

    name: str
    options: Any
    directory: pathlib.Path
    fetch: Callable[[str, int, int | None, str], Known] | None = None


class Store(abc.ABC):
    """A place for image data, addressed by image id. Every method may be called twice.

    A store holds the data of an image once; `url`, where a method takes it, is what the upload said or '' when that is not known.
    """

    Options: ClassVar[type[StoreOptions]] = StoreOptions
    driver = 'store'
    read_only = False
    """Whether nothing can be uploaded here."""
    schemes: frozenset[str] = frozenset()
    """Of URLs that clients may name as locations of data that somebody else looks after."""
    lists_quickly = False
    """Whether `inventory` is cheap enough to look for leaks every few seconds."""

    def __init__(self, setup: StoreSetup) -> None:
        self.name = setup.name
        self.weight: int = setup.options.weight
        self.description: str = setup.options.description

    def properties(self) -> dict[str, Any]:
        """What an operator is told about the store, besides name and weight; no secrets."""
        return {}

    def check(self) -> str | None:
        """What is wrong with the store, or None."""
        return None

    @abc.abstractmethod
    def begin(self, image_id: str, upload_id: str, size: int | None = None) -> Upload:
        """Start to take data. Raises Unavailable when the place is full or not writable.

        :param size: bytes that will come, where that is known
        """

    @abc.abstractmethod
    def open(self, image_id: str, url: str = '', start: int = 0, stop: int | None = None) -> BinaryIO:
        """The data as a binary file, seekable, which stands at `start`. Raises NotFound, Unavailable.

        Data far away are asked for once, from `start` to `stop`, where the reader stops unless that is None.
        """

    @abc.abstractmethod
    def size(self, image_id: str, url: str = '') -> int:
        """Bytes held for the image. Raises NotFound, Unavailable."""

    @abc.abstractmethod
    def url(self, image_id: str) -> str:
        """Where the data is, for images of which no upload has said it."""

    @abc.abstractmethod
    def delete(self, image_id: str) -> None:
        """Forget the data and what is left of unfinished uploads of it; absent data is fine. Raises Unavailable."""

    @abc.abstractmethod
    def discard(self, image_id: str, upload_id: str) -> None:
        """Forget what is left of one unfinished upload."""

    @abc.abstractmethod
    def inventory(self) -> Iterator[StoredImage]:
        """All that is held, for the search of leaks."""

    def size_of_location(self, url: str) -> int | None:
        """Bytes at a location that a client names; None when its server does not say. Raises InvalidInput, Unavailable."""
        raise InvalidInput(f'Store {self.name} takes no locations.', field='url')

    def open_location(self, url: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """The data at a location that a client has named, as `open` gives them. Raises NotFound, Unavailable."""
        raise InvalidInput(f'Store {self.name} takes no locations.', field='url')
