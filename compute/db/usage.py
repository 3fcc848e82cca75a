"""Queries about what servers took over a time."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from compute.db.models import Server

_COLUMNS = (
    Server.id, Server.project_id, Server.name, Server.vm_state, Server.deleted, Server.flavor, Server.vcpus, Server.memory_mib, Server.root_gib,
    Server.launched_at, Server.terminated_at,
)  # fmt: skip


def servers_between(
    session: Session, start: datetime.datetime, end: datetime.datetime, project_id: str | None, limit: int | None, marker: str | None
) -> list[Row[Any]]:
    """Servers that ran at some time between the two, deleted ones too, by project and id; of one project or (None) of all.

    :param marker: the id of the last server of the page before; one that is unknown is no marker
    """
    query = (
        select(*_COLUMNS)
        .where(Server.launched_at <= end, or_(Server.terminated_at.is_(None), Server.terminated_at >= start))
        .order_by(Server.project_id, Server.id)
        .limit(limit)
    )
    if project_id is not None:
        query = query.where(Server.project_id == project_id)
    if marker is not None:
        last = session.execute(select(Server.project_id, Server.id).where(Server.id == marker)).first()
        if last is not None:
            same = (Server.project_id == last.project_id) & (Server.id > last.id)
            query = query.where(or_(Server.project_id > last.project_id, same))
    return list(session.execute(query).all())


def is_server(session: Session, server_id: str) -> bool:
    """Whether there is or was such a server."""
    return session.scalar(select(Server.id).where(Server.id == server_id)) is not None
