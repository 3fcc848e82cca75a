"""Queries about servers. Lists select columns: no record objects are made for them."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, and_, bindparam, func, null, or_, select, update
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from common.db.prepared import prepared
from common.db.records import records
from compute.db.models import TABLES, Server, ServerVolume

COLUMNS = Server.__table__.columns
# The columns that lists show; user data, keys and requests stay out of them.
_HEAVY = {'public_key', 'user_data'}
# Rows have the attributes of records, so that views need not ask what they were given.
_LISTED = select(
    *(column.label('server_metadata') if column.name == 'metadata' else column for column in COLUMNS if column.name not in _HEAVY),
    null().label('user_data'),
)
_SHOWN = prepared(
    select(
        *(column.label('server_metadata') if column.name == 'metadata' else column for column in COLUMNS if column.name != 'public_key')
    ).where(COLUMNS['id'] == bindparam('b_id'))
)
_ATTACHED = ServerVolume.__table__.columns
_ATTACHED_IDS = prepared(
    select(_ATTACHED['server_id'], _ATTACHED['volume_id'], _ATTACHED['delete_on_termination']).where(
        _ATTACHED['server_id'].in_(bindparam('b_servers', expanding=True))
    )
)
_USAGE = prepared(
    select(
        func.count().label('servers'),
        func.coalesce(func.sum(COLUMNS['vcpus']), 0).label('vcpus'),
        func.coalesce(func.sum(COLUMNS['memory_mib']), 0).label('memory'),
    ).where(COLUMNS['project_id'] == bindparam('b_project'), COLUMNS['deleted'].is_(False))
)
_SET = prepared(update(Server.__table__).where(COLUMNS['id'] == bindparam('b_id')))
_VOLUMES_OF = (
    select(ServerVolume)
    .where(ServerVolume.server_id.in_(bindparam('b_servers', expanding=True)))
    .order_by(ServerVolume.created_at, ServerVolume.id)
)
SORTABLE = {
    name: COLUMNS[name]
    for name in (
        'created_at', 'updated_at', 'launched_at', 'id', 'name', 'host', 'vm_state', 'task_state', 'image_id', 'project_id', 'user_id', 'hostname',
        'availability_zone', 'key_name', 'power_state', 'vcpus', 'memory_mib', 'root_gib', 'access_ip_v4', 'access_ip_v6', 'description', 'locked',
    )
}  # fmt: skip


def get(session: Session, server_id: str, deleted: bool = False) -> Server | None:
    """A server; one that is deleted only if asked for."""
    server = session.get(Server, server_id)
    return server if server is not None and (deleted or not server.deleted) else None


def shown(session: Session, server_id: str, deleted: bool = False) -> Any | None:
    """A server as a row with the attributes of a record, to be read only; one that is deleted only if asked for."""
    found = records(session.execute(_SHOWN, {'b_id': server_id}))
    return found[0] if found and (deleted or not found[0].deleted) else None


def project_and_user(session: Session, server_id: str) -> Row[Any] | None:
    """(project_id, user_id) of a server, or None."""
    return session.execute(select(Server.project_id, Server.user_id).where(Server.id == server_id)).one_or_none()


def list_servers(
    session: Session, conditions: Sequence[ColumnElement[bool]], order: Sequence[tuple[str, str]], limit: int | None, marker: Any | None
) -> list[Any]:
    """A page of rows. `order` ends with a unique key; `marker` is the last row of the page before."""
    query = _LISTED.where(*conditions)
    if marker is not None:
        query = query.where(_after(marker, order))
    for key, direction in order:
        column = SORTABLE[key]
        query = query.order_by(column.asc() if direction == 'asc' else column.desc())
    return records(session.execute(query.limit(limit) if limit is not None else query))


def list_all(session: Session, project_id: str | None, order: Sequence[tuple[str, str]], limit: int | None) -> list[Any]:
    """The first page of the servers of a project, or (None) of all, that are not deleted: what nearly every list asks."""
    query = _unfiltered(project_id is not None, tuple(order), limit is not None)
    return records(session.execute(query, {'b_project': project_id, 'b_limit': limit}))


@functools.lru_cache(64)
def _unfiltered(of_project: bool, order: tuple[tuple[str, str], ...], limited: bool) -> Any:
    """The statement of such a list: made once for each shape, since making it takes longer than the query."""
    query = _LISTED.where(COLUMNS['deleted'].is_(False))
    if of_project:
        query = query.where(COLUMNS['project_id'] == bindparam('b_project'))
    query = query.order_by(*(SORTABLE[key].asc() if direction == 'asc' else SORTABLE[key].desc() for key, direction in order))
    return prepared(query.limit(bindparam('b_limit', type_=Integer)) if limited else query)


def _after(marker: Any, order: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    alternatives: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for key, direction in order:
        column, value = SORTABLE[key], getattr(marker, key)
        if value is None:
            if direction == 'asc':
                alternatives.append(and_(*equal, column.is_not(None)))
            equal.append(column.is_(None))
            continue
        behind = column > value if direction == 'asc' else or_(column < value, column.is_(None))
        alternatives.append(and_(*equal, behind))
        equal.append(column == value)
    return or_(*alternatives)


def set_state(session: Session, server_id: str, when: datetime.datetime, **values: Any) -> None:
    """Change columns of a server. A record of it that the session has loaded does not notice."""
    session.flush()
    session.execute(_SET, {'b_id': server_id, 'updated_at': when, **values})


def usage(session: Session, project_id: str) -> dict[str, int]:
    """What a project uses, counted from the rows."""
    row = session.execute(_USAGE, {'b_project': project_id}).one()
    return {'instances': int(row[0]), 'cores': int(row[1]), 'ram': int(row[2])}


def volumes_of(session: Session, server_ids: Iterable[str]) -> dict[str, list[ServerVolume]]:
    """Volumes by server: one query, however many servers."""
    found: dict[str, list[ServerVolume]] = {server_id: [] for server_id in server_ids}
    if found:
        for volume in session.scalars(_VOLUMES_OF, {'b_servers': list(found)}).all():
            found[volume.server_id].append(volume)
    return found


def attached_ids(session: Session, server_ids: Sequence[str]) -> dict[str, list[tuple[str, bool]]]:
    """(volume id, delete on termination) by server, for lists."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for some in chunks(server_ids):
        for server_id, volume_id, delete_too in session.execute(_ATTACHED_IDS, {'b_servers': some}):
            found.setdefault(server_id, []).append((volume_id, delete_too))
    return found


def volume_of(session: Session, server_id: str, volume_id: str) -> ServerVolume | None:
    """One volume of a server, or None."""
    return session.scalars(select(ServerVolume).where(ServerVolume.server_id == server_id, ServerVolume.volume_id == volume_id)).first()


def on_hosts(session: Session, hosts: Sequence[str]) -> dict[str, Row[Any]]:
    """(id, host, vm_state) by id of the servers of hosts that users see."""
    found: dict[str, Row[Any]] = {}
    for some in chunks(hosts):
        rows = session.execute(select(Server.id, Server.host, Server.vm_state).where(Server.host.in_(some), Server.deleted.is_(False)))
        found |= {row.id: row for row in rows}
    return found


def number_on_hosts(session: Session) -> dict[str, int]:
    """How many servers are on each host that has any."""
    rows = session.execute(
        select(Server.host, func.count()).where(Server.host.is_not(None), Server.deleted.is_(False)).group_by(Server.host)
    )
    return {str(host): int(number) for host, number in rows}


def names_on_hosts(session: Session, hosts: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """(id, name) of the servers on each of the hosts that has any, oldest first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for some in chunks(hosts):
        query = select(Server.host, Server.id, Server.name).where(Server.host.in_(some), Server.deleted.is_(False))
        for host, server_id, name in session.execute(query.order_by(Server.created_at, Server.id)):
            found.setdefault(str(host), []).append((server_id, name))
    return found


def known(session: Session, server_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """(id, host, vm_state, updated_at) of those of the ids that are servers, deleted ones too."""
    found: dict[str, Row[Any]] = {}
    for some in chunks(server_ids):
        rows = session.execute(select(Server.id, Server.host, Server.vm_state, Server.updated_at).where(Server.id.in_(some)))
        found |= {row.id: row for row in rows}
    return found


def with_live_operation(session: Session, server_ids: Sequence[str]) -> set[str]:
    """Those of the servers that an operation owns now, or is being undone for."""
    operations = TABLES.operations.c
    found: set[str] = set()
    for some in chunks(server_ids):
        rows = session.scalars(select(operations.resource_id).where(operations.resource_id.in_(some), operations.place.is_not(None)))
        found.update(rows)
    return found


def network_info(session: Session, server_id: str) -> list[Any]:
    """The ports of a server as its row keeps them."""
    return session.scalar(select(Server.network_info).where(Server.id == server_id)) or []
