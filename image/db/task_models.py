"""Table of tasks: what clients see of imports, and what they were asked for."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from image.db.models import Base


class Task(Base):
    """One task. `status`: pending, processing, success, failure. `image_id`: what it works on, which may be gone."""

    __tablename__ = 'tasks'

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    type: Mapped[str] = mapped_column(String(30))
    status: Mapped[str] = mapped_column(String(30))
    owner: Mapped[str | None] = mapped_column(String(64))
    image_id: Mapped[str | None] = mapped_column(String(36))
    request_id: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[str | None] = mapped_column(String(64))
    input: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    message: Mapped[str] = mapped_column(Text, default='')
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]
    # Empty while the task is under way; after it the row is removed.
    expires_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index('ix_tasks_created_at_id', 'created_at', 'id'),
        Index('ix_tasks_image_id', 'image_id'),
        Index('ix_tasks_expires_at', 'expires_at'),
    )
