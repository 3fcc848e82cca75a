"""Queries about quotas."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from network.db.models import QUOTA_TABLES


def projects(session: Session) -> list[str]:
    """Projects with limits of their own."""
    column = QUOTA_TABLES.limits.c.project_id
    return [project for (project,) in session.execute(sa.select(column).distinct().order_by(column))]
