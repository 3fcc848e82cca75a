"""Images kept on the host: verified, inspected, and then only read."""

from __future__ import annotations

import hashlib
import os
import pathlib
import threading
from collections.abc import Iterator

from oslo_utils.imageutils import format_inspector

from common.errors import InvalidInput, Refused, Transient
from common.privileged import run
from compute.virt.libvirt.disks import information, is_id

# QEMU builds its overlays on these; the other formats are turned into qcow2.
_KEPT = frozenset({'raw', 'qcow2'})
_TURNED = {'vmdk': 'vmdk', 'vdi': 'vdi', 'vhd': 'vpc', 'vhdx': 'vhdx'}
_RAW_KINDS = frozenset({'raw', 'gpt', 'luks', 'iso'})


class ImageCache:
    """The folder `image-cache` of a host: `<image id>.<raw|qcow2>`.

    :param top: made if it is not there
    """

    def __init__(self, top: pathlib.Path) -> None:
        self.top = top
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def find(self, image_id: str) -> pathlib.Path | None:
        """Where an image is, or None."""
        if not is_id(image_id):
            return None
        return next((path for kind in sorted(_KEPT) if (path := self.top / f'{image_id}.{kind}').exists()), None)

    def take(self, image_id: str, disk_format: str, chunks: Iterator[bytes], sha512: str | None) -> pathlib.Path:
        """Stream an image into the cache; servers that want the same one at a time wait for the first.

        :raises: Transient when the data arrived damaged, Refused when the host cannot use the format, InvalidInput when it is not safe
        """
        if disk_format not in _KEPT and disk_format not in _TURNED and disk_format != 'iso':
            raise Refused(f'An image in the format {disk_format} cannot be a disk of this host; use qcow2 or raw.')
        if not is_id(image_id):
            raise InvalidInput('The image has an id that is none.')
        with self._lock:
            lock = self._busy.setdefault(image_id, threading.Lock())
        with lock:
            found = self.find(image_id)
            return found if found is not None else self._take(image_id, disk_format, chunks, sha512)

    def _take(self, image_id: str, disk_format: str, chunks: Iterator[bytes], sha512: str | None) -> pathlib.Path:
        self.top.mkdir(parents=True, exist_ok=True)
        self.top.chmod(0o711)
        part = self.top / f'{image_id}.part'
        try:
            self._receive(part, disk_format, chunks, sha512)
            kept = part
            if disk_format in _TURNED:
                kept = self.top / f'{image_id}.turned'
                _convert(part, _TURNED[disk_format], kept)
            kind = 'qcow2' if disk_format == 'qcow2' or disk_format in _TURNED else 'raw'
            _refuse_references(kept, kind)
            kept.chmod(0o644)
            target = self.top / f'{image_id}.{kind}'
            kept.rename(target)
            return target
        finally:
            part.unlink(missing_ok=True)
            (self.top / f'{image_id}.turned').unlink(missing_ok=True)

    def _receive(self, part: pathlib.Path, disk_format: str, chunks: Iterator[bytes], sha512: str | None) -> None:
        digest = hashlib.sha512()
        wrapper = format_inspector.InspectWrapper(iter(chunks))
        with part.open('wb') as file:
            for chunk in wrapper:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        wrapper.close()
        if sha512 and digest.hexdigest() != sha512:
            raise Transient('The image arrived damaged on the host.', admin_detail=f'{part.stem}: its SHA-512 is not the recorded one')
        _judge(disk_format, [str(found) for found in wrapper.formats or []], wrapper)


def _judge(disk_format: str, seen: list[str], wrapper: format_inspector.InspectWrapper) -> None:
    """The image service has looked already; a host does not rely on it, since QEMU opens what is here."""
    accepted = _RAW_KINDS if disk_format in ('raw', 'iso') else {disk_format}
    if set(seen) - accepted or (disk_format in ('qcow2', *_TURNED) and not seen):
        raise InvalidInput(f'The image says that it is {disk_format}, and is {", ".join(seen) or "raw"}; the host does not open it.')
    for found in wrapper.formats or []:
        if str(found) in ('qcow2', *_TURNED):
            try:
                found.safety_check()
            except format_inspector.SafetyCheckFailed as error:
                reasons = '; '.join(str(violation) for violation in error.failures.values())
                raise InvalidInput(f'The host does not open the image: {reasons}.') from None


def _convert(source: pathlib.Path, source_format: str, target: pathlib.Path) -> None:
    limits = {'as': 2 << 30, 'cpu': 1800}
    run(['qemu-img', 'convert', '-f', source_format, '-O', 'qcow2', str(source), str(target)], timeout=1800, limits=limits)


def _refuse_references(path: pathlib.Path, kind: str) -> None:
    """QEMU's own view: an image that needs another file is not used."""
    facts = information(path, kind)
    specific = facts.get('format-specific', {}).get('data', {})
    if 'backing-filename' in facts or 'data-file' in specific:
        raise InvalidInput('The image names another file as its base; flatten it with "qemu-img convert" and upload the result.')
