"""Waiting for guests and daemons, on machines that may have much else to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from common.clock import monotonic, sleep

T = TypeVar('T')


def until(condition: Callable[[], T], seconds: float = 120.0) -> T:
    """The first true value of a condition; fails when there is none in time."""
    end = monotonic() + seconds
    while not (value := condition()):
        assert monotonic() < end, 'it did not come true'
        sleep(0.1)
    return value
