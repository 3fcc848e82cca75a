"""Queries about where the data of images is."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from common.db.prepared import prepared
from common.db.session import duplicate_as
from common.errors import Conflict
from image.db.location_models import ImageLocation
from image.records import LocationRecord

WRITING, UNVERIFIED, ACTIVE, PENDING_DELETE = 'writing', 'unverified', 'active', 'pending_delete'
_COLUMNS = (
    ImageLocation.id, ImageLocation.image_id, ImageLocation.store, ImageLocation.url, ImageLocation.meta, ImageLocation.status,
    ImageLocation.own_key, ImageLocation.upload_id,
)  # fmt: skip
_L = ImageLocation.__table__.c
_OF_IMAGES = prepared(  # made once, since it is part of every request
    select(*(_L[column.expression.name].label(column.key) for column in _COLUMNS))
    .where(_L.image_id.in_(bindparam('b_images', expanding=True)), _L.status.in_((ACTIVE, UNVERIFIED)))
    .order_by(_L.position, _L.id)
)


def own_key(image_id: str, store: str) -> str:
    """What is unique for data that a store holds itself."""
    return f'{image_id}/{store}'


def _record(row: Any) -> LocationRecord:
    return LocationRecord(
        row.id, row.image_id, row.store, row.url, dict(row.meta or {}), row.status, row.own_key is not None, row.upload_id
    )


def of_images(session: Session, image_ids: Sequence[str]) -> dict[str, list[LocationRecord]]:
    """Image id -> the places its data can be read from or is said to be at, in the order that clients gave them."""
    found: dict[str, list[LocationRecord]] = {}
    for row in session.execute(_OF_IMAGES, {'b_images': list(image_ids)}):
        found.setdefault(row.image_id, []).append(_record(row))
    return found


def find_own(session: Session, image_id: str, store: str) -> LocationRecord | None:
    """The place of the data that a store holds itself, whatever its state; None when it holds nothing of the image."""
    row = session.execute(select(*_COLUMNS).where(ImageLocation.own_key == own_key(image_id, store))).one_or_none()
    return _record(row) if row else None


def begin(
    session: Session, image_id: str, store: str, *, upload_id: str, owner: str | None, when: datetime.datetime, until: datetime.datetime
) -> None:
    """Write that data is on its way into a store. Raises Conflict when the store has a row of the image already."""
    taken = Conflict(f'Store {store} is busy with data of image {image_id}. Try again in a moment.', code='store_busy')
    if find_own(session, image_id, store) is not None:
        raise taken
    row = {
        'image_id': image_id, 'store': store, 'url': '', 'status': WRITING, 'position': _end(session, image_id),
        'own_key': own_key(image_id, store), 'upload_id': upload_id, 'owner': owner, 'upload_until': until, 'created_at': when,
        'updated_at': when,
    }  # fmt: skip
    with duplicate_as(session, taken):
        session.execute(insert(ImageLocation).values(**row))


def _end(session: Session, image_id: str) -> int:
    last = session.scalar(select(func.max(ImageLocation.position)).where(ImageLocation.image_id == image_id))
    return 0 if last is None else last + 1


def take_over(
    session: Session,
    found: LocationRecord,
    *,
    upload_id: str,
    owner: str | None,
    when: datetime.datetime,
    until: datetime.datetime,
    only_if_dead: bool,
) -> bool:
    """Make a row that is being written somebody else's. False when it is not (any more) written by who did, or by who is alive.

    :param only_if_dead: take it only when the writer has shown no sign of life, or wrote for the same owner
    """
    conditions = [ImageLocation.id == found.id, ImageLocation.status == WRITING, ImageLocation.upload_id == found.upload_id]
    if only_if_dead:
        alive = ImageLocation.upload_until < when
        conditions.append(alive if owner is None else or_(alive, ImageLocation.owner == owner))
    values = {'upload_id': upload_id, 'owner': owner, 'upload_until': until, 'updated_at': when}
    return bool(session.execute(update(ImageLocation).where(*conditions).values(**values)).rowcount)


def renew(session: Session, image_id: str, store: str, upload_id: str, until: datetime.datetime) -> bool:
    """Show that the writer is alive; False when the row is not its own any more."""
    return _set(session, image_id, store, upload_id, upload_until=until)


def finish(session: Session, image_id: str, store: str, upload_id: str, url: str, when: datetime.datetime) -> bool:
    """Let the data be read; False when the row is not the writer's any more."""
    drop_unverified(session, image_id)
    return _set(session, image_id, store, upload_id, status=ACTIVE, url=url, upload_until=None, owner=None, updated_at=when)


def give_up(session: Session, image_id: str, store: str, upload_id: str, when: datetime.datetime) -> bool:
    """Have what was written so far removed; False when the row is not the writer's any more."""
    return _set(session, image_id, store, upload_id, status=PENDING_DELETE, upload_until=None, updated_at=when)


def _set(session: Session, image_id: str, store: str, upload_id: str, **values: Any) -> bool:
    row = (ImageLocation.own_key == own_key(image_id, store), ImageLocation.upload_id == upload_id, ImageLocation.status == WRITING)
    return bool(session.execute(update(ImageLocation).where(*row).values(**values)).rowcount)


def add(
    session: Session, image_id: str, store: str, url: str, metadata: dict[str, Any], when: datetime.datetime, *, status: str = ACTIVE
) -> None:
    """Add a place that others look after, at the end. What was said of the image's data but never verified is forgotten."""
    drop_unverified(session, image_id)
    session.execute(
        insert(ImageLocation).values(
            image_id=image_id, store=store, url=url, meta=metadata, status=status, position=_end(session, image_id), created_at=when,
            updated_at=when,
        )
    )  # fmt: skip


def verify(session: Session, image_id: str, when: datetime.datetime) -> None:
    """Let the data be read at the place that a client named."""
    row = (ImageLocation.image_id == image_id, ImageLocation.status == UNVERIFIED)
    session.execute(update(ImageLocation).where(*row).values(status=ACTIVE, updated_at=when))


def drop_unverified(session: Session, image_id: str) -> None:
    """Forget the place that a client named and that holds other data than it said."""
    session.execute(delete(ImageLocation).where(ImageLocation.image_id == image_id, ImageLocation.status == UNVERIFIED))


def set_metadata(session: Session, location_id: int, metadata: dict[str, Any], when: datetime.datetime) -> None:
    """Change what is noted about a place."""
    session.execute(update(ImageLocation).where(ImageLocation.id == location_id).values(meta=metadata, updated_at=when))


def set_position(session: Session, location_id: int, position: int) -> None:
    """Move a place within the order of its image."""
    session.execute(update(ImageLocation).where(ImageLocation.id == location_id).values(position=position))


def drop(session: Session, image_id: str, when: datetime.datetime, ids: Sequence[int] | None = None) -> list[LocationRecord]:
    """Have the data of an image removed: all of it, or that at some places. Gives what a store has to remove.

    What others look after is forgotten at once.
    """
    chosen = [ImageLocation.image_id == image_id, *([] if ids is None else [ImageLocation.id.in_(ids)])]
    session.execute(delete(ImageLocation).where(*chosen, ImageLocation.own_key.is_(None)))
    session.execute(update(ImageLocation).where(*chosen).values(status=PENDING_DELETE, upload_until=None, updated_at=when))
    return [_record(row) for row in session.execute(select(*_COLUMNS).where(*chosen))]


def forget(session: Session, location_id: int) -> None:
    """Take away the row of data that has been removed."""
    session.execute(delete(ImageLocation).where(ImageLocation.id == location_id, ImageLocation.status == PENDING_DELETE))


def drop_stale(session: Session, when: datetime.datetime) -> int:
    """Have removed what writers left behind that have shown no sign of life until `when`. Returns how many."""
    stale = (ImageLocation.status == WRITING, ImageLocation.upload_until < when)
    result = session.execute(update(ImageLocation).where(*stale).values(status=PENDING_DELETE, upload_until=None, updated_at=when))
    return int(result.rowcount)


def pending(session: Session, limit: int) -> list[LocationRecord]:
    """What has to be removed from stores, the longest waiting first."""
    query = select(*_COLUMNS).where(ImageLocation.status == PENDING_DELETE).order_by(ImageLocation.updated_at, ImageLocation.id)
    return [_record(row) for row in session.execute(query.limit(limit))]


def postpone(session: Session, location_id: int, when: datetime.datetime) -> None:
    """Let others be removed first: this one could not be."""
    session.execute(update(ImageLocation).where(ImageLocation.id == location_id).values(updated_at=when))


def claim_orphan(session: Session, image_id: str, store: str, when: datetime.datetime) -> LocationRecord | None:
    """Write a row for data that no row speaks of, so that it is removed and nobody writes there meanwhile; None when there is one."""
    if find_own(session, image_id, store) is not None:
        return None
    values = {'status': PENDING_DELETE, 'position': 0, 'own_key': own_key(image_id, store), 'created_at': when, 'updated_at': when}
    try:
        with duplicate_as(session, Conflict('Somebody writes there now.')):
            session.execute(insert(ImageLocation).values(image_id=image_id, store=store, url='', **values))
    except Conflict:
        return None
    return find_own(session, image_id, store)


def known(session: Session, store: str, image_ids: Sequence[str]) -> set[str]:
    """Of which of the images the store has a row, whatever its state."""
    keys = [own_key(image_id, store) for image_id in image_ids]
    return set(session.scalars(select(ImageLocation.image_id).where(ImageLocation.own_key.in_(keys))))


def any_to_sweep(session: Session, when: datetime.datetime) -> bool:
    """Whether there is anything for `drop_stale` or `pending`."""
    stale = and_(ImageLocation.status == WRITING, ImageLocation.upload_until < when)
    query = select(ImageLocation.id).where(or_(ImageLocation.status == PENDING_DELETE, stale)).limit(1)
    return session.scalar(query) is not None


def give_up_upload(session: Session, image_id: str, upload_id: str, when: datetime.datetime) -> None:
    """Have removed what a dead upload has written, wherever that is."""
    row = (ImageLocation.image_id == image_id, ImageLocation.upload_id == upload_id, ImageLocation.status == WRITING)
    session.execute(update(ImageLocation).where(*row).values(status=PENDING_DELETE, upload_until=None, updated_at=when))


def count_by_store(session: Session) -> dict[str, int]:
    """How many images can be read from each store."""
    query = select(ImageLocation.store, func.count(func.distinct(ImageLocation.image_id))).where(ImageLocation.status == ACTIVE)
    return {row[0]: row[1] for row in session.execute(query.group_by(ImageLocation.store))}
