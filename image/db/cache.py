"""Queries about the copies of images that hosts keep."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from image.db.cache_models import CachedImage

QUEUED, FETCHING, CACHED = 'queued', 'fetching', 'cached'
_COLUMNS = [column for column in CachedImage.__table__.columns if column.name not in ('retry_at', 'lease_until')]


@dataclasses.dataclass(frozen=True, slots=True)
class CacheEntry:
    """A copy, or the wish for one. Size in bytes, times in UTC."""

    host: str
    image_id: str
    state: str
    file: str | None
    size: int
    hits: int
    queued_at: datetime.datetime
    last_accessed: datetime.datetime | None
    last_modified: datetime.datetime | None
    attempts: int
    lease_id: str | None


def list_entries(session: Session, host: str, *states: str) -> list[CacheEntry]:
    """All entries of a host in one of the states (all without any): the least recently used first, the queue in its order."""
    query = select(*_COLUMNS).where(CachedImage.host == host).order_by(CachedImage.last_accessed, CachedImage.queued_at)
    if states:
        query = query.where(CachedImage.state.in_(states))
    return [CacheEntry(**row._mapping) for row in session.execute(query)]


def get_entry(session: Session, host: str, image_id: str) -> CacheEntry | None:
    """One entry, or None."""
    row = session.execute(select(*_COLUMNS).where(CachedImage.host == host, CachedImage.image_id == image_id)).one_or_none()
    return CacheEntry(**row._mapping) if row else None


def hosts_of(session: Session, image_id: str) -> list[str]:
    """The hosts that have a copy of the image."""
    return list(
        session.scalars(
            select(CachedImage.host).where(CachedImage.image_id == image_id, CachedImage.state == CACHED).order_by(CachedImage.host)
        )
    )


def queue(session: Session, host: str, image_id: str, file: str, when: datetime.datetime) -> None:
    """Wish for a copy; one that is there or wished for already stays as it is, unless it is of other data.

    :param file: the name of the copy
    """
    entry = get_entry(session, host, image_id)
    if entry is None:
        session.execute(insert(CachedImage).values(host=host, image_id=image_id, state=QUEUED, file=file, queued_at=when, retry_at=when))
    elif entry.state == CACHED and entry.file != file:
        change(session, host, image_id, state=QUEUED, file=file, size=0, hits=0, queued_at=when, retry_at=when)


def claim(session: Session, host: str, lease_id: str, when: datetime.datetime, until: datetime.datetime) -> CacheEntry | None:
    """Take the next wish of the host, or one whose taker died; None when there is none that may be tried now."""
    waiting = or_(
        and_(CachedImage.state == QUEUED, CachedImage.retry_at <= when), and_(CachedImage.state == FETCHING, CachedImage.lease_until < when)
    )
    query = select(CachedImage.image_id).where(CachedImage.host == host, waiting).order_by(CachedImage.queued_at, CachedImage.image_id)
    image_id = session.scalar(query.limit(1).with_for_update())
    if image_id is None:
        return None
    change(session, host, image_id, state=FETCHING, lease_id=lease_id, lease_until=until)
    return get_entry(session, host, image_id)


def change(
    session: Session, host: str, image_id: str, *, lease_id: str | None = None, expect_lease: str | None = None, **values: Any
) -> bool:
    """Change columns of an entry; False when it is gone or no longer held by `expect_lease`."""
    query = update(CachedImage).where(CachedImage.host == host, CachedImage.image_id == image_id)
    if expect_lease is not None:
        query = query.where(CachedImage.lease_id == expect_lease)
    return bool(session.execute(query.values(lease_id=lease_id, **values)).rowcount)


def renew(session: Session, host: str, image_id: str, lease_id: str, until: datetime.datetime) -> bool:
    """Hold the lease for longer; False when it is lost."""
    return change(session, host, image_id, lease_id=lease_id, expect_lease=lease_id, lease_until=until)


def count_hit(session: Session, host: str, image_id: str, when: datetime.datetime) -> None:
    """Note that the copy was used."""
    session.execute(
        update(CachedImage)
        .where(CachedImage.host == host, CachedImage.image_id == image_id, CachedImage.state == CACHED)
        .values(hits=CachedImage.hits + 1, last_accessed=when)
    )


def remove(session: Session, host: str, image_ids: Sequence[str], *states: str) -> int:
    """Forget entries (in one of the states, where some are given). Returns how many there were."""
    query = delete(CachedImage).where(CachedImage.host == host, CachedImage.image_id.in_(image_ids))
    if states:
        query = query.where(CachedImage.state.in_(states))
    return int(session.execute(query).rowcount)


def total_size(session: Session, host: str) -> int:
    """Bytes of all copies of a host."""
    return int(session.scalar(select(func.sum(CachedImage.size)).where(CachedImage.host == host, CachedImage.state == CACHED)) or 0)
