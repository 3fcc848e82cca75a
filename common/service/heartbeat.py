"""Something done again and again on a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

from common.errors import PileusError

LOG = logging.getLogger(__name__)


class Periodic:
    """Calls a function at once and then every `interval` seconds, a little early or late so that hosts do not march in step.

    A failure is logged and the next turn comes all the same; `last_error` keeps it for health checks.
    """

    def __init__(self, name: str, function: Callable[[], Any], interval: float, *, at_once: bool = True) -> None:
        self.name, self._function, self.interval, self._at_once = name, function, interval, at_once
        self._stopping = threading.Event()
        self._poke = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.last_error: str | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poke(self) -> None:
        """Do it now."""
        self._poke.set()

    def stop(self, seconds: float = 5.0) -> None:
        """End, waiting for a turn in hand."""
        self._stopping.set()
        self._poke.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        if not self._at_once:
            self._wait()
        while not self._stopping.is_set():
            try:
                self._function()
                self.last_error = None
            except PileusError as error:
                self.last_error = error.message
                LOG.warning('%s: %s (%s)', self.name, error.message, error.admin_detail)
            except Exception as error:
                self.last_error = str(error)
                LOG.exception('%s failed and is done again at its next turn', self.name)
            self._wait()

    def _wait(self) -> None:
        self._poke.wait(self.interval * random.uniform(0.85, 1.1))
        self._poke.clear()
