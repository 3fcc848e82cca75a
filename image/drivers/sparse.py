"""Writing a file with holes where the data are zeros: most of a disk image is, and neither disk nor page cache needs to hold them."""

from __future__ import annotations

import os

_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)


class SparseFile:
    """Appends to a file that is new and empty.

    :param descriptor: of the file, open for writing; the caller closes it
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = self._written = 0

    def write(self, chunk: bytes) -> None:
        """Append some bytes. Raises OSError."""
        view, start, size = memoryview(chunk), 0, len(chunk)
        for block in range(0, size, _BLOCK):
            end = min(block + _BLOCK, size)
            if _is_zero(chunk, block, end):
                self._put(view[start:block])
                self._at += end - block
                start = end
        self._put(view[start:])

    def end(self) -> None:
        """To be called after the last byte: gives the file its size. Raises OSError."""
        if self._written < self._at:
            os.ftruncate(self._descriptor, self._at)

    def _put(self, view: memoryview) -> None:
        while view:
            count = os.pwrite(self._descriptor, view, self._at)
            self._at += count
            self._written = self._at
            view = view[count:]


def _is_zero(chunk: bytes, first: int, end: int) -> bool:
    """Whether so much of the chunk is zeros; most that is not shows it at its ends or in the middle, and is not copied."""
    if chunk[first] or chunk[end - 1] or chunk[(first + end) // 2]:
        return False
    return chunk[first:end] == (_ZEROS if end - first == _BLOCK else _ZEROS[: end - first])
