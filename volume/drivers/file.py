"""Volumes as sparse files of one directory: `volume-<id>`."""

from __future__ import annotations

import errno
import os
import pathlib

from common.errors import Refused
from volume.drivers.base import Capacity, Pool, Problem

_PREFIX = 'volume-'
_GIB = 1 << 30


class FilePool(Pool):
    """A directory. Deleting a file frees its blocks; the filesystem hands them out as zeros, so nothing is left to read."""

    name = 'file'
    capabilities = frozenset({'extend', 'thin'})

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)

    def _file(self, volume_id: str) -> pathlib.Path:
        return self.directory / f'{_PREFIX}{volume_id}'

    def create(self, volume_id: str, size_gib: int) -> None:
        try:
            descriptor = os.open(self._file(volume_id), os.O_RDWR | os.O_CREAT, 0o640)
            try:
                if os.fstat(descriptor).st_size < size_gib * _GIB:
                    os.ftruncate(descriptor, size_gib * _GIB)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._refusal(error, size_gib) from error

    def _refusal(self, error: OSError, size_gib: int) -> Refused:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            free = self.capacity().free_gib
            return Refused(f'The volume store has no room for {size_gib} GiB ({free:.0f} GiB free).', admin_detail=str(error))
        return Refused('The volume store is not writable.', admin_detail=str(error))

    def delete(self, volume_id: str) -> None:
        self._file(volume_id).unlink(missing_ok=True)

    def extend(self, volume_id: str, size_gib: int) -> None:
        self.create(volume_id, size_gib)

    def exists(self, volume_id: str) -> bool:
        return self._file(volume_id).exists()

    def path(self, volume_id: str) -> str:
        return str(self._file(volume_id))

    def inventory(self) -> list[str]:
        return [entry.name.removeprefix(_PREFIX) for entry in os.scandir(self.directory) if entry.name.startswith(_PREFIX)]

    def capacity(self) -> Capacity:
        found = os.statvfs(self.directory)
        sizes = sum(entry.stat().st_size for entry in os.scandir(self.directory) if entry.name.startswith(_PREFIX))
        return Capacity(found.f_blocks * found.f_frsize / _GIB, found.f_bavail * found.f_frsize / _GIB, sizes / _GIB)

    def check(self) -> list[Problem]:
        if os.access(self.directory, os.W_OK):
            return []
        return [Problem('The directory of the volume store is not writable.', 'Give it to the user of the volume worker.')]
