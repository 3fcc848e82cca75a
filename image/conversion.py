"""Converting image data into another format, with qemu-img as a bounded process without privileges.

The format of the source is always named and has been checked before; the process works in a folder of its own, in which lie the
source (a second name of it) and the target, so it can neither find nor be led to any other file. What it would unfold to is measured
first: data that claim to be far larger than they are, are refused before anything is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, TooLarge, Unavailable
from common.privileged.confined import TookTooLong, give_away, run_confined, take_back
from common.privileged.run import CommandFailed
from image.inspect import Inspection

if TYPE_CHECKING:
    from image.conf import ImageOptions
    from image.service import ImageService

# Our names of formats, and qemu-img's.
QEMU = {'raw': 'raw', 'gpt': 'raw', 'qcow2': 'qcow2', 'vmdk': 'vmdk', 'vdi': 'vdi', 'vhd': 'vpc', 'vhdx': 'vhdx', 'ploop': 'parallels'}
TARGETS = ('raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx')
_OPTIONS = {'vhd': ['-o', 'force_size=on'], 'vmdk': ['-o', 'subformat=streamOptimized'], 'qcow2': ['-o', 'compat=1.1']}
WORK = '.work'
_SOURCE, _TARGET = 'source', 'target'
_SMALL = 64 << 20  # what unfolds to no more than this is no bomb
_READ = 1 << 20
_MEASURE_SECONDS = 60


def convert(
    service: ImageService, source_path: pathlib.Path, from_format: str, to_format: str, target_path: pathlib.Path, *,
    check: Callable[[], object] = lambda: None,
) -> int:  # fmt: skip
    """Write a file in another format. The target appears when it is whole; converting again replaces it.

    :param source_path: the data, which is inspected here and has to be what `from_format` says
    :param from_format: disk format of the source, `to_format` that of the target
    :param target_path: on the same file system as the source
    :param check: called several times a second; what it raises ends the conversion (`run.check`)
    :returns: the virtual size in bytes
    :raises: InvalidInput (a lie, a format that cannot be converted), TooLarge (a bomb), Unavailable (no room, no memory, no time left)
    """
    if from_format not in QEMU or to_format not in TARGETS:
        raise InvalidInput(f'An image cannot be converted from {from_format} to {to_format}.', field='disk_format')
    options = service.options
    virtual_size = inspect(source_path, from_format, check)
    if virtual_size > options.conversion_max_size:
        raise TooLarge(f'The image unfolds to {virtual_size} bytes; at most {options.conversion_max_size} are converted.')
    with _folder(source_path, target_path) as folder:
        needed = _measure(options, folder, from_format, source_path.stat().st_size)
        _check_room(folder, needed)
        command = ['qemu-img', 'convert', '-f', QEMU[from_format], '-O', QEMU[to_format], *_OPTIONS.get(to_format, ())]
        # A target is a little larger than the disk where the format has tables.
        bounds = {**_bounds(options), 'fsize': virtual_size + virtual_size // 64 + _SMALL}
        with _explained(options):
            run_confined([*command, _SOURCE, _TARGET], folder, limits=bounds, timeout=options.conversion_timeout, while_waiting=check)
        made = folder / _TARGET
        take_back(made)
        made.replace(target_path)
    return virtual_size


def inspect(path: pathlib.Path, disk_format: str, check: Callable[[], object] = lambda: None) -> int:
    """The virtual size of a file, in bytes. Raises InvalidInput when it is not what is said."""
    inspection = Inspection(disk_format, 'bare')
    with path.open('rb') as file:
        for _ in inspection.watch(iter(lambda: file.read(_READ), b'')):
            check()
        inspection.verdict()
        size = os.fstat(file.fileno()).st_size
    return inspection.virtual_size if inspection.virtual_size is not None else size


@contextlib.contextmanager
def _folder(source: pathlib.Path, target: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder beside the target with the source in it under a fixed name, for whoever runs the command; removed at the end.

    Its name follows from the target's, so that what a dead process has left is found by the next attempt.
    """
    made = target.with_suffix(WORK)
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    try:
        (made / _SOURCE).hardlink_to(source)
        give_away(made)
        give_away(made / _SOURCE)
        yield made
    finally:
        if os.geteuid() == 0:
            os.chown(source, 0, os.getegid())
        shutil.rmtree(made, ignore_errors=True)


def _bounds(options: ImageOptions) -> dict[str, int]:
    return {'as': options.conversion_memory << 20, 'cpu': options.conversion_timeout, 'nofile': 64}


def _measure(options: ImageOptions, folder: pathlib.Path, disk_format: str, size: int) -> int:
    """The bytes that the data take when they are unfolded. Raises TooLarge when they are far more than there are data."""
    # Measured for qcow2, since in that format zeros and holes do not count.
    command = ['qemu-img', 'measure', '--output=json', '-f', QEMU[disk_format], '-O', 'qcow2', _SOURCE]
    with _explained(options):
        found: dict[str, Any] = json.loads(run_confined(command, folder, limits=_bounds(options), timeout=_MEASURE_SECONDS).stdout)
    needed = int(found['required'])
    if needed > max(_SMALL, size * options.conversion_max_ratio):
        raise TooLarge(
            f'The image has {size} bytes and unfolds to {needed}: that is more than {options.conversion_max_ratio} times as much.'
        )
    return needed


def _check_room(folder: pathlib.Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise Unavailable(
            'There is no room to convert the image; ask the operator for some.',
            code='storage_full',
            admin_detail=f'{needed} bytes, {free} free',
        )


@contextlib.contextmanager
def _explained(options: ImageOptions) -> Iterator[None]:
    """What a confined process fails of, in words for the user."""
    try:
        yield
    except TookTooLong as error:
        raise Unavailable('Converting the image took too long.', admin_detail=error.message) from error
    except CommandFailed as error:
        words = error.stderr.lower()
        if error.status < 0 or 'memory' in words:
            why = f'Converting the image took more than its share of memory ({options.conversion_memory} MiB) or time.'
            raise Unavailable(why, admin_detail=error.admin_detail) from error
        if 'no space' in words:
            raise Unavailable('There is no room to convert the image; ask the operator for some.', code='storage_full') from error
        raise InvalidInput(
            'The image cannot be converted: its data are damaged.', field='disk_format', admin_detail=error.admin_detail
        ) from error
