"""Queries about staged data: an image in `uploading` is owned by the stage that its `upload_id` names."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from image.db.models import Image
from image.records import UPLOADING


def stale_stages(session: Session, when: datetime.datetime) -> list[tuple[str, str, datetime.datetime]]:
    """(image id, stage id, its `upload_until`) of data that has stopped to arrive before `when`."""
    query = select(Image.id, Image.upload_id, Image.upload_until).where(Image.status == UPLOADING, Image.upload_until < when)
    return [(row.id, row.upload_id or '', row.upload_until) for row in session.execute(query)]


def stages_of(session: Session, ids: Sequence[str]) -> dict[str, str | None]:
    """The stage that each of these images owns, by image; images that are gone are not in it."""
    return {row.id: row.upload_id for row in session.execute(select(Image.id, Image.upload_id).where(Image.id.in_(ids)))}


def arriving(session: Session, image_id: str) -> bool:
    """Whether data is being staged for the image just now."""
    return session.scalar(select(Image.upload_until).where(Image.id == image_id)) is not None
