"""How much memory the C library keeps for itself."""

from __future__ import annotations

import ctypes
import logging

LOG = logging.getLogger(__name__)
_M_ARENA_MAX = -8  # mallopt(3)
_ARENAS = 2


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
