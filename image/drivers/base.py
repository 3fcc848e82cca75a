"""What a store of image data must do."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator
from typing import BinaryIO, Protocol


class Upload(Protocol):
    """Data on its way into a store. Nothing can be read before `commit`."""

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""

    def sync(self) -> None:
        """Make what has arrived durable; still nobody can read it."""

    def commit(self) -> None:
        """Let it be read, in one quick step; to be called after `sync`."""

    def abort(self) -> None:
        """Forget the data; also legal after a failed commit."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredImage:
    """What a store holds: `image_id`, `size` in bytes, and whether an upload has not been committed."""

    image_id: str
    size: int
    partial: bool


class Store(abc.ABC):
    """A place for image data, addressed by image id. Every method may be called twice."""

    name = 'store'

    @abc.abstractmethod
    def begin(self, image_id: str, upload_id: str) -> Upload:
        """Start to take data. Raises Unavailable when the place is full or not writable."""

    @abc.abstractmethod
    def open(self, image_id: str) -> BinaryIO:
        """The data as a binary file, seekable. Raises NotFound."""

    @abc.abstractmethod
    def size(self, image_id: str) -> int:
        """Bytes held for the image. Raises NotFound."""

    @abc.abstractmethod
    def delete(self, image_id: str) -> None:
        """Forget the data and what is left of unfinished uploads of it; absent data is fine."""

    @abc.abstractmethod
    def discard(self, image_id: str, upload_id: str) -> None:
        """Forget what is left of one unfinished upload."""

    @abc.abstractmethod
    def inventory(self) -> Iterator[StoredImage]:
        """All that is held, for the search of leaks."""
