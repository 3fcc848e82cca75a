"""How fast data comes: a server that sends just enough to be alive holds a thread, so it is given up."""

from __future__ import annotations

from common import clock
from common.errors import InvalidInput

_MEASURED = 120.0  # seconds over which the speed is averaged


class Pace:
    """Watches one transfer.

    :param min_speed: bytes a second, on the average of some time, that are not too slow
    """

    def __init__(self, min_speed: int) -> None:
        self._min_speed = min_speed
        self._received, self._since = 0, clock.monotonic()

    def note(self, received: int) -> None:
        """So many more bytes have come. Raises InvalidInput when they come too slowly."""
        self._received += received
        passed = clock.monotonic() - self._since
        if passed > _MEASURED:
            if self._received < self._min_speed * passed:
                raise InvalidInput('The data comes too slowly.', code='fetch_failed')
            self._received, self._since = 0, clock.monotonic()
