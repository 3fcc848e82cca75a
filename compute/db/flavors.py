"""Queries about flavors."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, delete, or_, select
from sqlalchemy.orm import Session

from common.db.prepared import prepared
from common.db.records import records
from compute.db.models import Flavor, FlavorAccess

_COLUMNS = Flavor.__table__.columns
SORTABLE = {
    'flavorid': _COLUMNS['id'], 'id': _COLUMNS['id'], 'name': _COLUMNS['name'], 'memory_mb': _COLUMNS['memory_mib'], 'vcpus': _COLUMNS['vcpus'],
    'root_gb': _COLUMNS['root_gib'], 'ephemeral_gb': _COLUMNS['ephemeral_gib'], 'swap': _COLUMNS['swap_mib'], 'created_at': _COLUMNS['created_at'],
    'is_public': _COLUMNS['is_public'], 'rxtx_factor': _COLUMNS['rxtx_factor'],
}  # fmt: skip


def get(session: Session, flavor_id: str) -> Flavor | None:
    """A flavor, or None."""
    return session.get(Flavor, flavor_id) if len(flavor_id) <= 255 else None


def by_name(session: Session, name: str) -> Flavor | None:
    """A flavor by name, or None."""
    return session.scalars(select(Flavor).where(Flavor.name == name)).first()


def remove(session: Session, flavor_id: str) -> None:
    """Forget a flavor and who may use it."""
    session.execute(delete(FlavorAccess).where(FlavorAccess.flavor_id == flavor_id))
    session.execute(delete(Flavor).where(Flavor.id == flavor_id))


def has_access(session: Session, flavor_id: str, project_id: str | None) -> bool:
    """Whether a project was let use a flavor."""
    return session.get(FlavorAccess, (flavor_id, project_id)) is not None if project_id else False


def access_of(session: Session, flavor_id: str) -> list[str]:
    """Projects that were let use a flavor."""
    return list(
        session.scalars(select(FlavorAccess.project_id).where(FlavorAccess.flavor_id == flavor_id).order_by(FlavorAccess.project_id))
    )


def set_access(session: Session, flavor_id: str, project_id: str, allowed: bool) -> None:
    """Let a project use a flavor, or not."""
    if allowed:
        session.add(FlavorAccess(flavor_id=flavor_id, project_id=project_id))
    else:
        session.execute(delete(FlavorAccess).where(FlavorAccess.flavor_id == flavor_id, FlavorAccess.project_id == project_id))
    session.flush()


def list_flavors(
    session: Session,
    project_id: str | None,
    public: bool | None,
    everything: bool,
    min_disk: int,
    min_ram: int,
    order: Sequence[tuple[str, str]],
    limit: int | None,
    marker: Flavor | None,
) -> list[Any]:
    """A page of rows. `public` None: public ones and the project's; `everything`: what an administrator sees."""
    shape = public, everything, tuple(order), limit is not None
    query = _prepared_listing(*shape) if marker is None else _listing(*shape).where(_after(marker, order))
    values = {'b_disk': min_disk, 'b_memory': min_ram, 'b_project': project_id, 'b_limit': limit}
    return records(session.execute(query, values))


@functools.lru_cache(64)
def _listing(public: bool | None, everything: bool, order: tuple[tuple[str, str], ...], limited: bool) -> Select[Any]:
    """The statement of a list: made once for each shape, since making it takes longer than the query."""
    query = select(*_COLUMNS).where(_COLUMNS['root_gib'] >= bindparam('b_disk'), _COLUMNS['memory_mib'] >= bindparam('b_memory'))
    mine = _COLUMNS['id'].in_(select(FlavorAccess.flavor_id).where(FlavorAccess.project_id == bindparam('b_project')))
    if public is not None:
        query = query.where(_COLUMNS['is_public'].is_(public))
        if not public and not everything:
            query = query.where(mine)
    elif not everything:
        query = query.where(or_(_COLUMNS['is_public'].is_(True), mine))
    for key, direction in order:
        column = SORTABLE[key]
        query = query.order_by(column.asc() if direction == 'asc' else column.desc())
    return query.limit(bindparam('b_limit', type_=Integer)) if limited else query


@functools.lru_cache(64)
def _prepared_listing(public: bool | None, everything: bool, order: tuple[tuple[str, str], ...], limited: bool) -> Any:
    return prepared(_listing(public, everything, order, limited))


def _after(marker: Flavor, order: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    alternatives: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for key, direction in order:
        column = SORTABLE[key]
        value = getattr(marker, column.name)
        alternatives.append(and_(*equal, column > value if direction == 'asc' else column < value))
        equal.append(column == value)
    return or_(*alternatives)
