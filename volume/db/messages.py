"""Queries about what failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, literal, select, union_all, update
from sqlalchemy.orm import Session

from volume.db.models import Snapshot, Volume

_KINDS: dict[str, type[Volume] | type[Snapshot]] = {'VOLUME': Volume, 'VOLUME_SNAPSHOT': Snapshot}
_MOST = 1000


def faults(session: Session, project_id: str | None) -> list[Row[Any]]:
    """(kind, id, project_id, user_id, fault, created_at, updated_at) of what failed, of one project or (None) of all; newest first."""
    parts = []
    for kind, model in _KINDS.items():
        part = select(
            literal(kind).label('kind'), model.id, model.project_id, model.user_id, model.fault, model.created_at, model.updated_at
        ).where(model.fault.is_not(None))
        parts.append(part if project_id is None else part.where(model.project_id == project_id))
    found = union_all(*parts).subquery()
    moment = func.coalesce(found.c.updated_at, found.c.created_at)
    return list(session.execute(select(found).order_by(moment.desc(), found.c.id).limit(_MOST)))


def forget(session: Session, kind: str, resource_id: str) -> None:
    """Take the fault away."""
    model = _KINDS[kind]
    session.execute(update(model).where(model.id == resource_id).values(fault=None), execution_options={'synchronize_session': False})
