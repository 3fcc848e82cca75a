"""How many uploads and downloads there are at once: bounded for the process, and for each project.

They take as long as their client likes. Nobody with many slow connections shall keep others from their data.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.errors import TooManyRequests, Unavailable

if TYPE_CHECKING:
    from common.context import Context
    from image.conf import ImageOptions

_RETRY_AFTER = {'Retry-After': '5'}


class Transfers:
    """Counts those under way in this process."""

    def __init__(self, options: ImageOptions) -> None:
        self._most, self._most_each = options.transfers, options.transfers_per_project
        self._lock = threading.Lock()
        self._all = 0
        self._of: collections.Counter[str | None] = collections.Counter()

    def begin(self, ctx: Context) -> Callable[[], None]:
        """Count one more; gives what counts it off, once however often it is called.

        The services of the cloud have no share of their own: their requests are the users', of all projects.

        :raises: TooManyRequests (the project has its share), Unavailable (there are too many)
        """
        project = ctx.project_id
        with self._lock:
            if self._all >= self._most:
                raise Unavailable('The image service moves as many data as it can. Try again in a moment.', headers=_RETRY_AFTER)
            if self._of[project] >= self._most_each and not (ctx.is_service or ctx.is_admin):
                words = f'The project has {self._most_each} uploads and downloads under way. Try again when one has ended.'
                raise TooManyRequests(words, headers=_RETRY_AFTER)
            self._all += 1
            self._of[project] += 1
        counted = True

        def end() -> None:
            nonlocal counted
            with self._lock:
                if not counted:
                    return
                counted = False
                self._all -= 1
                self._of[project] -= 1
                if not self._of[project]:
                    del self._of[project]

        return end
