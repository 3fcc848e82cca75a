"""Threads or eventlet: the one module that knows the difference.

All code is written with `threading`. Under eventlet the standard library is replaced at the start of the process, so that the
same code runs as green threads; calls into C that block are handed to real threads with `blocking`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar('T')
_state = {'green': False}


def setup(kind: str) -> None:
    """Choose `threads` or `eventlet`. To be called before anything else is imported that keeps locks or sockets."""
    if kind != 'eventlet' or _state['green']:
        return
    import warnings

    warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
    import eventlet

    eventlet.monkey_patch()
    _state['green'] = True


def is_green() -> bool:
    """Whether this process runs on eventlet."""
    return _state['green']


def blocking(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run something that blocks in C (a password hash, a libvirt call) without stopping the others."""
    if not _state['green']:
        return function(*arguments, **named)
    from eventlet import tpool

    return tpool.execute(function, *arguments, **named)


def stacks() -> str:
    """The stacks of all threads as text, for `kill -USR1`."""
    import traceback

    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in [*sys._current_frames().items(), *_green_frames()]:
        name = names.get(ident) or ('MainThread' if _state['green'] else '?')
        parts.append(f'--- thread {name} ({ident})\n' + ''.join(traceback.format_stack(frame)))
    return '\n'.join(parts)


def _green_frames() -> list[tuple[int, FrameType]]:
    """(ident, frame) of green threads that wait."""
    if not _state['green']:
        return []
    import gc

    import greenlet

    waiting = [one for one in gc.get_objects() if isinstance(one, greenlet.greenlet)]
    return [(id(one), one.gr_frame) for one in waiting if one.gr_frame is not None]
