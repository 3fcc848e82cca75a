"""From a server's id to its description, asked of compute once in some seconds, however many requests come."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from common import clock
from common.errors import DeadlineExceeded, NotFound, PileusError
from common.instance_metadata import Description

Describe = Callable[[str], Description]


class Lookup:
    """Remembers descriptions for `seconds`; requests for the same server at the same time share one question.

    A server that compute does not know is remembered for at most one second, so that a guest which asks early is answered
    soon. An answer that failed for another reason is not remembered.
    """

    def __init__(self, describe: Describe, seconds: float, *, size: int = 4096, patience: float = 20.0) -> None:
        self._describe = describe
        self._seconds = seconds
        self._size = size
        self._patience = patience
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, Description | None]] = OrderedDict()
        self._asking: dict[str, Future[Description]] = {}

    def get(self, server_id: str) -> Description:
        """The description. Raises NotFound, or what the question raised."""
        with self._lock:
            until, known = self._known.get(server_id, (0.0, None))
            if clock.monotonic() < until:
                if known is None:
                    raise NotFound('server', server_id)
                return known
            waiting = self._asking.get(server_id)
            if waiting is None:
                mine = self._asking[server_id] = Future()
        if waiting is not None:
            try:
                return waiting.result(self._patience)
            except TimeoutError as error:
                raise DeadlineExceeded('The data of this server did not come in time. Try again.') from error
        return self._ask(server_id, mine)

    def _ask(self, server_id: str, future: Future[Description]) -> Description:
        try:
            found = self._describe(server_id)
        except PileusError as error:
            self._finish(server_id, None, min(1.0, self._seconds) if isinstance(error, NotFound) else 0.0)
            future.set_exception(error)
            raise
        except BaseException as error:
            self._finish(server_id, None, 0.0)
            future.set_exception(error)
            raise
        self._finish(server_id, found, self._seconds)
        future.set_result(found)
        return found

    def _finish(self, server_id: str, found: Description | None, seconds: float) -> None:
        with self._lock:
            self._asking.pop(server_id, None)
            if seconds > 0:
                self._known[server_id] = (clock.monotonic() + seconds, found)
                self._known.move_to_end(server_id)
                while len(self._known) > self._size:
                    self._known.popitem(last=False)
