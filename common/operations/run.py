"""What a step sees of the operation that it is part of."""

from __future__ import annotations

import calendar
import threading
from collections.abc import Callable
from typing import Any

from common import clock
from common.context import Context
from common.errors import DeadlineExceeded, PileusError, Superseded
from common.operations.record import Record


class LeaseLost(PileusError):
    """Another process has taken the operation over; this one must not touch it any more."""

    status = 409
    code = 'lease_lost'


class Run:
    """An operation while a worker holds it.

    `world` is the object that the runner was given for this place (the service, the host's worker).
    """

    def __init__(self, record: Record, world: Any = None) -> None:
        self._record = record
        self.world = world
        self.new_host: str | None = None
        self.host_is_new = False
        self._stop_reason: PileusError | None = None
        self._stopped = threading.Event()
        self._ctx: Context | None = None
        self.step_deadline: float | None = None
        self.listener: Callable[[str], Any] | None = None
        self.is_fresh = False
        """Whether the step certainly runs for the first time: nothing that it makes can be there yet, so it need not look."""

    @property
    def params(self) -> dict[str, Any]:
        """What the operation was started with. Not to be changed."""
        return self._record.params

    @property
    def outputs(self) -> dict[str, dict[str, Any] | None]:
        """What the steps done so far returned, by step name."""
        return self._record.outputs

    @property
    def ctx(self) -> Context:
        """Who asked, with the request ids, the deadline and this operation as the reason. Holds no token."""
        if self._ctx is None:
            ctx = Context.from_message(self._record.context)
            self._ctx = ctx.but(deadline=self.deadline, reason=(*ctx.reason, f'{self._record.kind}:{self._record.id}'))
        return self._ctx

    @property
    def operation_id(self) -> str:
        """The id of the operation."""
        return self._record.id

    @property
    def kind(self) -> str:
        """The kind of the operation, for example `server.boot`."""
        return self._record.kind

    @property
    def resource_id(self) -> str:
        """The id of the resource that the operation works on."""
        return self._record.resource_id

    @property
    def host(self) -> str | None:
        """The host of the operation's HOST steps; None until one is chosen."""
        return self.new_host if self.host_is_new else self._record.host

    @property
    def excluded_hosts(self) -> list[str]:
        """Hosts that have refused this operation."""
        return list(self._record.memory.get('excluded', ()))

    @property
    def state(self) -> str:
        """running, undoing or superseded (while a step runs), done or failed (in a callback)."""
        return self._record.state

    @property
    def fault(self) -> dict[str, Any] | None:
        """Why the operation failed, once it has."""
        return self._record.fault

    @property
    def attempt(self) -> int:
        """How often this step was tried before and failed in a passing way."""
        return self._record.attempts

    @property
    def deadline(self) -> float | None:
        """When the step must have ended, in seconds since the epoch; None while undoing (that has no deadline)."""
        if self._record.is_undoing:
            return None
        at = self._record.deadline_at
        ends = [calendar.timegm(at.timetuple()) + at.microsecond / 1e6] if at is not None else []
        if self.step_deadline is not None:
            ends.append(self.step_deadline)
        return min(ends, default=None)

    def remaining(self, at_most: float = 3600.0) -> float:
        """Seconds until the deadline, between 0 and `at_most`."""
        return at_most if self.deadline is None else max(0.0, min(at_most, self.deadline - clock.timestamp()))

    def set_host(self, name: str | None) -> None:
        """Choose the host of the HOST steps to come; stored with the record of this step."""
        self.new_host, self.host_is_new = name, True

    def note(self, message: str) -> None:
        """Say in the operation's history how far the step is. Each note is a write: for steps of minutes, some few of them.

        To be called from the thread of the step. The message is for users.
        """
        if self.listener is not None:
            self.listener(message)

    def check(self) -> None:
        """Raise if the step should end now: Superseded, LeaseLost or DeadlineExceeded. Long steps call it often."""
        if self._stop_reason is not None:
            raise self._stop_reason
        if self.deadline is not None and clock.timestamp() > self.deadline:
            raise DeadlineExceeded('It took too long.')

    def stop(self, reason: PileusError) -> None:
        """Make `check` raise; called by the runner."""
        self._stop_reason = reason
        self._stopped.set()

    @property
    def superseded(self) -> bool:
        """Whether another operation has overtaken this one."""
        return isinstance(self._stop_reason, Superseded) or self._record.state == 'superseded'

    def until(self, condition: Callable[[], Any], *, every: float = 0.2, timeout: float = 60.0, what: str = 'it') -> Any:
        """Wait until `condition()` is true and return its value; checks the deadline and for being superseded.

        Raises DeadlineExceeded after `timeout` seconds. For waits of more than a moment raise NotYet instead: it holds no thread.
        """
        end = clock.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            self.check()
            if clock.monotonic() > end:
                raise DeadlineExceeded(f'Waited {timeout:.0f} s for {what}.')
            self._stopped.wait(every)
