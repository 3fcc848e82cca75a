"""Queries about volumes, their types, hosts and limits."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from common.db.prepared import prepared
from common.db.records import records
from volume.db.models import Attachment, Snapshot, Volume, VolumeHost, VolumeType
from volume.volume_states import CREATING

COLUMNS = Volume.__table__.columns
SORTABLE = {
    name: COLUMNS[name] for name in ('id', 'name', 'status', 'size', 'created_at', 'updated_at', 'availability_zone', 'bootable', 'host')
}
FILTERS = {
    name: COLUMNS[name]
    for name in ('id', 'name', 'status', 'size', 'availability_zone', 'bootable', 'multiattach', 'host', 'user_id', 'volume_type_id')
}
# What every creation, or every question how far it is, asks: made once, since making a statement takes longer than the query.
_BY_ID = select(Volume).where(Volume.id == bindparam('b_id'))
_HELD = select(Volume.id).where(Volume.id == bindparam('b_id')).with_for_update()
_SHOWN = prepared(
    select(*(column.label('volume_metadata') if column.name == 'metadata' else column for column in COLUMNS)).where(
        COLUMNS['id'] == bindparam('b_id')
    )
)
_ATTACHED = Attachment.__table__.columns
_ATTACHMENTS_SHOWN = prepared(
    select(Attachment.__table__).where(_ATTACHED['volume_id'] == bindparam('b_volume')).order_by(_ATTACHED['created_at'])
)
_ATTACHMENTS = select(Attachment).where(Attachment.volume_id.in_(bindparam('b_volumes', expanding=True))).order_by(Attachment.created_at)
_KIND = VolumeType.__table__.columns
_TYPE_NAMES = prepared(select(_KIND['id'], _KIND['name']))
_TYPE = prepared(select(VolumeType.__table__).where((_KIND['id'] == bindparam('b_type')) | (_KIND['name'] == bindparam('b_type'))).limit(1))
_HOSTS = prepared(select(VolumeHost.__table__).order_by(VolumeHost.__table__.columns['name']))
_SET = prepared(
    update(Volume.__table__).where(COLUMNS['id'] == bindparam('b_id'), COLUMNS['status'].in_(bindparam('b_expected', expanding=True)))
)
_USAGE = prepared(
    select(func.count().label('volumes'), func.coalesce(func.sum(COLUMNS['size']), 0).label('gigabytes')).where(
        COLUMNS['project_id'] == bindparam('b_project')
    )
)


def get(session: Session, volume_id: str) -> Volume | None:
    """A volume, or None."""
    return session.scalars(_BY_ID, {'b_id': volume_id}).first()


def shown(session: Session, volume_id: str) -> Any | None:
    """A volume as a row with the attributes of a record, to be read only; or None."""
    found = records(session.execute(_SHOWN, {'b_id': volume_id}))
    return found[0] if found else None


def attachments_shown(session: Session, volume_id: str) -> list[Any]:
    """The attachments of a volume as rows with the attributes of records, the oldest first."""
    return records(session.execute(_ATTACHMENTS_SHOWN, {'b_volume': volume_id}))


def hold(session: Session, volume_id: str) -> None:
    """Let no other transaction change the volume before this one ends. To be called first: what is read afterwards is then the newest."""
    session.execute(_HELD, {'b_id': volume_id})


def is_copied(session: Session, volume_id: str, since: datetime.datetime) -> bool:
    """Whether a snapshot or another volume is being made of it.

    :param since: of volumes, those made after it are looked at: no copying takes longer
    """
    kept = select(Snapshot.id).where(Snapshot.volume_id == volume_id, Snapshot.status == CREATING)
    copies = select(Volume.id).where(Volume.created_at > since, Volume.source_volid == volume_id, Volume.status == CREATING)
    return session.scalar(kept.limit(1)) is not None or session.scalar(copies.limit(1)) is not None


def list_volumes(
    session: Session,
    project_id: str | None,
    filters: dict[str, Any],
    metadata: dict[str, str],
    order: Sequence[tuple[str, str]],
    limit: int,
    marker: Volume | None,
    offset: int = 0,
) -> list[Volume]:
    """A page of volumes, of one project or (None) of all. `order` ends with a unique key."""
    query = select(Volume)
    if project_id is not None:
        query = query.where(Volume.project_id == project_id)
    for key, value in metadata.items():
        query = query.where(COLUMNS['metadata'][key].as_string() == value)
    return list(session.scalars(page_of(query, FILTERS, filters, SORTABLE, order, marker).offset(offset).limit(limit)))


def page_of(
    query: Select[Any], known: Mapping[str, Any], filters: Mapping[str, Any], sortable: Mapping[str, Any],
    order: Sequence[tuple[str, str]], marker: object | None,
) -> Select[Any]:  # fmt: skip
    """The query narrowed to what the filters say (a list: one of those), in order, and behind the marker.

    :param known: columns by the names of filters; `sortable`: by the keys of the order, which ends with a unique one
    """
    for name, value in filters.items():
        query = query.where(known[name].in_(value) if isinstance(value, list) else known[name] == value)
    if marker is not None:
        query = query.where(after(sortable, marker, order))
    for key, direction in order:
        query = query.order_by(sortable[key].asc() if direction == 'asc' else sortable[key].desc())
    return query


def after(columns: Mapping[str, Any], marker: object, order: Sequence[tuple[str, str]]) -> Any:
    """The condition for rows behind a marker: columns and attributes of the marker by the keys of the order."""
    alternatives, equal = [], []
    for key, direction in order:
        column, value = columns[key], getattr(marker, key)
        if value is None:
            if direction == 'asc':
                alternatives.append(and_(*equal, column.is_not(None)))
            equal.append(column.is_(None))
            continue
        behind = column > value if direction == 'asc' else column < value
        alternatives.append(and_(*equal, behind))
        equal.append(column == value)
    return or_(*alternatives)


def attachments_of(session: Session, volume_ids: Iterable[str]) -> dict[str, list[Attachment]]:
    """Attachments by volume: one query, however many volumes."""
    found: dict[str, list[Attachment]] = {volume_id: [] for volume_id in volume_ids}
    if found:
        for attachment in session.scalars(_ATTACHMENTS, {'b_volumes': list(found)}).all():
            found[attachment.volume_id].append(attachment)
    return found


def set_status(session: Session, volume_id: str, expect: Iterable[str], status: str, when: datetime.datetime, **values: Any) -> bool:
    """Change the status if it is one of those expected; False when it is not."""
    session.flush()
    result = session.execute(_SET, {'b_id': volume_id, 'b_expected': list(expect), 'status': status, 'updated_at': when, **values})
    return bool(result.rowcount)  # type: ignore[attr-defined]


def usage(session: Session, project_id: str) -> Row[Any]:
    """(volumes, gigabytes) of a project, counted."""
    return session.execute(_USAGE, {'b_project': project_id}).one()


def type_names(session: Session) -> dict[str, str]:
    """Names of all volume types by id."""
    return {row.id: row.name for row in session.execute(_TYPE_NAMES)}


def find_type(session: Session, name_or_id: str) -> Any | None:
    """A volume type by id or name, as a row with the attributes of a record."""
    found = records(session.execute(_TYPE, {'b_type': name_or_id}))
    return found[0] if found else None


def hosts(session: Session) -> list[Any]:
    """All hosts that ever had a worker, as rows with the attributes of records."""
    return records(session.execute(_HOSTS))


def report_host(session: Session, name: str, when: datetime.datetime, **values: Any) -> None:
    """Note that a worker lives."""
    host = session.get(VolumeHost, name)
    if host is None:
        session.add(VolumeHost(name=name, seen_at=when, **values))
        return
    host.seen_at = when
    for key, value in values.items():
        setattr(host, key, value)


def expected_on(session: Session, host: str) -> tuple[dict[str, int], dict[str, str]]:
    """(size by id of the volumes that should be on a host, secret by id of those that should be exported)."""
    volumes = session.execute(select(Volume.id, Volume.size, Volume.export_secret).where(Volume.host == host)).all()
    used = set(
        session.scalars(
            select(Attachment.volume_id)
            .join(Volume, Volume.id == Attachment.volume_id)
            .where(Volume.host == host, Attachment.connector.is_not(None))
        )
    )
    return {row.id: row.size for row in volumes}, {row.id: row.export_secret for row in volumes if row.id in used}


def summary(session: Session, project_id: str | None) -> tuple[int, int, list[dict[str, str]]]:
    """(number, GiB, the metadata that are not empty) of the volumes of a project, or (None) of all."""
    counted = select(func.count(), func.coalesce(func.sum(COLUMNS['size']), 0))
    described = select(COLUMNS['metadata'])
    if project_id is not None:
        counted, described = (query.where(COLUMNS['project_id'] == project_id) for query in (counted, described))
    number, size = session.execute(counted).one()
    return int(number), int(size), [metadata for metadata in session.scalars(described) if metadata]


def count_of_type(session: Session, type_id: str) -> int:
    """How many volumes are of a type."""
    return session.scalar(select(func.count()).select_from(Volume).where(Volume.volume_type_id == type_id)) or 0
