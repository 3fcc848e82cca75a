"""Copying files with holes."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
from collections.abc import Callable

_FICLONE = 0x40049409  # ioctl_ficlonerange(2)
_PIECE = 64 << 20


def copy_file(source: pathlib.Path, target: pathlib.Path, *, at_once: bool, check: Callable[[], object]) -> bool:
    """Copy a file; what is there of the target is replaced. Blocks that were never written are not written in the copy either.

    :param at_once: only in one moment, as file systems can that share blocks (XFS, Btrfs)
    :param check: called between pieces; what it raises ends the copying
    :returns: False when `at_once` is wanted and the file system cannot
    :raises OSError: no room, and the like
    """
    with source.open('rb') as reader, target.open('wb') as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS):
                raise
            if at_once:
                return False
            _copy_data(reader.fileno(), writer.fileno(), check)
        os.fsync(writer.fileno())
    return True


def _copy_data(source: int, target: int, check: Callable[[], object]) -> None:
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    end = 0
    while True:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        while start < end:
            check()
            done = os.copy_file_range(source, target, min(_PIECE, end - start), start, start)
            if done == 0:  # it was cut shorter meanwhile
                return
            start += done
