"""Files of guests on the host: overlays on cached images, config drives, console logs.

`instances/<server id>/` holds what belongs to one server; `image-cache/` holds images shared by all, named by image id, which
nothing changes after they are there.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from oslo_utils.imageutils import format_inspector

from common.errors import PileusError, Refused
from common.ids import is_uuid, new_id
from common.privileged import run
from compute.virt.base import ServerSpec

_GIB = 1 << 30
_QEMU_FORMATS = {'ami': 'raw', 'ari': 'raw', 'aki': 'raw', 'iso': 'raw', 'vhd': 'vpc', 'raw': 'raw', 'qcow2': 'qcow2', 'vmdk': 'vmdk', 'vdi': 'vdi', 'vhdx': 'vhdx'}
_TRAVERSE = 0o711


class Disks:
    """The folders of one host.

    :param state: the state folder; its parents must let the hypervisor's user pass
    """

    def __init__(self, state: pathlib.Path) -> None:
        self.instances, self.cache = state / 'instances', state / 'image-cache'
        for directory in (state, self.instances, self.cache):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(_TRAVERSE)

    def of(self, server_id: str) -> pathlib.Path:
        """The folder of a server."""
        return self.instances / server_id

    def root(self, server_id: str) -> pathlib.Path:
        """The root disk of a server."""
        return self.of(server_id) / 'disk'

    def console(self, server_id: str) -> pathlib.Path:
        """The log of a server's serial console."""
        return self.of(server_id) / 'console.log'

    def config_drive(self, server_id: str) -> pathlib.Path:
        """The config drive of a server."""
        return self.of(server_id) / 'disk.config'

    # -- images

    def cached(self, image_id: str) -> pathlib.Path | None:
        """Where an image is in the cache, or None."""
        path = self.cache / image_id
        return path if path.exists() else None

    def take_image(self, image_id: str, disk_format: str, chunks: Iterator[bytes], sha512: str | None) -> pathlib.Path:
        """Take an image into the cache, once it is whole, verified by its hash, and really of its format."""
        path = self.cache / image_id
        if path.exists():
            return path
        part = self.cache / f'{image_id}.{new_id()}.part'
        try:
            self._receive(part, disk_format, chunks, sha512)
            os.chmod(part, 0o644)  # noqa: PTH101
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def _receive(self, part: pathlib.Path, disk_format: str, chunks: Iterator[bytes], sha512: str | None) -> None:
        digest = hashlib.sha512()
        expected = disk_format if disk_format in ('qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx') else None
        inspector = format_inspector.InspectWrapper(iter(chunks), expected_format=expected)
        try:
            with part.open('wb') as file:
                for chunk in inspector:
                    digest.update(chunk)
                    # Runs of zeros become holes.
                    if chunk.count(0) == len(chunk):
                        file.seek(len(chunk), os.SEEK_CUR)
                    else:
                        file.write(chunk)
                file.truncate()
            inspector.close()
            self._judge(inspector, disk_format)
        except format_inspector.ImageFormatError as error:
            raise PileusError(f'The image is not of the format {disk_format} that it claims.', admin_detail=str(error), code='image') from error
        except OSError as error:
            raise Refused('The host has no room for the image.', admin_detail=str(error)) from error
        if sha512 and digest.hexdigest() != sha512:
            raise PileusError('The image arrived damaged: its hash is not the one that the image service knows.', code='image')

    @staticmethod
    def _judge(inspector: format_inspector.InspectWrapper, disk_format: str) -> None:
        for found in inspector.formats or []:
            name = str(found)
            if name in ('gpt', 'luks', 'iso'):
                continue
            if name != disk_format and not (name == 'raw' and _QEMU_FORMATS.get(disk_format) == 'raw'):
                raise format_inspector.ImageFormatError(f'looks like {name}')
            try:
                found.safety_check()
            except format_inspector.SafetyCheckFailed as error:
                raise format_inspector.ImageFormatError(str(error)) from error

    # -- disks

    def make(self, server: ServerSpec) -> None:
        """The root disk as an overlay of the cached image, and blank ones that the flavor names. What is there stays."""
        folder = self.of(server.id)
        folder.mkdir(exist_ok=True)
        folder.chmod(_TRAVERSE)
        root = self.root(server.id)
        if not root.exists():
            self._overlay(server, root)
        for path, size in self.extra(server):
            if not path.exists():
                self._create(path, ['-f', 'qcow2'], size)
        if not self.console(server.id).exists():
            self.console(server.id).touch(mode=0o640)

    def extra(self, server: ServerSpec) -> list[tuple[pathlib.Path, int]]:
        """(path, bytes) of the ephemeral and the swap disk."""
        folder = self.of(server.id)
        found = []
        if server.ephemeral_gib:
            found.append((folder / 'disk.eph0', server.ephemeral_gib * _GIB))
        if server.swap_mib:
            found.append((folder / 'disk.swap', server.swap_mib << 20))
        return found

    def _overlay(self, server: ServerSpec, root: pathlib.Path) -> None:
        image = server.image
        if image is None or image.path is None:
            self._create(root, ['-f', 'qcow2'], max(1, server.disk_gib) * _GIB)
            return
        backing = _QEMU_FORMATS.get(image.disk_format, 'raw')
        smallest = virtual_size(image.path, backing)
        self._create(root, ['-f', 'qcow2', '-b', str(image.path), '-F', backing], max(server.disk_gib * _GIB, smallest))

    @staticmethod
    def _create(path: pathlib.Path, options: list[str], size: int) -> None:
        part = path.with_name(f'{path.name}.part')
        part.unlink(missing_ok=True)
        run(['qemu-img', 'create', '-q', *options, str(part), str(size)], timeout=60)
        part.rename(path)

    def make_config_drive(self, server_id: str, files: dict[str, bytes]) -> None:
        """An ISO 9660 image labelled `config-2` with these files."""
        folder = self.of(server_id)
        folder.mkdir(exist_ok=True)
        folder.chmod(_TRAVERSE)
        with tempfile.TemporaryDirectory(dir=folder, prefix='config-') as directory:
            top = pathlib.Path(directory)
            for name, content in files.items():
                path = top / name
                if not path.resolve().is_relative_to(top.resolve()):
                    raise PileusError(f'The path {name!r} leads out of the config drive.')
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            part = folder / 'disk.config.part'
            run(['genisoimage', '-quiet', '-o', str(part), '-ldots', '-allow-lowercase', '-allow-multidot', '-l', '-J', '-r', '-V', 'config-2', str(top)])
            part.rename(self.config_drive(server_id))

    def remove(self, server_id: str) -> None:
        """All files of a server; absent ones are fine."""
        shutil.rmtree(self.of(server_id), ignore_errors=True)

    def servers(self) -> set[str]:
        """Servers that have files here."""
        return {entry.name for entry in os.scandir(self.instances) if is_uuid(entry.name)}

    def room(self) -> tuple[int, float]:
        """(GiB in all, GiB free)."""
        found = os.statvfs(self.instances)
        return found.f_blocks * found.f_frsize // _GIB, found.f_bavail * found.f_frsize / _GIB


def virtual_size(path: pathlib.Path, form: str) -> int:
    """Bytes of the disk that an image unfolds to."""
    if form == 'raw':
        return path.stat().st_size
    import json

    found = run(['qemu-img', 'info', '--output=json', '-f', form, str(path)], timeout=30)
    return int(json.loads(found.stdout)['virtual-size'])
