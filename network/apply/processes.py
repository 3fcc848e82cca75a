"""Programs that we started and that outlive us: find them, end them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from common import clock
from common.errors import Transient

PATIENCE = 5.0  # seconds after each signal


def command_line(process: int) -> list[bytes]:
    """The words that a process was started with; none if it is gone or only waits to be collected by its parent."""
    try:
        return Path(f'/proc/{process}/cmdline').read_bytes().split(b'\0')[:-1]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def namespace_of(process: int) -> int | None:
    """Inode of a process's network namespace."""
    try:
        return Path(f'/proc/{process}/ns/net').stat().st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def everyone() -> list[int]:
    """All processes but this one."""
    return [int(entry.name) for entry in Path('/proc').iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]


def end(processes: Iterable[int]) -> None:
    """Have processes end, by force if they do not want to, and wait for it. Raises Transient if one does not go."""
    left = list(processes)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            _signal(process, number)
        give_up = clock.monotonic() + PATIENCE
        while left and clock.monotonic() < give_up:
            left = [process for process in left if command_line(process)]
            if left:
                clock.sleep(0.01)
        if not left:
            return
    raise Transient('A program does not end.', admin_detail=f'processes {left} do not end')


def _signal(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
