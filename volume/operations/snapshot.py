"""Making a snapshot of a volume, and deleting one. Deleting never gives up: the row stays until the host is clean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.operations import HOST, Operation, Step, minutes
from common.operations.faults import for_users
from volume.db import snapshots as queries
from volume.db.models import Snapshot
from volume.volume_states import AVAILABLE, CREATING, ERROR

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _keep(run: Run) -> None:
    run.world.pool.snapshot(run.params['volume'], run.resource_id, run.params['in_use'], run.check)


def _wipe(run: Run) -> None:
    run.world.pool.delete_snapshot(run.resource_id)


def _done(session: Session, run: Run) -> None:
    queries.set_status(session, run.resource_id, {CREATING}, AVAILABLE, now())


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_status(session, run.resource_id, {CREATING}, ERROR, now(), fault=for_users(fault))


def _gone(session: Session, run: Run) -> None:
    snapshot = session.get(Snapshot, run.resource_id)
    if snapshot is not None:
        session.delete(snapshot)


CREATE_SNAPSHOT = Operation(
    'snapshot.create',
    of='snapshot',
    deadline=minutes(120),
    steps=[Step('keep', on=HOST, do=_keep, undo=lambda run, output: _wipe(run))],
    on_done=_done,
    on_failed=_failed,
)
DELETE_SNAPSHOT = Operation(
    'snapshot.delete', of='snapshot', deadline=None, never_gives_up=True, steps=[Step('wipe', on=HOST, do=_wipe)], on_done=_gone
)
