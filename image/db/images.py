"""Queries about images, their properties and tags."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from common.clock import now
from common.db.prepared import prepared
from common.errors import Conflict
from image.db import locations
from image.db.models import Image, ImageMember, ImageProperty, ImageTag
from image.db.spent_models import SpentImageId
from image.records import ImageFilter, ImageRecord, LocationRecord

_NOT_SHOWN = frozenset({'upload_until', 'reserved_size', 'reserved_stage'})
_COLUMNS = [column for column in Image.__table__.columns if column.name not in _NOT_SHOWN]
# Statements of every request are made once: that takes longer than the query.
_BY_ID = prepared(select(*_COLUMNS).where(Image.__table__.c.id == bindparam('b_id')))
_P, _T = ImageProperty.__table__.c, ImageTag.__table__.c
_PROPERTIES_OF = prepared(select(_P.image_id, _P.name, _P.value).where(_P.image_id.in_(bindparam('b_images', expanding=True))))
_TAGS_OF = prepared(select(_T.image_id, _T.value).where(_T.image_id.in_(bindparam('b_images', expanding=True))).order_by(_T.value))
SORT_COLUMNS = {
    name: Image.__table__.columns[name]
    for name in ('id', 'name', 'status', 'container_format', 'disk_format', 'size', 'created_at', 'updated_at', 'visibility', 'owner')
}
_COMPARE = {'gt': operator.gt, 'gte': operator.ge, 'lt': operator.lt, 'lte': operator.le, 'eq': operator.eq, 'neq': operator.ne}


def insert_image(session: Session, record: ImageRecord) -> None:
    """Write a new image. Raises Conflict when the id is taken, or was ever."""
    taken = select(Image.id).where(Image.id == record.id).union_all(select(SpentImageId.id).where(SpentImageId.id == record.id))
    if session.scalar(taken.limit(1)) is not None:
        raise Conflict(f'Image ID {record.id} already exists!', code='duplicate_image')
    values = {column.name: getattr(record, column.name) for column in _COLUMNS}
    session.execute(insert(Image).values(**values))
    _write_properties(session, record.id, record.properties)
    _write_tags(session, record.id, record.tags)


def _write_properties(session: Session, image_id: str, properties: dict[str, str]) -> None:
    if properties:
        session.execute(insert(ImageProperty), [{'image_id': image_id, 'name': k, 'value': v} for k, v in properties.items()])


def _write_tags(session: Session, image_id: str, tags: Iterable[str]) -> None:
    rows = [{'image_id': image_id, 'value': tag} for tag in dict.fromkeys(tags)]
    if rows:
        session.execute(insert(ImageTag), rows)


def save_image(session: Session, record: ImageRecord, when: datetime.datetime) -> None:
    """Write what a client may change of an existing image: columns, properties and tags.

    Raises Conflict where it has another status by now than when it was read: what may be changed depends on that.
    """
    record.updated_at = when
    names = (
        'name',
        'visibility',
        'owner',
        'container_format',
        'disk_format',
        'min_disk',
        'min_ram',
        'protected',
        'os_hidden',
        'updated_at',
    )
    if not set_columns(session, record.id, expect={'status': record.status}, **{name: getattr(record, name) for name in names}):
        raise Conflict(f'Image {record.id} is being changed by somebody else. Try again.')
    session.execute(delete(ImageProperty).where(ImageProperty.image_id == record.id))
    session.execute(delete(ImageTag).where(ImageTag.image_id == record.id))
    _write_properties(session, record.id, record.properties)
    _write_tags(session, record.id, record.tags)


def set_columns(session: Session, image_id: str, *, expect: dict[str, Any], **values: Any) -> bool:
    """Change columns if the row is still as expected; False when it is not (somebody else was quicker)."""
    conditions = [Image.__table__.columns[name] == value for name, value in expect.items()]
    result = session.execute(update(Image).where(Image.id == image_id, *conditions).values(**values))
    return bool(result.rowcount)


def remove_image(session: Session, image_id: str) -> list[LocationRecord]:
    """Delete the image and all rows that belong to it. Gives the data that has to be removed from stores after the commit."""
    for table in (ImageProperty, ImageTag, ImageMember):
        session.execute(delete(table).where(table.image_id == image_id))
    if session.execute(delete(Image).where(Image.id == image_id)).rowcount:
        session.execute(insert(SpentImageId).values(id=image_id))
    return locations.drop(session, image_id, now())


def get_image(session: Session, image_id: str) -> ImageRecord | None:
    """One image, or None."""
    row = session.execute(_BY_ID, {'b_id': image_id}).one_or_none()
    return _records(session, [row])[0] if row else None


def _records(session: Session, rows: Sequence[Any]) -> list[ImageRecord]:
    """Rows with their properties, tags and locations: three more queries, however many rows."""
    records = {row.id: ImageRecord(**row._mapping) for row in rows}
    if not records:
        return []
    wanted = list(records)
    for image_id, name, value in session.execute(_PROPERTIES_OF, {'b_images': wanted}):
        records[image_id].properties[name] = value
    for image_id, value in session.execute(_TAGS_OF, {'b_images': wanted}):
        records[image_id].tags.append(value)
    for image_id, places in locations.of_images(session, wanted).items():
        records[image_id].locations = places
    return list(records.values())


def _visible(project_id: str | None, narrowing: ImageFilter, is_admin: bool) -> ColumnElement[bool] | None:
    """Which images the caller may see in a list. Community images show only when asked for, as upstream."""
    shared_with_me = select(ImageMember.image_id).where(ImageMember.member == project_id)
    if narrowing.member_status != 'all':
        shared_with_me = shared_with_me.where(ImageMember.status == narrowing.member_status)
    member_of = and_(Image.visibility == 'shared', Image.id.in_(shared_with_me))
    match narrowing.visibility:
        case 'public' | 'community' as kind:
            return Image.visibility == kind
        case 'shared':
            return (
                member_of
                if not is_admin
                else and_(Image.visibility == 'shared', or_(Image.id.in_(shared_with_me), Image.owner == project_id))
            )
        case 'private':
            return and_(Image.visibility == 'private', True if is_admin else Image.owner == project_id)
        case 'all':
            return None if is_admin else or_(Image.visibility.in_(('public', 'community')), Image.owner == project_id, member_of)
        case _:
            return None if is_admin else or_(Image.visibility == 'public', Image.owner == project_id, member_of)


def _narrow(narrowing: ImageFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Image.os_hidden == narrowing.os_hidden]
    conditions += [Image.__table__.columns[name].in_(values) for name, values in narrowing.columns.items()]
    if narrowing.size_min is not None:
        conditions.append(Image.size >= narrowing.size_min)
    if narrowing.size_max is not None:
        conditions.append(Image.size <= narrowing.size_max)
    for name, compare, when in narrowing.times:
        conditions.append(_COMPARE[compare](Image.__table__.columns[name], when))
    for name, value in narrowing.properties.items():
        conditions.append(Image.id.in_(select(ImageProperty.image_id).where(ImageProperty.name == name, ImageProperty.value == value)))
    for tag in narrowing.tags:
        conditions.append(Image.id.in_(select(ImageTag.image_id).where(ImageTag.value == tag)))
    return conditions


def list_images(
    session: Session,
    project_id: str | None,
    is_admin: bool,
    narrowing: ImageFilter,
    sort: Sequence[tuple[str, str]],
    limit: int,
    marker: ImageRecord | None,
) -> list[ImageRecord]:
    """A page of images that the caller may see.

    :param sort: (key, 'asc' or 'desc') pairs, the last of which is unique
    :param marker: the last image of the page before
    """
    query = select(*_COLUMNS).where(*_narrow(narrowing))
    visible = _visible(project_id, narrowing, is_admin)
    if visible is not None:
        query = query.where(visible)
    if marker is not None:
        query = query.where(_after(marker, sort))
    for key, direction in sort:
        column = SORT_COLUMNS[key]
        # NULL sorts as the smallest value on every database.
        query = query.order_by(column.is_(None).desc() if direction == 'asc' else column.is_(None).asc())
        query = query.order_by(column.asc() if direction == 'asc' else column.desc())
    return _records(session, session.execute(query.limit(limit)).all())


def _after(marker: ImageRecord, sort: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Rows that come behind the marker in the order of `sort`."""
    alternatives = []
    equal: list[ColumnElement[bool]] = []
    for key, direction in sort:
        column, value = SORT_COLUMNS[key], getattr(marker, key)
        if value is None:
            behind = column.is_not(None) if direction == 'asc' else None
            same: ColumnElement[bool] = column.is_(None)
        else:
            behind = column > value if direction == 'asc' else or_(column < value, column.is_(None))
            same = column == value
        if behind is not None:
            alternatives.append(and_(*equal, behind))
        equal.append(same)
    return or_(*alternatives)


def count_images(session: Session, owner: str | None) -> int:
    """How many images a project has."""
    return session.scalar(select(func.count()).select_from(Image).where(Image.owner == owner)) or 0


def stale_uploads(session: Session, when: datetime.datetime) -> list[tuple[str, str]]:
    """(image id, upload id) of uploads that have shown no sign of life until `when`."""
    rows = session.execute(
        select(Image.id, Image.upload_id).where(Image.status == 'saving', or_(Image.upload_until < when, Image.upload_until.is_(None)))
    )
    return [(row.id, row.upload_id or '') for row in rows]


def known_ids(session: Session, ids: Sequence[str]) -> set[str]:
    """Which of the ids are images."""
    return set(session.scalars(select(Image.id).where(Image.id.in_(ids))))
