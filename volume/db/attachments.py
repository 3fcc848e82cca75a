"""Queries about attachments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from volume.db.models import Attachment, Volume


def of_volume(session: Session, volume_id: str) -> list[Attachment]:
    """Attachments of one volume, oldest first."""
    return list(session.scalars(select(Attachment).where(Attachment.volume_id == volume_id).order_by(Attachment.created_at)))


def remove(session: Session, attachment_id: str) -> None:
    """Forget an attachment."""
    session.execute(delete(Attachment).where(Attachment.id == attachment_id), execution_options={'synchronize_session': False})


def list_attachments(session: Session, project_id: str | None, filters: dict[str, Any]) -> list[Attachment]:
    """Attachments of the volumes of one project or (None) of all, narrowed by columns."""
    query = select(Attachment).join(Volume, Volume.id == Attachment.volume_id).order_by(Attachment.created_at, Attachment.id)
    if project_id is not None:
        query = query.where(Volume.project_id == project_id)
    for name, value in filters.items():
        query = query.where(getattr(Attachment, name) == value)
    return list(session.scalars(query))
