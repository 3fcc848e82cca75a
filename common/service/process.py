"""Signals of a process: TERM and INT end it gracefully, HUP reloads, USR1 prints what every thread does."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from common.service import concurrency

LOG = logging.getLogger(__name__)


def wait_for_end(reload: Callable[[], None] | None = None) -> None:
    """Sleep until the process is told to end. Runs in the main thread."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    def print_stacks(number: int, frame: FrameType | None) -> None:
        sys.stderr.write(concurrency.stacks())
        sys.stderr.flush()

    def hang_up(number: int, frame: FrameType | None) -> None:
        if reload is not None:
            reload()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGUSR1, print_stacks)
    signal.signal(signal.SIGHUP, hang_up)
    while not ended.wait(60.0):
        pass
