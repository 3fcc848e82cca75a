"""Volumes as sparse files of one directory: `volume-<id>`, snapshots beside them: `snapshot-<id>`."""

from __future__ import annotations

import errno
import os
import pathlib
import shutil

from common.errors import Refused
from common.privileged.run import CommandFailed
from volume.drivers import image_data
from volume.drivers.base import Capacity, Check, ImageData, Pool, Problem
from volume.drivers.copying import copy_file

_PREFIX, _KEPT, _WORK = 'volume-', 'snapshot-', '.image-'
_GIB = 1 << 30


class FilePool(Pool):
    """A directory. Deleting a file frees its blocks; the filesystem hands them out as zeros, so nothing is left to read."""

    name = 'file'
    capabilities = frozenset({'extend', 'thin', 'snapshot'})

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

    def fill(self, volume_id: str, size_gib: int, image: ImageData, check: Check) -> None:
        folder = self.directory / f'{_WORK}{volume_id}'
        try:
            made = image_data.write_raw(image, folder, size_gib, check)
            made.chmod(0o640)
            os.truncate(made, size_gib * _GIB)
            made.replace(self._file(volume_id))
        except OSError as error:
            raise self._refusal(error, size_gib) from error
        except CommandFailed as error:
            raise image_data.explain(error) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def snapshot(self, volume_id: str, snapshot_id: str, in_use: bool, check: Check) -> None:
        kept = self._snapshot(snapshot_id)
        if not kept.exists():
            self._copy(self._file(volume_id), kept, None, in_use, check)

    def delete_snapshot(self, snapshot_id: str) -> None:
        kept = self._snapshot(snapshot_id)
        self._part(kept).unlink(missing_ok=True)
        kept.unlink(missing_ok=True)

    def copy(self, volume_id: str, size_gib: int, *, snapshot_id: str | None, source_id: str | None, in_use: bool, check: Check) -> None:
        target = self._file(volume_id)
        if not target.exists():
            self._copy(self._snapshot(snapshot_id) if snapshot_id else self._file(source_id or ''), target, size_gib, in_use, check)

    def _copy(self, source: pathlib.Path, target: pathlib.Path, size_gib: int | None, in_use: bool, check: Check) -> None:
        part = self._part(target)
        try:
            if not copy_file(source, part, at_once=in_use, check=check):
                part.unlink(missing_ok=True)
                raise Refused(
                    'The volume is in use, and the file system of the volume store cannot copy it as of one moment. '
                    'Detach the volume first, or keep volumes on XFS or Btrfs.'
                )
            if size_gib is not None:
                os.truncate(part, size_gib * _GIB)
            part.chmod(0o640)
            part.replace(target)
        except FileNotFoundError:
            raise Refused('What was to be copied is gone.') from None
        except OSError as error:
            part.unlink(missing_ok=True)
            raise self._refusal(error, size_gib or 0) from error

    def _snapshot(self, snapshot_id: str) -> pathlib.Path:
        return self.directory / f'{_KEPT}{snapshot_id}'

    @staticmethod
    def _part(path: pathlib.Path) -> pathlib.Path:
        return path.with_name(f'.part-{path.name}')

    def snapshots(self) -> list[str]:
        return [entry.name.removeprefix(_KEPT) for entry in os.scandir(self.directory) if entry.name.startswith(_KEPT)]

    def delete(self, volume_id: str) -> None:
        shutil.rmtree(self.directory / f'{_WORK}{volume_id}', ignore_errors=True)
        self._part(self._file(volume_id)).unlink(missing_ok=True)
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
        sizes = sum(entry.stat().st_size for entry in os.scandir(self.directory) if entry.name.startswith((_PREFIX, _KEPT)))
        return Capacity(found.f_blocks * found.f_frsize / _GIB, found.f_bavail * found.f_frsize / _GIB, sizes / _GIB)

    def check(self) -> list[Problem]:
        if os.access(self.directory, os.W_OK):
            return []
        return [Problem('The directory of the volume store is not writable.', 'Give it to the user of the volume worker.')]
