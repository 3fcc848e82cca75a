"""The periodic pass of a runner: finds work whose ring was lost or whose worker died, and what waits too long.

Each function is one pass over the database; none of them holds a lease, so any number of sweepers may run at once.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from common import clock
from common.errors import DeadlineExceeded
from common.operations import plan
from common.operations.definition import SERVICE, Ended, Operation, host_of
from common.operations.drive import describe, tell_early
from common.operations.plan import Change
from common.operations.record import SUPERSEDED, Record
from common.operations.run import Run

if TYPE_CHECKING:
    from common.operations.service import Operations

LOG = logging.getLogger(__name__)
BATCH = 200
MANY_PLACES = 300


def find_due(ops: Operations, places: Collection[str]) -> list[str]:
    """Operations that can go on now at these places, and that nobody holds; leases of the dead are freed first."""
    ops.store.bury()
    return ops.store.due(list(places) if len(places) <= MANY_PLACES else None, BATCH)


def fail_overdue(ops: Operations) -> int:
    """Turn operations that nobody works on and whose deadline has passed to undoing; returns how many."""
    count = 0
    for operation_id in ops.store.overdue(BATCH):
        seen = ops.store.load(operation_id)
        definition = ops.definition(seen) if seen is not None else None
        if seen is None or definition is None or not plan.is_overdue(seen) or (seen.attention and definition.never_gives_up):
            continue
        change = Change(seen.copy())
        within = _overdue(definition, change)
        if ops.store.record(seen, change, 'overdue', within):
            LOG.warning('%s: its deadline has passed', describe(seen))
            ops.ring(str(change.record.place), seen.id)
            count += 1
    return count


def _overdue(definition: Operation, change: Change) -> list[Callable[[Session], Any]]:
    record = change.record
    index = min(record.position, len(definition.steps) - 1)
    step = definition.steps[index].name
    host = host_of(record.place)
    who = f'Host {host} did not carry out' if host else 'The service could not carry out'
    error = DeadlineExceeded(f'The operation took too long. {who} step {step} in time.')
    if definition.never_gives_up:
        record.attention = True
        change.note(step, 'do', 'retried', {'code': error.code, 'message': error.message})
        return []
    plan.leave_unbegun(record)
    if record.generation == 0:
        record.position = -1
        record.waits_for = None
    plan.fail(change, step, error)
    following = plan.settle(definition, change)
    record.place = following.place or (SERVICE if following.action == 'end' else record.place)
    record.generation += 1
    record.lease_owner = record.lease_until = None
    record.stalled = following.action == 'undo' and host is not None and host_of(record.place) == host
    record.run_at = clock.now()
    return tell_early(definition, change)


def tell_stalled(ops: Operations) -> int:
    """Tell the resources of operations that wait for a host which does not come; returns how many."""
    shortest = min((definition.stall_after for definition in ops.definitions()), default=15.0)
    count = 0
    for seen in ops.store.stalled(clock.now() - datetime.timedelta(seconds=shortest), BATCH):
        concerned = _concerned(ops, seen)
        patience = min((definition.stall_after for definition, _ in concerned), default=None)
        if patience is None or clock.now() - seen.run_at < datetime.timedelta(seconds=patience):
            continue
        change = Change(seen.copy())
        change.record.stalled = True
        change.note('', 'end', 'stalled', {'host': host_of(seen.place)})
        within = [_teller(definition.on_stalled, record) for definition, record in concerned if definition.on_stalled is not None]
        definition = ops.definition(seen)
        if definition is not None:
            within += tell_early(definition, change)
        if ops.store.record(seen, change, 'stalled', within):
            LOG.warning('%s waits for its host', describe(seen))
            count += 1
    return count


def _concerned(ops: Operations, seen: Record) -> list[tuple[Operation, Record]]:
    """Whose resource waits: the operation's own, or that of the one which has overtaken it."""
    records = [seen]
    if seen.state == SUPERSEDED:
        with ops.db.read() as session:
            records = ops.store.waiting_for(session, seen.id)
    return [(definition, record) for record in records if (definition := ops.definition(record)) is not None]


def _teller(on_stalled: Ended, record: Record) -> Callable[[Session], Any]:
    return lambda session: on_stalled(session, Run(record))
