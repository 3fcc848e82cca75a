"""What comes next for an operation, decided from its record alone. Pure: nothing here touches a database or the world.

Each function changes the record it is given (a copy that the caller made) and notes events; `drive.py` writes both in one transaction.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import random
from typing import Any, Literal

from common import clock
from common.errors import PileusError, Refused
from common.operations import faults
from common.operations.definition import HOST, NotYet, Operation, Step, host_location, host_of
from common.operations.record import DONE, FAILED, RUNNING, SUPERSEDED, UNDOING, Record
from common.operations.run import Run

LOG = logging.getLogger(__name__)
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
LONGEST_UNDO_PAUSE = 300.0
LONGEST_WAIT = 3.0
ATTENTION_AFTER = 5
"""Failed attempts after which an undo (or a step that never gives up) is shown to the operator."""


@dataclasses.dataclass
class Next:
    """The next thing to do: a step to do or to undo at a place, or the end in a state."""

    action: Literal['do', 'undo', 'end']
    step: Step | None = None
    place: str | None = None
    state: str | None = None


@dataclasses.dataclass
class Change:
    """A transition in the making: the record as it will be, and the events to add."""

    record: Record
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def note(self, step: str, direction: str, event: str, data: dict[str, Any] | None = None) -> None:
        """Add an event to the operation's history."""
        record = self.record
        self.events.append(
            {
                'operation_id': record.id,
                'seq': record.event_count,
                'step': step,
                'direction': direction,
                'event': event,
                'host': record.host,
                'at': clock.now(),
                'data': data,
            }
        )
        record.event_count += 1


def place_of(step: Step, record: Record) -> str | None:
    """Where a step runs; None if that needs a host and there is none."""
    if step.on == HOST:
        return host_location(record.host) if record.host else None
    if callable(step.on):
        try:
            return step.on(Run(record))
        except Exception:
            LOG.exception('the place of step %s of %s %s cannot be told', step.name, record.kind, record.id)
            return None
    return step.on


def settle(definition: Operation, change: Change) -> Next:
    """Find the next thing to do, stepping over what need not be done. May turn an undo around that goes back to a step only."""
    record = change.record
    while True:
        if not record.is_undoing:
            if record.position >= len(definition.steps):
                return Next('end', state=DONE)
            step = definition.steps[record.position]
            if not _applies(step, record):
                change.note(step.name, 'do', 'skipped')
                record.memory.setdefault('skipped', []).append(step.name)
                record.position += 1
                continue
            return Next('do', step, place_of(step, record))
        back_to = record.memory.get('back_to')
        record.position = min(record.position, len(definition.steps) - 1)
        if record.position < (back_to if back_to is not None else 0):
            if back_to is None:
                return Next('end', state=SUPERSEDED if record.state == SUPERSEDED else FAILED)
            _turn_around(record, back_to)
            continue
        step = definition.steps[record.position]
        place = place_of(step, record) if step.undoes else None
        if place is None or step.name in record.memory.get('skipped', ()):
            record.outputs.pop(step.name, None)
            record.position -= 1
            continue
        return Next('undo', step, place)


def _applies(step: Step, record: Record) -> bool:
    if step.when is None:
        return True
    try:
        return bool(step.when(Run(record)))
    except Exception:
        LOG.exception('the condition of step %s of %s %s failed: the step is done', step.name, record.kind, record.id)
        return True


def _turn_around(record: Record, back_to: int) -> None:
    record.state = RUNNING
    record.position = back_to
    record.host = None
    record.attempts = 0
    record.memory['skipped'] = []
    for key in ('back_to', 'since'):
        record.memory.pop(key, None)


def step_done(definition: Operation, change: Change, step: Step, output: dict[str, Any] | None) -> None:
    """The step's effect stands and is recorded."""
    record = change.record
    change.note(step.name, 'do', 'done', output)
    record.outputs[step.name] = output
    record.position += 1
    record.attempts = 0
    record.attention = False
    if definition.never_gives_up:
        record.fault = None
    record.memory.pop('since', None)


def step_undone(change: Change, step: Step) -> None:
    """The step's effect is taken back."""
    record = change.record
    change.note(step.name, 'undo', 'done')
    record.outputs.pop(step.name, None)
    record.position -= 1
    record.attempts = 0
    record.attention = False


def step_failed(definition: Operation, change: Change, step: Step, error: BaseException) -> float | None:
    """A step raised: returns the pause before it is tried again, or None if the operation is now being undone."""
    record = change.record
    if definition.never_gives_up:
        return _try_again(change, step, 'do', error, LONGEST_UNDO_PAUSE)
    if isinstance(error, NotYet):
        if not _out_of_time(definition, record, step, error.after):
            return _wait(record, error)
    elif isinstance(error, faults.PASSING):
        pause = _pause(record.attempts, LONGEST_PAUSE)
        if not _out_of_time(definition, record, step, pause):
            record.attempts += 1
            change.note(step.name, 'do', 'retried', _told(error))
            return pause
    elif isinstance(error, Refused) and step.retry_from is not None and _another_host(definition, change, step, error):
        return None
    fail(change, step.name, error)
    return None


def undo_failed(change: Change, step: Step, error: BaseException) -> float:
    """An undo raised: the pause before it is tried again."""
    return _try_again(change, step, 'undo', error, LONGEST_UNDO_PAUSE)


def fail(change: Change, step: str, error: BaseException) -> None:
    """Turn to undoing for good, with a fault."""
    record = change.record
    change.note(step, 'do', 'failed', _told(error))
    record.fault = faults.make_fault(record, step, error)
    record.state = UNDOING
    record.attempts = 0
    for key in ('back_to', 'since'):
        record.memory.pop(key, None)


def leave_unbegun(record: Record) -> None:
    """Before an undo: a step that nobody has begun has nothing to take back, so its host is not needed for it."""
    if record.state == RUNNING and 'since' not in record.memory:
        record.position -= 1


def is_overdue(record: Record, now: datetime.datetime | None = None) -> bool:
    """Whether the operation still runs past its deadline."""
    return record.state == RUNNING and record.deadline_at is not None and (now or clock.now()) > record.deadline_at


def end(change: Change, state: str) -> None:
    """Nothing is left to do."""
    record = change.record
    record.state = state
    record.place = record.live_key = record.waits_for = record.lease_owner = record.lease_until = None
    record.ended_at = clock.now()
    record.attention = False
    record.stalled = False
    change.note('', 'end', state)


def _told(error: BaseException) -> dict[str, Any]:
    code = error.code if isinstance(error, PileusError) else 'internal'
    return {'code': code, 'message': faults.shorten(faults.user_message(error)), 'admin_detail': faults.admin_detail(error)[:2000]}


def _wait(record: Record, error: NotYet) -> float:
    """The longer the wait is already, the more seldom it is looked: a hundred boots that wait must not keep the database busy."""
    waited = clock.timestamp() - record.memory.get('since', clock.timestamp())
    return max(0.02, error.after, min(waited * 0.15, LONGEST_WAIT))


def _pause(attempts: int, longest: float) -> float:
    return random.uniform(0.6, 1.0) * min(FIRST_PAUSE * 2 ** min(attempts, 20), longest)


def _try_again(change: Change, step: Step, direction: str, error: BaseException, longest: float) -> float:
    record = change.record
    if isinstance(error, NotYet):
        return _wait(record, error)
    pause = _pause(record.attempts, longest)
    record.attempts += 1
    change.note(step.name, direction, 'retried', _told(error))
    if record.attempts >= ATTENTION_AFTER and not record.attention:
        record.attention = True
        if record.fault is None:
            record.fault = faults.make_fault(record, step.name, error)
    return pause


def _out_of_time(definition: Operation, record: Record, step: Step, pause: float) -> bool:
    then = clock.timestamp() + pause
    since = record.memory.get('since')
    if step.timeout is not None and since is not None and then > since + step.timeout:
        return True
    return record.deadline_at is not None and clock.now() + datetime.timedelta(seconds=pause) > record.deadline_at


def _another_host(definition: Operation, change: Change, step: Step, error: BaseException) -> bool:
    record = change.record
    where = place_of(step, record)
    host = host_of(where) or record.host
    excluded = list(record.memory.get('excluded', ()))
    if host is None or len(excluded) + 1 >= definition.max_hosts or is_overdue(record):
        return False
    if host not in excluded:
        excluded.append(host)
    change.note(step.name, 'do', 'refused', _told(error))
    record.memory['excluded'] = excluded
    record.memory['tried'] = [*record.memory.get('tried', ()), faults.tried(record, step.name, error)]
    record.memory['back_to'] = definition.index(str(step.retry_from))
    record.state = UNDOING
    record.attempts = 0
    return True
