"""Disks of servers: one folder for each, named by the server's id."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import struct
import tempfile
import uuid
from typing import Any

from common.errors import PileusError, Refused
from common.privileged import run
from compute.virt.base import ServerSpec
from compute.virt.libvirt.domain_xml import FileDisk

_GIB = 1 << 30
_RESERVE = 256 << 20  # bytes that a new disk leaves free for the host
_HEADER = struct.Struct('>4sIQI')  # magic, version, where the name of the backing file is, how long it is
_LONGEST_NAME = 1023
_PASSABLE = 0o711  # QEMU runs as a user of its own, who must reach the disks but need not list the folders


class DiskStore:
    """The folder `instances` of a host.

    :param top: made if it is not there
    """

    def __init__(self, top: pathlib.Path) -> None:
        self.top = top

    def prepare(self) -> None:
        """Make the folder, and let QEMU's user pass."""
        self.top.mkdir(parents=True, exist_ok=True)
        self.top.chmod(_PASSABLE)

    def folder(self, server_id: str) -> pathlib.Path:
        """Where everything of a server is."""
        return self.top / str(uuid.UUID(server_id))

    def _make_folder(self, server_id: str) -> pathlib.Path:
        self.prepare()
        folder = self.folder(server_id)
        folder.mkdir(exist_ok=True)
        folder.chmod(_PASSABLE)
        return folder

    def console_log(self, server_id: str) -> pathlib.Path:
        """The file of the serial console."""
        return self.folder(server_id) / 'console.log'

    # -- making

    def make(self, server: ServerSpec) -> None:
        """Root disk over the cached image, ephemeral and swap disks. What is there already is kept.

        :raises: Refused when the image is larger than the disk, or the host has no room
        """
        folder = self._make_folder(server.id)
        free = shutil.disk_usage(folder).free
        if free < _RESERVE:
            raise Refused('The host has no room for the disks.', admin_detail=f'{free >> 20} MiB are free in {self.top}')
        if server.image is not None and server.image.path is not None:
            self._overlay(folder / 'disk', server.image.path, server.disk_gib * _GIB)
        if server.ephemeral_gib:
            self._blank(folder / 'disk.eph0', server.ephemeral_gib * _GIB)
        if server.swap_mib:
            self._blank(folder / 'disk.swap', server.swap_mib << 20)

    def _overlay(self, path: pathlib.Path, base: pathlib.Path, size: int) -> None:
        if path.exists():
            return
        base_format = base.suffix.removeprefix('.')
        virtual = int(information(base, base_format)['virtual-size'])
        if size and size < virtual:
            raise Refused(
                f'The image unfolds to {-(-virtual // _GIB)} GiB and does not fit on a disk of {size // _GIB} GiB; choose a larger flavor.'
            )
        options = ['-b', str(base), '-F', base_format]
        self._create(path, options, size or virtual)

    def _blank(self, path: pathlib.Path, size: int) -> None:
        if not path.exists():
            self._create(path, [], size)

    def _create(self, path: pathlib.Path, options: list[str], size: int) -> None:
        new = path.with_name(path.name + '.new')
        new.unlink(missing_ok=True)
        run(['qemu-img', 'create', '-q', '-f', 'qcow2', *options, str(new), str(size)], timeout=60)
        new.chmod(0o600)
        new.rename(path)

    def make_config_drive(self, server_id: str, files: dict[str, bytes]) -> None:
        """An ISO 9660 image labelled `config-2`. It may hold passwords: readable by root and, while in use, by QEMU."""
        folder = self._make_folder(server_id)
        new = folder / 'config-2.iso.new'
        with tempfile.TemporaryDirectory(dir=folder, prefix='.config-') as name:
            top = pathlib.Path(name)
            for inner, content in files.items():
                path = (top / inner).resolve()
                if not path.is_relative_to(top.resolve()):
                    raise PileusError(f'The config drive has no place for {inner}.')
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            new.unlink(missing_ok=True)
            os.close(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
            run(['genisoimage', '-quiet', '-J', '-r', '-V', 'config-2', '-o', str(new), str(top)], timeout=60)
        new.rename(folder / 'config-2.iso')

    def delete(self, server_id: str) -> None:
        """Remove the folder and all in it."""
        try:
            shutil.rmtree(self.folder(server_id))
        except FileNotFoundError:
            return

    # -- looking

    def servers(self) -> set[str]:
        """Ids of servers with a folder here."""
        try:
            names = [path.name for path in self.top.iterdir()]
        except FileNotFoundError:
            return set()
        return {name for name in names if is_id(name)}

    def bases(self) -> set[pathlib.Path]:
        """The files that disks here are built on, as the headers of the disks name them."""
        found: set[pathlib.Path] = set()
        try:
            folders = [path for path in self.top.iterdir() if is_id(path.name)]
        except FileNotFoundError:
            return found
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):  # a server that is being deleted
                found |= {base for path in folder.iterdir() if path.is_file() and (base := backing_file(path)) is not None}
        return found

    def root(self, server_id: str) -> FileDisk | None:
        """The root disk; None for a server that boots from a volume."""
        path = self.folder(server_id) / 'disk'
        return FileDisk(path, 'vda') if path.exists() else None

    def others(self, server_id: str) -> list[FileDisk]:
        """Ephemeral, swap and config drive, as far as they are there."""
        folder = self.folder(server_id)
        letters = iter('bcd' if (folder / 'disk').exists() else 'cde')
        found = [FileDisk(folder / name, f'vd{next(letters)}') for name in ('disk.eph0', 'disk.swap') if (folder / name).exists()]
        if (folder / 'config-2.iso').exists():
            found.append(FileDisk(folder / 'config-2.iso', 'sda', cdrom=True))
        return found


def is_id(name: str) -> bool:
    """Whether a name is an id as we write them."""
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def backing_file(path: pathlib.Path) -> pathlib.Path | None:
    """What a qcow2 file is built on, read from its header (docs/interop/qcow2.txt of QEMU); None for files that are built on nothing."""
    with path.open('rb') as file:
        magic, _, offset, length = _HEADER.unpack(file.read(_HEADER.size).ljust(_HEADER.size, b'\0'))
        if magic != b'QFI\xfb' or not offset or not 0 < length <= _LONGEST_NAME:
            return None
        file.seek(offset)
        return pathlib.Path(os.fsdecode(file.read(length)))


def information(path: pathlib.Path, disk_format: str) -> dict[str, Any]:
    """What `qemu-img info` says of a file, read as this format by a process with bounded time and memory."""
    done = run(
        ['qemu-img', 'info', '-U', '-f', disk_format, '--output=json', str(path)], timeout=60, limits={'as': 1 << 30, 'cpu': 30}
    )  # an image may be made to cost its reader dear
    return dict(json.loads(done.stdout))
