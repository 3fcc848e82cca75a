"""Fair shares of what a process can do at once: a project with many slow imports does not keep those of others waiting."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator

from common.operations import NotYet

_LOOK_AGAIN = 1.0  # seconds


class Slots:
    """Counts what is under way for each project in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: collections.Counter[str | None] = collections.Counter()

    @contextlib.contextmanager
    def taken(self, project: str | None, most: int) -> Iterator[None]:
        """Hold one of the project's slots within the block. Raises NotYet when all are taken, which holds no thread."""
        with self._lock:
            if self._taken[project] >= most:
                raise NotYet('Other imports of the project go first.', after=_LOOK_AGAIN)
            self._taken[project] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[project] -= 1
                if not self._taken[project]:
                    del self._taken[project]
