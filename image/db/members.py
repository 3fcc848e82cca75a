"""Queries about the projects that images are shared with."""

from __future__ import annotations

import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from image.db.models import Image, ImageMember
from image.records import MemberRecord

_COLUMNS = list(ImageMember.__table__.columns)


def list_members(session: Session, image_id: str) -> list[MemberRecord]:
    """All projects the image is offered to, oldest first."""
    rows = session.execute(select(*_COLUMNS).where(ImageMember.image_id == image_id).order_by(ImageMember.created_at, ImageMember.member))
    return [MemberRecord(**row._mapping) for row in rows]


def list_shared_with(session: Session, member: str, owner: str | None) -> list[MemberRecord]:
    """What is offered to a project, by one owner or (None) by all; of images that are shared now."""
    query = select(*_COLUMNS).join(Image, Image.id == ImageMember.image_id)
    query = query.where(ImageMember.member == member, Image.visibility == 'shared')
    if owner is not None:
        query = query.where(Image.owner == owner)
    rows = session.execute(query.order_by(ImageMember.created_at, ImageMember.image_id))
    return [MemberRecord(**row._mapping) for row in rows]


def get_member(session: Session, image_id: str, member: str) -> MemberRecord | None:
    """One project's membership, or None."""
    row = session.execute(select(*_COLUMNS).where(ImageMember.image_id == image_id, ImageMember.member == member)).one_or_none()
    return MemberRecord(**row._mapping) if row else None


def count_members(session: Session, image_id: str) -> int:
    """How many projects the image is offered to."""
    return session.scalar(select(func.count()).select_from(ImageMember).where(ImageMember.image_id == image_id)) or 0


def insert_member(session: Session, record: MemberRecord) -> None:
    """Offer the image to one more project."""
    session.execute(
        insert(ImageMember).values(
            image_id=record.image_id, member=record.member, status=record.status, created_at=record.created_at, updated_at=record.updated_at
        )
    )


def set_member_status(session: Session, image_id: str, member: str, status: str, when: datetime.datetime) -> None:
    """Accept, reject or reconsider an offer."""
    session.execute(
        update(ImageMember).where(ImageMember.image_id == image_id, ImageMember.member == member).values(status=status, updated_at=when)
    )


def remove_member(session: Session, image_id: str, member: str) -> None:
    """Take the offer back."""
    session.execute(delete(ImageMember).where(ImageMember.image_id == image_id, ImageMember.member == member))
