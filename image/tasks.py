"""Tasks: what clients see of work that goes on after their request, and the older way to ask for an import.

A task is written in the transaction that starts its operation, and changes in those that the operation writes; so it never says
anything else than what happened. Ended tasks are forgotten after `[image] task_hours`.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import InvalidInput, NotFound
from common.ids import new_id
from image import images
from image.db import tasks as queries
from image.records import TASK_STATUSES, TASK_TYPES, TaskRecord

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from image.service import ImageService

PENDING, PROCESSING, SUCCESS, FAILURE = TASK_STATUSES
IMPORT, IMAGE_IMPORT, LOCATION_IMPORT = TASK_TYPES


def begin(session: Session, ctx: Context, kind: str, image_id: str | None, given: dict[str, Any]) -> TaskRecord:
    """Write a new task of the caller's project, in the caller's transaction.

    :param given: what was asked for, as it is shown; no secrets
    """
    when = now()
    record = TaskRecord(
        id=new_id(), type=kind, status=PENDING, owner=ctx.project_id, image_id=image_id, request_id=ctx.request_id, user_id=ctx.user_id,
        input=given, result=None, message='', created_at=when, updated_at=when,
    )  # fmt: skip
    queries.insert_task(session, record)
    return record


def proceed(session: Session, task_id: str) -> None:
    """Somebody works on it now."""
    queries.set_task(session, task_id, status=PROCESSING, updated_at=now())


def end(session: Session, task_id: str, hours: int, *, result: dict[str, Any] | None = None, message: str | None = None) -> None:
    """It has ended: well, with a result, or with a message that says why not."""
    when = now()
    queries.set_task(
        session, task_id, status=SUCCESS if message is None else FAILURE, result=result, message=message or '', updated_at=when,
        expires_at=when + datetime.timedelta(hours=hours),
    )  # fmt: skip


def show(service: ImageService, task_id: str) -> TaskRecord:
    """One task. Raises NotFound."""
    with service.db.read() as session:
        record = queries.get_task(session, task_id) if len(task_id) <= 36 else None
    if record is None:
        raise NotFound('task', task_id, message=f'Task not found for task_id {task_id[:255]}')
    return record


def list_page(
    service: ImageService, filters: dict[str, str], sort: list[tuple[str, str]], limit: int, marker: str | None
) -> list[TaskRecord]:
    """A page of all tasks. Raises InvalidInput when the marker is none."""
    with service.db.read() as session:
        last = None
        if marker is not None and (last := queries.get_task(session, marker)) is None:
            raise InvalidInput(f'The marker {marker[:64]} is not a task.', field='marker')
        return queries.list_tasks(session, filters, sort, limit, last)


def of_image(service: ImageService, ctx: Context, image_id: str) -> list[TaskRecord]:
    """The tasks of an image that the caller may see, newest first. Raises NotFound."""
    with service.db.read() as session:
        record = images.find(service, ctx, image_id, session)
        return [task for task in queries.tasks_of_image(session, record.id) if ctx.is_admin or task.owner == ctx.project_id]


def sweep(service: ImageService) -> int:
    """Forget ended tasks whose time is over; returns how many."""
    with service.db.read() as session:
        if not queries.any_expired(session, now()):
            return 0
    with service.db.write() as session:
        return queries.remove_expired(session, now())
