"""The threads of a process that run messages: shared by all servers, made when needed, gone when idle."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

LOG = logging.getLogger(__name__)
IDLE_SECONDS = 30.0


class Pool:
    """Runs functions on up to `size` threads. A thread that has had nothing to do for a while ends."""

    def __init__(self, size: int, name: str = 'messages') -> None:
        self._size, self._name = size, name
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0  # waiting, and promised to nothing
        self._excess = 0  # functions that no thread was there for

    def submit(self, function: Callable[[], None]) -> None:
        """Run the function as soon as a thread is free. What it raises is logged."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1  # promised to this function
            elif self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
            else:
                self._excess += 1
        self._queue.put(function)

    def _work(self) -> None:
        while True:
            try:
                function = self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle > 0:
                        self._idle -= 1
                        self._threads -= 1
                        return
                continue  # a function is on its way
            if function is None:
                with self._lock:
                    self._threads -= 1
                return
            try:
                function()
            except Exception:
                LOG.exception('a message could not be run')
            with self._lock:
                if self._excess > 0:
                    self._excess -= 1
                else:
                    self._idle += 1

    def close(self) -> None:
        """Let idle threads end; those at work end after it."""
        with self._lock:
            threads = self._threads
        for _ in range(threads):
            self._queue.put(None)
