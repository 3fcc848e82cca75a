"""The two tables behind quotas: limits that differ from the defaults, and one row per project to queue on.

Used through `common.quota`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.db.prepared import prepared


@dataclasses.dataclass(frozen=True)
class QuotaTables:
    """The quota tables of one service's metadata."""

    limits: sa.Table
    projects: sa.Table

    @functools.cached_property
    def limits_of(self) -> Any:
        """(resource, limit) of the project `b_project`; made once, since every allocation asks."""
        t = self.limits
        return prepared(sa.select(t.c.resource, t.c.hard_limit).where(t.c.project_id == sa.bindparam('b_project')))

    @functools.cached_property
    def lock_of(self) -> Any:
        """The row of the project `b_project`, which nobody else gets so before the transaction ends."""
        t = self.projects
        return prepared(sa.select(t.c.project_id).where(t.c.project_id == sa.bindparam('b_project')).with_for_update())


def quota_tables(metadata: sa.MetaData) -> QuotaTables:
    """Add `quota_limits` and `quota_projects` to the metadata (once), and return them."""
    if 'quota_limits' in metadata.tables:
        return QuotaTables(metadata.tables['quota_limits'], metadata.tables['quota_projects'])
    limits = sa.Table(
        'quota_limits',
        metadata,
        sa.Column('project_id', sa.String(64), primary_key=True),
        sa.Column('resource', sa.String(64), primary_key=True),
        sa.Column('hard_limit', sa.Integer, nullable=False),
    )
    projects = sa.Table('quota_projects', metadata, sa.Column('project_id', sa.String(64), primary_key=True))
    return QuotaTables(limits, projects)


def lock_project(session: Session, tables: QuotaTables, project_id: str) -> None:
    """Let no other transaction allocate for this project until this one ends. On SQLite the writer's lock does it."""
    bind = session.get_bind()
    if bind.dialect.name == 'sqlite':
        return
    t = tables.projects
    query, values = tables.lock_of, {'b_project': project_id}
    if session.execute(query, values).first() is not None:
        return
    try:
        with session.begin_nested():
            session.execute(sa.insert(t).values(project_id=project_id))
    except IntegrityError:
        session.execute(query, values).first()


def read_limits(session: Session, tables: QuotaTables, project_id: str) -> dict[str, int]:
    """The limits stored for a project."""
    return {row.resource: row.hard_limit for row in session.execute(tables.limits_of, {'b_project': project_id})}


def write_limits(session: Session, tables: QuotaTables, project_id: str, limits: Mapping[str, int]) -> None:
    """Store limits for a project."""
    t = tables.limits
    for resource, limit in limits.items():
        session.execute(sa.delete(t).where(t.c.project_id == project_id, t.c.resource == resource))
        session.execute(sa.insert(t).values(project_id=project_id, resource=resource, hard_limit=limit))


def delete_limits(session: Session, tables: QuotaTables, project_id: str) -> None:
    """Go back to the defaults."""
    session.execute(sa.delete(tables.limits).where(tables.limits.c.project_id == project_id))
