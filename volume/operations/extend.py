"""Growing a volume. There is no way back: data may already be written into the new room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.operations import HOST, Operation, Step, minutes
from common.operations.faults import for_users
from volume.db import volumes as queries
from volume.volume_states import AVAILABLE, ERROR_EXTENDING, EXTENDING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _grow(run: Run) -> None:
    run.world.pool.extend(run.resource_id, run.params['size'])
    run.world.target.resized(run.resource_id)


def _done(session: Session, run: Run) -> None:
    queries.set_status(session, run.resource_id, {EXTENDING}, AVAILABLE, now(), size=run.params['size'], fault=None)


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_status(session, run.resource_id, {EXTENDING}, ERROR_EXTENDING, now(), fault=for_users(fault))


EXTEND = Operation(
    'volume.extend', of='volume', deadline=minutes(10), steps=[Step('grow', on=HOST, do=_grow)], on_done=_done, on_failed=_failed
)
