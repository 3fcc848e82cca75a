"""How much memory the C library and the interpreter keep for themselves, and how much of it processes share.

After a fork a page of memory is shared until somebody writes to it. A parent that has imported and built everything has
thousands of pages with small holes in them, left by what was freed meanwhile; each new object of a child would be put into
such a hole, which costs the child a copy of the page. `fill_holes` leaves none: 30 MiB of a child become 24.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
import sys
from typing import Any

LOG = logging.getLogger(__name__)
_M_ARENA_MAX = -8  # mallopt(3)
_ARENAS = 2
_LARGEST_HOLE = 120 * 1024  # bytes; above it malloc(3) asks the kernel for pages of their own
_SMALLEST, _EXACT_BELOW = 24, 1040
_BYTES_HEAD = sys.getsizeof(b'')
_stuffing: list[Any] = []
"""What fills the holes, kept for ever."""


def share_arenas() -> None:
    """Let all threads take memory from a few arenas. Call it before the first thread.

    Each of a process's many threads would otherwise get an arena of its own from glibc, which is rarely given back; the
    interpreter lock lets only one of them run at a time, so that they do not wait for each other. Other C libraries have no
    arenas, and nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        LOG.debug('this C library has no mallopt')
        return
    mallopt(_M_ARENA_MAX, _ARENAS)


def fill_holes() -> None:
    """Use up the free room between the objects of this process. Call it just before the fork, with one thread running.

    It costs some 30 ms and less than a MiB. What cannot be looked at, with another interpreter or C library, is left as it is.
    """
    for _ in range(2):  # once more, for what the first round itself has freed
        for size, count in _free_blocks().items():
            _stuffing.append([_of_size(size, number) for number in range(count)])
    _fill_heap()


def _of_size(size: int, number: int) -> object:
    """A new object that takes a block of this many bytes."""
    if size >= _BYTES_HEAD + 2:  # shorter ones are made once and shared
        return bytes(size - _BYTES_HEAD)
    return number + 0.5 if size > sys.getsizeof(object()) else object()


def _free_blocks() -> dict[int, int]:
    """Size of a block in bytes -> how many are free in the pools of CPython's allocator (Objects/obmalloc.c) that are in use.

    The interpreter tells it only by printing a table: class, size, pools, blocks in use, blocks free.
    """
    tell = getattr(sys, '_debugmallocstats', None)
    if tell is None or not hasattr(os, 'memfd_create'):
        return {}
    sys.stderr.flush()
    stderr = os.dup(2)
    with os.fdopen(os.memfd_create('allocator'), 'w+b') as table:
        os.dup2(table.fileno(), 2)
        try:
            tell()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        table.seek(0)
        rows = re.findall(rb'^ *\d+ +(\d+) +\d+ +\d+ +(\d+) *$', table.read(), re.MULTILINE)
    return {int(size): int(free) for size, free in rows}


class _Mallinfo2(ctypes.Structure):
    """mallinfo(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ('arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks', 'fsmblks', 'uordblks', 'fordblks', 'keepcost')
    ]


def _fill_heap() -> None:
    """Take every free chunk of malloc(3) below the top of the heap, largest first."""
    try:
        libc = ctypes.CDLL(None)
        info, malloc, free, sbrk, trim = libc.mallinfo2, libc.malloc, libc.free, libc.sbrk, libc.malloc_trim
    except (OSError, AttributeError):
        LOG.debug('this C library does not tell about its heap')
        return
    info.restype, malloc.restype, sbrk.restype = _Mallinfo2, ctypes.c_void_p, ctypes.c_void_p
    malloc.argtypes, free.argtypes, sbrk.argtypes = [ctypes.c_size_t], [ctypes.c_void_p], [ctypes.c_ssize_t]
    trim(0)  # joins neighbours, and gives back the pages that are wholly free
    size = _LARGEST_HOLE
    while size >= _SMALLEST:
        state = info()
        top = (sbrk(0) or 0) - state.keepcost - 64
        for _ in range(state.fordblks // size + 1):
            chunk = malloc(size) or top
            if chunk >= top:  # of the top, or of pages of its own: no hole of this size is left
                free(chunk if chunk != top else None)
                break
        size = size - 16 if size <= _EXACT_BELOW else size * 17 // 20
