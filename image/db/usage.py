"""How much of everything a project uses, in one query."""

from __future__ import annotations

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from image.db.location_models import ImageLocation
from image.db.models import Image
from image.records import ACTIVE, DEACTIVATED, IMPORTING, SAVING, UPLOADING

_STORED = (ACTIVE, DEACTIVATED)


def usage(session: Session, project_id: str) -> dict[str, int]:
    """What a project uses of each limited resource; sizes in bytes, data that several stores hold count for each of them.

    What is reserved counts in those states alone in which data are on their way: who dies there, leaves nothing reserved once his image
    has been given back.
    """
    places = (
        select(ImageLocation.image_id, func.count().label('count'))
        .join(Image, Image.id == ImageLocation.image_id)
        .where(Image.owner == project_id, ImageLocation.status == 'active', ImageLocation.own_key.is_not(None))
        .group_by(ImageLocation.image_id)
        .subquery()
    )
    stored = Image.status.in_(_STORED)
    coming = Image.status.in_((*_STORED, SAVING, IMPORTING))
    staged = Image.status.in_((UPLOADING, IMPORTING))
    busy = Image.status.in_((SAVING, UPLOADING, IMPORTING))
    held = case((and_(stored, Image.size.is_not(None)), Image.size * func.coalesce(places.c.count, 1)), else_=0)
    row = session.execute(
        select(
            func.sum(held + case((coming, Image.reserved_size), else_=0)).label('size'),
            func.sum(case((staged, func.coalesce(Image.size, Image.reserved_stage)), else_=0)).label('stage'),
            func.count().label('count'),
            func.sum(case((busy, 1), else_=0)).label('uploading'),
        )
        .select_from(Image)
        .outerjoin(places, places.c.image_id == Image.id)
        .where(Image.owner == project_id)
    ).one()
    return {
        'image_size_total': int(row.size or 0),
        'image_stage_total': int(row.stage or 0),
        'image_count_total': int(row.count or 0),
        'image_count_uploading': int(row.uploading or 0),
    }
