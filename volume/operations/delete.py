"""Deleting a volume. It never gives up: the row stays until host and export are clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.operations import HOST, Operation, Step
from volume.db.models import Volume

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _unexport(run: Run) -> None:
    run.world.target.unexport(run.resource_id)


def _wipe(run: Run) -> None:
    run.world.pool.delete(run.resource_id)


def _gone(session: Session, run: Run) -> None:
    volume = session.get(Volume, run.resource_id)
    if volume is not None:
        session.delete(volume)


DELETE = Operation(
    'volume.delete',
    of='volume',
    deadline=None,
    never_gives_up=True,
    steps=[Step('unexport', on=HOST, do=_unexport), Step('wipe', on=HOST, do=_wipe)],
    on_done=_gone,
)
