"""Image data as files of directories: `<image id>`, and `<image id>.<upload id>.part` while it arrives."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import urllib.parse
from collections.abc import Iterator
from typing import Any, BinaryIO

from common import durable
from common.config import ConfigError
from common.errors import NotFound, Unavailable
from image.drivers.base import Store, StoredImage, StoreSetup
from image.drivers.options import FilesystemStoreOptions
from image.drivers.sparse import SparseFile

_PART = '.part'


class FilesystemStore(Store):
    """Store in local directories, readable by the service's user only."""

    Options = FilesystemStoreOptions
    driver = 'filesystem'
    lists_quickly = True

    def __init__(self, setup: StoreSetup) -> None:
        super().__init__(setup)
        self._priorities = dict(_parse(entry) for entry in setup.options.directories) or {setup.directory: 0}
        for directory in self._priorities:
            try:
                directory.mkdir(parents=True, exist_ok=True, mode=0o750)
            except OSError as error:
                raise ConfigError(f'The directory {directory} of image store {self.name} cannot be made: {error.strerror}.') from error

    def properties(self) -> dict[str, Any]:
        return {'data_dir': [str(directory) for directory in self._priorities], 'chunk_size': 1 << 20, 'thin_provisioning': False}

    def check(self) -> str | None:
        for directory in self._priorities:
            if not os.access(directory, os.W_OK | os.X_OK):
                return f'{directory} cannot be written to'
        return None

    def _find(self, image_id: str) -> pathlib.Path | None:
        for directory in self._priorities:
            path = directory / image_id
            if path.exists():
                return path
        return None

    def _choose(self, size: int) -> pathlib.Path:
        """The directory for so many bytes: the highest priority that has room, then the most room."""
        if len(self._priorities) == 1:
            return next(iter(self._priorities))
        room = {}
        for directory in self._priorities:
            with contextlib.suppress(OSError):
                stat = os.statvfs(directory)
                room[directory] = stat.f_bavail * stat.f_frsize
        fitting = [directory for directory, free in room.items() if free > size]
        if not fitting:
            raise Unavailable('The image store is full; delete images or ask the operator for room.', code='storage_full')
        return max(fitting, key=lambda directory: (self._priorities[directory], room[directory]))

    def begin(self, image_id: str, upload_id: str, size: int | None = None) -> FileUpload:
        directory = self._choose(size or 0)
        others = [other / image_id for other in self._priorities if other != directory]
        return FileUpload(directory / f'{image_id}.{upload_id}{_PART}', directory / image_id, others)

    def open(self, image_id: str, url: str = '', start: int = 0, stop: int | None = None) -> BinaryIO:
        for directory in self._priorities:
            with contextlib.suppress(FileNotFoundError):
                file = (directory / image_id).open('rb')
                file.seek(start)
                return file
        raise NotFound('image data', image_id)

    def size(self, image_id: str, url: str = '') -> int:
        path = self._find(image_id)
        if path is None:
            raise NotFound('image data', image_id)
        return path.stat().st_size

    def url(self, image_id: str) -> str:
        return _url(self._find(image_id) or next(iter(self._priorities)) / image_id)

    def delete(self, image_id: str) -> None:
        for directory in self._priorities:
            with _storage_errors():
                (directory / image_id).unlink(missing_ok=True)
                for part in directory.glob(f'{image_id}.*{_PART}'):
                    part.unlink(missing_ok=True)

    def discard(self, image_id: str, upload_id: str) -> None:
        for directory in self._priorities:
            with _storage_errors():
                (directory / f'{image_id}.{upload_id}{_PART}').unlink(missing_ok=True)

    def inventory(self) -> Iterator[StoredImage]:
        for directory in self._priorities:
            for entry in os.scandir(directory):
                partial = entry.name.endswith(_PART)
                with contextlib.suppress(FileNotFoundError):
                    yield StoredImage(entry.name.split('.')[0], entry.stat().st_size, partial)


def _parse(entry: str) -> tuple[pathlib.Path, int]:
    """`/a:10` as a directory and its priority."""
    path, colon, priority = entry.strip().rpartition(':')
    if not colon:
        return pathlib.Path(priority), 0
    try:
        return pathlib.Path(path), int(priority)
    except ValueError:
        raise ConfigError(f'{entry!r} is not DIRECTORY or DIRECTORY:PRIORITY.') from None


def _url(path: pathlib.Path) -> str:
    return f'file://{urllib.parse.quote(str(path.absolute()))}'


class FileUpload:
    """A file under construction, renamed into place when it is whole."""

    def __init__(self, part: pathlib.Path, final: pathlib.Path, others: list[pathlib.Path] | None = None) -> None:
        self._part, self._final, self._others = part, final, others or []
        with _storage_errors():
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            self._file = os.fdopen(descriptor, 'wb', buffering=0)
            self._sparse = SparseFile(descriptor)

    @property
    def url(self) -> str:
        """Where the file will be."""
        return _url(self._final)

    def write(self, chunk: bytes) -> None:
        """Append some bytes. Raises Unavailable when the disk is full."""
        with _storage_errors():
            self._sparse.write(chunk)

    def sync(self) -> None:
        """After this what has arrived survives a power cut."""
        with _storage_errors():
            self._sparse.end()
            os.fsync(self._file.fileno())
            self._file.close()

    def commit(self) -> None:
        """Rename into place, durably. What another directory still has of an earlier attempt goes."""
        with _storage_errors():
            os.replace(self._part, self._final)  # noqa: PTH105 (the two are pathlib paths; replace is atomic)
            durable.sync(self._final.parent)  # the database that is told of it may be on another disk
            for other in self._others:
                other.unlink(missing_ok=True)

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
