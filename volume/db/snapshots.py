"""Queries about snapshots of volumes."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from volume.db.models import Snapshot
from volume.db.volumes import page_of

COLUMNS = Snapshot.__table__.columns
SORTABLE = {name: COLUMNS[name] for name in ('id', 'name', 'status', 'volume_id', 'volume_size', 'created_at', 'updated_at')}
FILTERS = {name: COLUMNS[name] for name in ('id', 'name', 'status', 'volume_id', 'user_id')}


def get(session: Session, snapshot_id: str) -> Snapshot | None:
    """A snapshot, or None."""
    return session.get(Snapshot, snapshot_id)


def list_snapshots(
    session: Session,
    project_id: str | None,
    filters: dict[str, Any],
    order: Sequence[tuple[str, str]],
    limit: int,
    marker: Snapshot | None,
    offset: int = 0,
) -> list[Snapshot]:
    """A page of snapshots, of one project or (None) of all. `order` ends with a unique key."""
    query = select(Snapshot)
    if project_id is not None:
        query = query.where(Snapshot.project_id == project_id)
    return list(session.scalars(page_of(query, FILTERS, filters, SORTABLE, order, marker).offset(offset).limit(limit)))


def of_volume(session: Session, volume_id: str) -> list[Snapshot]:
    """All of a volume."""
    return list(session.scalars(select(Snapshot).where(Snapshot.volume_id == volume_id).order_by(Snapshot.created_at)))


def on_host(session: Session, host: str) -> list[str]:
    """Ids of those that are on a host."""
    return list(session.scalars(select(Snapshot.id).where(Snapshot.host == host)))


def set_status(session: Session, snapshot_id: str, expect: Iterable[str], status: str, when: datetime.datetime, **values: Any) -> bool:
    """Change the status if it is one of those expected; False when it is not."""
    result = session.execute(
        update(Snapshot)
        .where(Snapshot.id == snapshot_id, Snapshot.status.in_(tuple(expect)))
        .values(status=status, updated_at=when, **values),
        execution_options={'synchronize_session': False},
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def usage(session: Session, project_id: str) -> tuple[int, int]:
    """(snapshots, GiB) of a project, counted."""
    found = session.execute(
        select(func.count(), func.coalesce(func.sum(Snapshot.volume_size), 0)).where(Snapshot.project_id == project_id)
    ).one()
    return int(found[0]), int(found[1])
