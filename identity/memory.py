"""What was read and hardly ever changes, remembered for a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from common import clock

T = TypeVar('T')


class Memory:
    """Values by key. A write of this process forgets all of them, one of another process is seen after `seconds`.

    :param seconds: how long a value is good
    :param most: how many values are kept
    """

    def __init__(self, seconds: float, most: int = 4096) -> None:
        self._seconds = seconds
        self._most = most
        self._values: dict[Hashable, tuple[float, Any]] = {}
        self._revision = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, build: Callable[[], T]) -> T:
        """The remembered value, or a fresh one. A value built while something changed is returned but not kept."""
        now = clock.monotonic()
        found = self._values.get(key)
        if found is not None and found[0] > now:
            value: T = found[1]
            return value
        revision = self._revision
        value = build()
        with self._lock:
            if revision == self._revision:
                if len(self._values) >= self._most:
                    self._values.clear()
                self._values[key] = (now + self._seconds, value)
        return value

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._revision += 1
            self._values.clear()
