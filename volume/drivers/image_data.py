"""The disk of an image as a raw file: fetched, verified, looked at, and unfolded by a bounded process without privileges."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
from collections.abc import Iterator

from common.errors import PileusError, Refused, Transient
from common.image_format import Inspection
from common.privileged.confined import give_away, run_confined, take_back
from volume.drivers.base import Check, ImageData

_QEMU = {'qcow2': 'qcow2', 'vmdk': 'vmdk', 'vdi': 'vdi', 'vhd': 'vpc', 'vhdx': 'vhdx'}
_PLAIN = frozenset({'raw', 'gpt', 'iso', 'ami', 'aki', 'ari'})
_GIB = 1 << 30
_MEMORY = 1 << 30
_SECONDS = 3600
_SOURCE, _TARGET = 'source', 'target'


def write_raw(image: ImageData, folder: pathlib.Path, size_gib: int, check: Check) -> pathlib.Path:
    """Write the disk of an image into a folder, which is made anew; gives the file.

    :raises: InvalidInput when the data is not of the format that the image says, Refused when it is larger than the volume,
        Transient when it came damaged
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    source = folder / _SOURCE
    inspection = Inspection(image.disk_format)
    with source.open('wb') as file:
        for piece in inspection.watch(_verified(image, check)):
            file.write(piece)
    inspection.verdict()
    needed = inspection.virtual_size if inspection.virtual_size is not None else source.stat().st_size
    if needed > size_gib * _GIB:
        raise Refused(f'The image holds a disk of {-(-needed // _GIB)} GiB, which does not fit into {size_gib} GiB.')
    if image.disk_format in _PLAIN:
        return source
    if image.disk_format not in _QEMU:
        raise Refused(f'A volume cannot be made from an image of format {image.disk_format}; convert it to raw or qcow2.')
    give_away(folder)
    give_away(source)
    # The process may write the disk and no more, and name no other file: its folder holds none.
    bounds = {'as': _MEMORY, 'cpu': _SECONDS, 'nofile': 64, 'fsize': needed + (1 << 20)}
    command = ['qemu-img', 'convert', '-f', _QEMU[image.disk_format], '-O', 'raw', _SOURCE, _TARGET]
    run_confined(command, folder, limits=bounds, timeout=_SECONDS, while_waiting=check)
    target = folder / _TARGET
    take_back(target)
    return target


def _verified(image: ImageData, check: Check) -> Iterator[bytes]:
    algorithm, wanted = image.digest or ('sha512', None)
    digest, size = hashlib.new(algorithm), 0
    for piece in image.read():
        check()
        digest.update(piece)
        size += len(piece)
        yield piece
    if (image.size is not None and size != image.size) or (wanted is not None and digest.hexdigest() != wanted):
        raise Transient(f'The data of image {image.image_id} came damaged or not whole.')


def explain(error: PileusError) -> Refused:
    """A failure of the process in words for the user."""
    return Refused('The image could not be unfolded into the volume.', admin_detail=error.admin_detail or error.message)
