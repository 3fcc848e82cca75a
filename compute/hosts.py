"""The hosts as the scheduler knows them, remembered for a moment."""

from __future__ import annotations

import logging
import threading
from typing import Any

from common import clock
from common.context import Context
from common.errors import PileusError

LOG = logging.getLogger(__name__)
KNOWN_FOR = 5.0
"""Seconds that an answer of the scheduler is good for."""


class Hosts:
    """Which hosts there are and which of them live; asked of the scheduler at most every few seconds.

    :param scheduler: a client of the scheduler's contract
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._asked = float('-inf')
        self._found: dict[str, dict[str, Any]] = {}

    def all(self) -> dict[str, dict[str, Any]]:
        """Hosts by name; those known last where the scheduler does not answer."""
        with self._lock:
            if clock.monotonic() - self._asked > KNOWN_FOR:
                self._asked = clock.monotonic()
                try:
                    self._found = {host['name']: host for host in self._scheduler.hosts(Context.service('compute'), kind='server')}
                except PileusError as error:
                    LOG.warning('the scheduler does not say which hosts there are: %s', error.message)
            return self._found

    def forget(self) -> None:
        """Ask anew at the next question: an operator has changed something."""
        self._asked = float('-inf')

    def is_down(self, name: str) -> bool:
        """Whether a host is known to be silent. One that nobody knows of is not."""
        host = self.all().get(name)
        return host is not None and not host.get('up', True)

    def status(self, name: str | None) -> str:
        """What the API calls a host's state: UP, DOWN, MAINTENANCE, UNKNOWN; empty for a server on no host."""
        if not name:
            return ''
        host = self.all().get(name)
        if host is None:
            return 'UNKNOWN'
        if not host.get('up', True):
            return 'DOWN'
        return 'UP' if host.get('enabled', True) else 'MAINTENANCE'
