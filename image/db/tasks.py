"""Queries about tasks."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, true, update
from sqlalchemy.orm import Session

from image.db.task_models import Task
from image.records import TaskRecord

_COLUMNS = list(Task.__table__.columns)
SORT_COLUMNS = {name: Task.__table__.columns[name] for name in ('id', 'type', 'status', 'created_at', 'updated_at')}


def insert_task(session: Session, record: TaskRecord) -> None:
    """Write a new task."""
    session.execute(insert(Task).values({column.name: getattr(record, column.name) for column in _COLUMNS}))


def get_task(session: Session, task_id: str) -> TaskRecord | None:
    """One task, or None."""
    row = session.execute(select(*_COLUMNS).where(Task.id == task_id)).one_or_none()
    return TaskRecord(**row._mapping) if row else None


def set_task(session: Session, task_id: str, **values: Any) -> None:
    """Change columns; a task that is gone is fine."""
    session.execute(update(Task).where(Task.id == task_id).values(**values))


def list_tasks(
    session: Session, filters: dict[str, str], sort: Sequence[tuple[str, str]], limit: int, marker: TaskRecord | None
) -> list[TaskRecord]:
    """A page of tasks.

    :param filters: exact values of columns
    :param sort: (key, 'asc' or 'desc') pairs, the last of which is unique; no column of them is ever empty
    :param marker: the last task of the page before
    """
    query = select(*_COLUMNS).where(*(Task.__table__.columns[name] == value for name, value in filters.items()))
    if marker is not None:
        alternatives, equal = [], []
        for key, direction in sort:
            column, value = SORT_COLUMNS[key], getattr(marker, key)
            alternatives.append((column > value if direction == 'asc' else column < value) & and_(true(), *equal))
            equal.append(column == value)
        query = query.where(or_(*alternatives))
    for key, direction in sort:
        query = query.order_by(SORT_COLUMNS[key].asc() if direction == 'asc' else SORT_COLUMNS[key].desc())
    return [TaskRecord(**row._mapping) for row in session.execute(query.limit(limit))]


def tasks_of_image(session: Session, image_id: str, limit: int = 1000) -> list[TaskRecord]:
    """The tasks of an image, newest first."""
    query = select(*_COLUMNS).where(Task.image_id == image_id).order_by(Task.created_at.desc(), Task.id)
    return [TaskRecord(**row._mapping) for row in session.execute(query.limit(limit))]


def any_expired(session: Session, when: datetime.datetime) -> bool:
    """Whether there is a task whose time is over."""
    return session.scalar(select(Task.id).where(Task.expires_at < when).limit(1)) is not None


def remove_expired(session: Session, when: datetime.datetime) -> int:
    """Forget tasks whose time is over; returns how many."""
    return int(session.execute(delete(Task).where(Task.expires_at < when)).rowcount)  # type: ignore[attr-defined]
