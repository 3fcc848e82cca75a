"""Image data as files of one directory: `<image id>`, and `<image id>.<upload id>.part` while it arrives."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from common.errors import NotFound, Unavailable
from image.drivers.base import Store, StoredImage

_PART = '.part'


class FilesystemStore(Store):
    """Store in a local directory, readable by the service's user only."""

    name = 'filesystem'

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)

    def _path(self, image_id: str) -> pathlib.Path:
        return self.directory / image_id

    def _part(self, image_id: str, upload_id: str) -> pathlib.Path:
        return self.directory / f'{image_id}.{upload_id}{_PART}'

    def begin(self, image_id: str, upload_id: str) -> FileUpload:
        return FileUpload(self._part(image_id, upload_id), self._path(image_id))

    def open(self, image_id: str) -> BinaryIO:
        try:
            return self._path(image_id).open('rb')
        except FileNotFoundError:
            raise NotFound('image data', image_id) from None

    def size(self, image_id: str) -> int:
        try:
            return self._path(image_id).stat().st_size
        except FileNotFoundError:
            raise NotFound('image data', image_id) from None

    def delete(self, image_id: str) -> None:
        self._path(image_id).unlink(missing_ok=True)
        for part in self.directory.glob(f'{image_id}.*{_PART}'):
            part.unlink(missing_ok=True)

    def discard(self, image_id: str, upload_id: str) -> None:
        self._part(image_id, upload_id).unlink(missing_ok=True)

    def inventory(self) -> Iterator[StoredImage]:
        for entry in os.scandir(self.directory):
            partial = entry.name.endswith(_PART)
            with contextlib.suppress(FileNotFoundError):
                yield StoredImage(entry.name.split('.')[0], entry.stat().st_size, partial)


class FileUpload:
    """A file under construction, renamed into place when it is whole."""

    def __init__(self, part: pathlib.Path, final: pathlib.Path) -> None:
        self._part, self._final = part, final
        with _storage_errors():
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            self._file = os.fdopen(descriptor, 'wb', buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append some bytes. Raises Unavailable when the disk is full."""
        with _storage_errors():
            view = memoryview(chunk)
            while view:
                written = self._file.write(view)
                view = view[written or 0 :]

    def sync(self) -> None:
        """After this what has arrived survives a power cut."""
        with _storage_errors():
            os.fsync(self._file.fileno())
            self._file.close()

    def commit(self) -> None:
        """Rename into place."""
        with _storage_errors():
            os.replace(self._part, self._final)  # noqa: PTH105 (the two are pathlib paths; replace is atomic)

    def abort(self) -> None:
        """Remove what has arrived."""
        self._file.close()
        self._part.unlink(missing_ok=True)


@contextlib.contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = 'The image store is full; delete images or ask the operator for room.' if full else 'The image store is not writable.'
        raise Unavailable(reason, code='storage_full' if full else None, admin_detail=str(error)) from error
