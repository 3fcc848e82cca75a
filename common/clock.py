"""Time, in one replaceable place, so that simulations can compress it."""

from __future__ import annotations

import datetime
import time


def now() -> datetime.datetime:
    """UTC now, without zone, as stored in databases."""
    return datetime.datetime.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


def timestamp() -> float:
    """Seconds since the epoch."""
    return time.time()


def monotonic() -> float:
    """Seconds of a clock that never goes back; only differences mean something."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Give up the processor for some seconds."""
    time.sleep(seconds)


def iso(when: datetime.datetime | None, *, micro: bool = False, zulu: bool = True) -> str | None:
    """A stored time as ISO 8601 text: `2026-01-31T10:00:00Z`, with microseconds if asked; None stays None."""
    if when is None:
        return None
    return when.isoformat(timespec='microseconds' if micro else 'seconds') + ('Z' if zulu else '')
