"""Images and copies of disks on simulated hosts: the data of an image is looked at and thrown away, that of a copy made up when it is read."""

from __future__ import annotations

import hashlib
import threading

from common.errors import Transient
from common.image_format import Inspection
from compute.virt.base import Download

SNAPSHOT_SIZE = 4096
_MOST_KNOWN = 10_000


class ImageChecks:
    """What is known of images, for all simulated hosts of a process: data that was found good does not change any more."""

    def __init__(self) -> None:
        self._good: set[str] = set()
        self._lock = threading.Lock()

    def check(self, image: Download) -> None:
        """Read an image as a host that keeps it would. Raises InvalidInput when it is not safe, Transient when it arrives damaged."""
        if image.image_id in self._good:
            return
        with self._lock:
            if image.image_id not in self._good:
                self._read(image)
                if len(self._good) >= _MOST_KNOWN:
                    self._good.clear()
                self._good.add(image.image_id)

    def _read(self, image: Download) -> None:
        inspection, digest, size = Inspection(image.disk_format), hashlib.new(image.hash_algorithm), 0
        for chunk in inspection.watch(image.open(0)):
            digest.update(chunk)
            size += len(chunk)
            image.tell(size, image.size or 0)
        if image.hash_value and digest.hexdigest() != image.hash_value:
            raise Transient('The image arrived damaged on the host.', admin_detail=f'{image.image_id}: its hash is not the recorded one')
        inspection.verdict()


def snapshot_data(server_id: str) -> bytes:
    """What is on the simulated disk of a server: a raw disk of some bytes."""
    return f'The disk of the simulated server {server_id}\n'.encode().ljust(SNAPSHOT_SIZE, b'\0')
