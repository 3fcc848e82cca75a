"""Failures that are to come: a table that simulated hosts ask at each call.

An entry is a dict:

| key     | meaning                                                                                              | default |
|---------|------------------------------------------------------------------------------------------------------|---------|
| `op`    | name of the driver's method, or `*`                                                                  |         |
| `do`    | `transient`, `refuse`, `break` (for good), `die` (SIGKILL to this process), `wait <seconds>`         |         |
| `host`  | only on this host                                                                                    | any     |
| `after` | calls that pass first                                                                                | 0       |
| `times` | calls that it hits                                                                                   | 1       |
| `p`     | probability that it hits a call                                                                      | 1       |
| `late`  | it comes when the effect is there, and only the answer is lost: the case that idempotency is about   | false   |
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import threading
from typing import Any

from common import clock
from common.errors import InvalidInput, PileusError, Refused, Transient

_WORDS = frozenset({'transient', 'refuse', 'break', 'die', 'wait'})
_KEYS = frozenset({'op', 'do', 'host', 'after', 'times', 'p', 'late'})


class FaultTable:
    """The table of a process, shared by its hosts.

    :param seed: makes probabilities repeatable
    """

    def __init__(self, entries: list[dict[str, Any]] | None = None, *, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._entries: list[dict[str, Any]] = []
        self.replace(entries or [])

    @classmethod
    def from_file(cls, path: pathlib.Path) -> FaultTable:
        """A table from a JSON file with a list of entries."""
        return cls(json.loads(path.read_text()))

    def replace(self, entries: list[dict[str, Any]]) -> None:
        """Forget the old table and take this one. Raises InvalidInput for an entry that makes no sense."""
        checked = [_checked(entry) for entry in entries]
        with self._lock:
            self._entries = checked

    def meet(self, host: str, operation: str, *, late: bool = False) -> None:
        """Fail, wait or die, if the table says so for this call at this point of it."""
        if not self._entries:
            return
        with self._lock:
            action = self._next(host, operation, late)
        if action is not None:
            _act(action, operation)

    def _next(self, host: str, operation: str, late: bool) -> str | None:
        for entry in self._entries:
            if entry['op'] not in (operation, '*') or entry['late'] != late or entry['times'] <= 0 or entry.get('host', host) != host:
                continue
            if entry['after'] > 0:
                entry['after'] -= 1
            elif self._random.random() < entry['p']:
                entry['times'] -= 1
                return str(entry['do'])
        return None


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    unknown = set(entry) - _KEYS
    if unknown or not isinstance(entry.get('op'), str) or not isinstance(entry.get('do'), str):
        raise InvalidInput(f'A fault has "op" and "do", and may have {", ".join(sorted(_KEYS - {"op", "do"}))}.')
    word, _, amount = entry['do'].partition(' ')
    if word not in _WORDS or (word == 'wait') != bool(amount):
        raise InvalidInput(f'A fault does one of {", ".join(sorted(_WORDS - {"wait"}))}, or "wait <seconds>".')
    return {'after': 0, 'times': 1, 'p': 1.0, 'late': False, **entry}


def _act(action: str, operation: str) -> None:
    word, _, amount = action.partition(' ')
    if word == 'wait':
        clock.sleep(float(amount))
    elif word == 'die':
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == 'transient':
        raise Transient(f'Simulated passing failure of {operation}.')
    elif word == 'refuse':
        raise Refused(f'Simulated refusal of {operation}.')
    else:
        raise PileusError(f'Simulated failure of {operation}.')
