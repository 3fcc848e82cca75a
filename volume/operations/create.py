"""Making a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.operations import HOST, Operation, Step, minutes
from volume.db import volumes as queries
from volume.volume_states import AVAILABLE, CREATING, ERROR

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _make(run: Run) -> None:
    run.world.pool.create(run.resource_id, run.params['size'])


def _unmake(run: Run, output: dict[str, Any] | None) -> None:
    run.world.pool.delete(run.resource_id)


def _done(session: Session, run: Run) -> None:
    queries.set_status(session, run.resource_id, {CREATING}, AVAILABLE, now())


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_status(session, run.resource_id, {CREATING}, ERROR, now(), fault=fault.get('message'))


CREATE = Operation(
    'volume.create',
    of='volume',
    deadline=minutes(10),
    steps=[Step('make', on=HOST, do=_make, undo=_unmake)],
    on_done=_done,
    on_failed=_failed,
)
