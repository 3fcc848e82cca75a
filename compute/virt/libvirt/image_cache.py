"""Images kept on the host: verified, inspected, and then only read."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pathlib
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import BinaryIO

from common import clock, durable
from common.errors import InvalidInput, Refused, Transient
from common.image_format import Inspection
from common.privileged import CommandFailed
from common.privileged.confined import TookTooLong, give_away, run_confined, take_back
from compute.virt.base import CacheLimits, Download, Tell
from compute.virt.libvirt.disks import information, is_id

LOG = logging.getLogger(__name__)
# QEMU builds its overlays on these; the other formats are turned into qcow2.
_KEPT = frozenset({'raw', 'qcow2'})
_TURNED = {'vmdk': 'vmdk', 'vdi': 'vdi', 'vhd': 'vpc', 'vhdx': 'vhdx'}
_PIECE = 1 << 20
_SECONDS = 1800  # that turning an image into another format may take
GRACE = 1200.0
"""Seconds after its last use in which an image stays: the disk that is to be built on it may not be there yet (a boot takes 900 at most)."""
_FREE = 1 << 30  # bytes that the disk of the host should have free
_FORGOTTEN = 86_400.0  # seconds after which nobody will go on with a download that broke off


class ImageCache:
    """The folder `base-images` of a host: `<image id>.<raw|qcow2>`; its modification time is that of the last use.

    `<image id>.part` is a download that has not ended: the next one goes on from its end. `<image id>.work` is a folder in which one is turned.

    :param top: made if it is not there
    :param in_use: gives the files of this folder that disks of servers are built on
    :param limits: how much is kept of what no server uses
    """

    def __init__(self, top: pathlib.Path, in_use: Callable[[], set[pathlib.Path]] = set, limits: CacheLimits = CacheLimits()) -> None:
        self.top = top
        self._in_use = in_use
        self._limits = limits
        self._lock = threading.Lock()
        self._busy: weakref.WeakValueDictionary[str, threading.Lock] = weakref.WeakValueDictionary()

    def find(self, image_id: str) -> pathlib.Path | None:
        """Where an image is, or None. What is found counts as used now."""
        if not is_id(image_id):
            return None
        for kind in sorted(_KEPT):
            path = self.top / f'{image_id}.{kind}'
            with contextlib.suppress(FileNotFoundError):
                when = clock.timestamp()
                os.utime(path, (when, when))
                return path
        return None

    def take(self, image: Download) -> pathlib.Path:
        """Stream an image into the cache; servers that want the same one at a time wait for the first.

        :raises: Transient when the data broke off or arrived damaged, Refused when the host cannot use the format, InvalidInput when
            it is not safe
        """
        if image.disk_format not in _KEPT and image.disk_format not in _TURNED and image.disk_format not in ('iso', 'gpt'):
            raise Refused(f'An image in the format {image.disk_format} cannot be a disk of this host; use qcow2 or raw.')
        if not is_id(image.image_id):
            raise InvalidInput('The image has an id that is none.')
        with self._lock:
            lock = self._busy.setdefault(image.image_id, threading.Lock())
        while not lock.acquire(timeout=1.0):
            image.tell(0, 0)
        try:
            found = self.find(image.image_id)
            if found is not None and _is_whole(found, image):
                return found
            made = self._take(image)
        finally:
            lock.release()
        try:
            self.prune()
        except OSError as error:  # the new image is there all the same
            LOG.warning('%s could not be looked through: %s', self.top, error)
        return made

    def _take(self, image: Download) -> pathlib.Path:
        self.top.mkdir(parents=True, exist_ok=True)
        self.top.chmod(0o711)
        part, turned = self.top / f'{image.image_id}.part', self.top / f'{image.image_id}.turned'
        virtual_size = self._receive(part, image)
        kept = part
        try:
            if image.disk_format in _TURNED:
                kept = turned
                _convert(part, _TURNED[image.disk_format], kept, virtual_size, image.tell)
            kind = 'qcow2' if image.disk_format == 'qcow2' or image.disk_format in _TURNED else 'raw'
            _refuse_references(kept, kind)
            kept.chmod(0o644)
            target = self.top / f'{image.image_id}.{kind}'
            # Else a power cut could leave the name with half of the data, and nobody looks at them again.
            durable.sync(kept)
            kept.rename(target)
            durable.sync(self.top)
            return target
        finally:
            part.unlink(missing_ok=True)
            turned.unlink(missing_ok=True)

    def _receive(self, part: pathlib.Path, image: Download) -> int:
        """Bring the file to its end; gives the size of its disk. When the data breaks off it stays; when it is not what it should be it goes."""
        inspection, digest = Inspection(image.disk_format), hashlib.new(image.hash_algorithm)
        with part.open('a+b') as file:
            try:
                done = 0
                for chunk in inspection.watch(_data(file, image)):
                    digest.update(chunk)
                    done += len(chunk)
                    image.tell(done, image.size or 0)
                file.flush()
                if image.size is not None and done < image.size:
                    raise Transient('The image did not arrive whole on the host.', admin_detail=f'{done} of {image.size} bytes came')
                inspection.verdict()
            except InvalidInput:
                part.unlink(missing_ok=True)
                raise
        if image.hash_value and digest.hexdigest() != image.hash_value:
            part.unlink(missing_ok=True)
            raise Transient('The image arrived damaged on the host.', admin_detail=f'{part.stem}: its hash is not the recorded one')
        return inspection.virtual_size or done

    # -- making room

    def prune(self) -> list[str]:
        """Remove what the limits want removed, the least recently used first, and never what a server uses; gives the ids of images.

        A disk that is nearly full wants room as well. Downloads that nobody has gone on with for a day go as well.
        """
        with self._lock:
            used = self._in_use()
            kept: list[tuple[float, int, pathlib.Path]] = []
            removed: list[pathlib.Path] = []
            total, moment = 0, clock.timestamp()
            for path, facts in self._files():
                idle = moment - facts.st_mtime
                if path.suffix.removeprefix('.') not in _KEPT:
                    if idle > _FORGOTTEN and path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)
                    elif idle > _FORGOTTEN:
                        path.unlink(missing_ok=True)
                    continue
                total += facts.st_blocks * 512
                if path not in used and idle > GRACE:
                    kept.append((facts.st_mtime, facts.st_blocks * 512, path))
            for last, size, path in sorted(kept):
                too_old = self._limits.max_idle and moment - last > self._limits.max_idle
                too_many = self._limits.max_bytes and total > self._limits.max_bytes
                if too_old or too_many or shutil.disk_usage(self.top).free < _FREE:
                    path.unlink(missing_ok=True)
                    removed.append(path)
                    total -= size
            return [path.stem for path in removed]

    def _files(self) -> Iterator[tuple[pathlib.Path, os.stat_result]]:
        try:
            found = list(self.top.iterdir())
        except FileNotFoundError:
            return
        for path in found:
            with contextlib.suppress(FileNotFoundError):
                yield path, path.stat()


def _is_whole(path: pathlib.Path, image: Download) -> bool:
    """Whether what is kept has the size that it should have; of what was turned into another format nobody knows it."""
    if image.size is None or image.disk_format in _TURNED or path.stat().st_size == image.size:
        return True
    LOG.warning('%s has %d bytes instead of %d and is fetched again', path, path.stat().st_size, image.size)
    return False


def _data(file: BinaryIO, image: Download) -> Iterator[bytes]:
    """What has arrived before, then the rest, which is written behind it."""
    file.seek(0, os.SEEK_END)
    have = file.tell()
    if image.size is not None and have > image.size:
        file.truncate(0)
        have = 0
    file.seek(0)
    while chunk := file.read(_PIECE):
        yield chunk
    if image.size is None or have < image.size:
        for chunk in image.open(have):
            file.write(chunk)
            yield chunk


def _convert(source: pathlib.Path, source_format: str, target: pathlib.Path, virtual_size: int, tell: Tell) -> None:
    """Turn an image into qcow2, by a process without privileges in a folder that holds nothing else: here are the images of all projects.

    :raises: InvalidInput when it cannot be done with these data, Transient when there is no room or time
    """
    folder = source.with_suffix('.work')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        (folder / 'source').hardlink_to(source)
        give_away(folder)
        give_away(folder / 'source')
        # A little more than the disk, for the tables; what unfolds to more is a trap.
        bounds = {'as': 2 << 30, 'cpu': _SECONDS, 'nofile': 64, 'fsize': virtual_size + virtual_size // 64 + (16 << 20)}
        command = ['qemu-img', 'convert', '-f', source_format, '-O', 'qcow2', 'source', 'target']
        run_confined(command, folder, limits=bounds, timeout=_SECONDS, while_waiting=lambda: tell(0, 0))
        take_back(folder / 'target')
        (folder / 'target').rename(target)
    except CommandFailed as error:
        if 'no space' in error.stderr.lower():
            raise Transient('The host has no room for the image.', admin_detail=error.admin_detail) from error
        raise InvalidInput('The image cannot be used: its data are damaged.', admin_detail=error.admin_detail) from error
    except TookTooLong as error:
        raise Transient('The image took too long to be made ready on the host.', admin_detail=error.message) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_references(path: pathlib.Path, kind: str) -> None:
    """QEMU's own view: an image that needs another file is not used."""
    facts = information(path, kind)
    specific = facts.get('format-specific', {}).get('data', {})
    if 'backing-filename' in facts or 'data-file' in specific:
        raise InvalidInput('The image names another file as its base; flatten it with "qemu-img convert" and upload the result.')
