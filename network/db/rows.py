"""Reading and writing rows as plain records, without the cost of mapped objects.

A record has an attribute for each column; what `insert` and `update` give back is what a `SELECT` would find.
"""

from __future__ import annotations

import datetime
import functools
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common import clock, ids
from common.db.chunks import chunks
from common.db.prepared import prepared

Record = types.SimpleNamespace
_TIMES = ('created_at', 'updated_at', 'started_at', 'heartbeat_at')


class Collision(Exception):  # noqa: N818
    """Somebody else changed the row between reading and writing it: the transaction is to be run again."""


class _Shape:
    """What a fresh row of a table holds where nothing is said."""

    def __init__(self, table: sa.Table) -> None:
        self.insert = prepared(table.insert())
        self.values: dict[str, Any] = {}
        for column in table.columns:
            default = column.default
            self.values[column.name] = default.arg if default is not None and default.is_scalar else None  # type: ignore[attr-defined]
        self.times = [name for name in _TIMES if name in self.values]
        self.has_id = 'id' in self.values

    def fresh(self, values: Mapping[str, Any], now: datetime.datetime) -> dict[str, Any]:
        row = dict(self.values)
        for name in self.times:
            row[name] = now
        row.update(values)
        if self.has_id and row['id'] is None:
            row['id'] = ids.new_id()
        return row


_shapes: dict[str, _Shape] = {}


def _shape(table: sa.Table) -> _Shape:
    found = _shapes.get(table.name)
    if found is None:
        found = _shapes[table.name] = _Shape(table)
    return found


def insert(session: Session, table: Any, **values: Any) -> Record:
    """Write a new row; columns that are not given get their defaults, `id` and the times included."""
    shape = _shape(table)
    row = shape.fresh(values, clock.now())
    session.execute(shape.insert, row)
    return Record(**row)


def insert_all(session: Session, table: Any, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Write many rows with one statement."""
    shape, now = _shape(table), clock.now()
    written = [shape.fresh(values, now) for values in rows]
    if written:
        session.execute(shape.insert, written)
    return [Record(**row) for row in written]


def get(session: Session, table: Any, identifier: str, *, lock: bool = False) -> Any | None:
    """The row with this id, or None. `lock`: others that ask so wait until this transaction ends (SQLite has one writer anyway)."""
    return session.execute(_by_id(table, lock), {'b_id': identifier}).first()


@functools.cache
def _by_id(table: sa.Table, lock: bool) -> Any:
    """Made once for each table, since making a statement takes longer than the query."""
    query = sa.select(table).where(table.c.id == sa.bindparam('b_id'))
    return prepared(query.with_for_update() if lock else query)


def need(session: Session, table: Any, identifier: str | None, *, lock: bool = False) -> Any:
    """The row that must be there by what was read before; Collision where somebody has just removed it."""
    found = get(session, table, identifier or '', lock=lock)
    if found is None:
        raise Collision(f'{table.name} {identifier}')
    return found


def get_many(session: Session, table: Any, identifiers: Iterable[str]) -> dict[str, Any]:
    """The rows with these ids, by id."""
    found: dict[str, Any] = {}
    for part in chunks(identifiers):
        found.update((row.id, row) for row in session.execute(_by_ids(table), {'b_ids': part}))
    return found


@functools.cache
def _by_ids(table: sa.Table) -> Any:
    return prepared(sa.select(table).where(table.c.id.in_(sa.bindparam('b_ids', expanding=True))))


def update(session: Session, table: Any, record: Any, **values: Any) -> Record:
    """Change a row as it was read: a new revision, and Collision where somebody else was faster."""
    row = {column.name: getattr(record, column.name) for column in table.columns}
    row.update(values, revision_number=record.revision_number + 1, updated_at=clock.now())
    changes = {name: row[name] for name in (*values, 'revision_number', 'updated_at')}
    changes |= {'b_id': record.id, 'b_revision': record.revision_number}
    if session.execute(_update(table), changes).rowcount != 1:  # type: ignore[attr-defined]
        raise Collision(f'{table.name} {record.id}')
    return Record(**row)


@functools.cache
def _update(table: sa.Table) -> Any:
    return prepared(sa.update(table).where(table.c.id == sa.bindparam('b_id'), table.c.revision_number == sa.bindparam('b_revision')))


def delete(session: Session, table: Any, identifier: str) -> None:
    """Remove a row. Raises Collision where it is gone already."""
    if session.execute(_delete(table), {'b_id': identifier}).rowcount != 1:  # type: ignore[attr-defined]
        raise Collision(f'{table.name} {identifier}')


@functools.cache
def _delete(table: sa.Table) -> Any:
    return prepared(sa.delete(table).where(table.c.id == sa.bindparam('b_id')))


def count(session: Session, table: Any, project_id: str) -> int:
    """How many rows a project has."""
    return int(session.execute(_count(table), {'b_project': project_id}).scalar_one())


@functools.cache
def _count(table: sa.Table) -> Any:
    return prepared(sa.select(sa.func.count().label('number')).select_from(table).where(table.c.project_id == sa.bindparam('b_project')))
