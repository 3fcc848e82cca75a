"""The rows of operations: every statement that the engine sends is here.

Changes are fenced: a transition is written only where the row still has the generation, the state and the number of events that the
writer has seen. Whoever takes a lease raises the generation, so a process that was paused or cut off can write nothing; and a record
whose commit succeeded though the answer was lost is not written twice.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common import clock
from common.db import Database
from common.db.chunks import chunks
from common.db.prepared import prepared
from common.operations import lease
from common.operations.plan import Change
from common.operations.record import FAILED, RUNNING, SUPERSEDED, UNDOING, Event, Record
from common.operations.tables import OperationTables

LIVE = (RUNNING, UNDOING, SUPERSEDED)


class NoHooks:
    """What happens around every record: nothing. Tests put a crash here."""

    def record(self, when: str, what: str, record: Record) -> None:
        """`when`: before or after; `what`: for example `done:make_disk`, `claim:make_disk`, `end:done`."""


class Stale(Exception):
    """The row is no longer what the writer has seen; nothing was written."""


class Store:
    """The operations of one database."""

    def __init__(self, db: Database, tables: OperationTables, hooks: NoHooks | None = None) -> None:
        self.db = db
        self.tables = tables
        self.hooks = hooks or NoHooks()
        t = tables.operations
        self._select = sa.select(t)
        by_id = sa.select(t).where(t.c.id == sa.bindparam('b_id'))
        self._insert = prepared(sa.insert(t))
        self._insert_events = prepared(sa.insert(tables.events))
        update = sa.update(t).where(
            t.c.id == sa.bindparam('b_id'),
            t.c.generation == sa.bindparam('b_generation'),
            t.c.state == sa.bindparam('b_state'),
            t.c.event_count == sa.bindparam('b_event_count'),
        )
        self._release = (
            sa.update(t).where(t.c.waits_for == sa.bindparam('b_waits_for')).values(waits_for=None, run_at=sa.bindparam('b_now'))
        )
        live = sa.select(t).where(t.c.live_key.in_(sa.bindparam('b_keys', expanding=True)))
        self._update, self._by_id, self._live = prepared(update), prepared(by_id), prepared(live)
        self._by_id_held, self._live_held = prepared(by_id.with_for_update()), prepared(live.with_for_update())
        self._waiting = prepared(sa.select(t.c.id, t.c.place).where(t.c.waits_for == sa.bindparam('b_waits_for')))

    # -- one operation

    def insert(self, session: Session, record: Record, events: Sequence[dict[str, Any]]) -> None:
        """A new operation."""
        session.execute(self._insert, record.__dict__)
        if events:
            session.execute(self._insert_events, list(events))

    def get(self, session: Session, operation_id: str, *, hold: bool = False) -> Record | None:
        """One operation, or None. `hold`: it stays as it is until the transaction ends."""
        row = session.execute(self._by_id_held if hold else self._by_id, {'b_id': operation_id}).one_or_none()
        return None if row is None else Record(**row._mapping)

    def load(self, operation_id: str) -> Record | None:
        """One operation in a transaction of its own."""
        with self.db.read() as session:
            return self.get(session, operation_id)

    def write(self, session: Session, seen: Record, change: Change) -> None:
        """Write a transition away from `seen`; raises Stale if the row has moved on."""
        values = change.record.changing()
        values |= {'b_id': seen.id, 'b_generation': seen.generation, 'b_state': seen.state, 'b_event_count': seen.event_count}
        values['updated_at'] = clock.now()
        if session.execute(self._update, values).rowcount != 1:  # type: ignore[attr-defined]
            raise Stale
        if change.events:
            session.execute(self._insert_events, change.events)

    def record(self, seen: Record, change: Change, what: str, within: Iterable[Callable[[Session], Any]] = ()) -> bool:
        """Write a transition in one transaction with the callbacks `within`; False if the row has moved on (nothing is written)."""

        def body(session: Session) -> None:
            self.write(session, seen, change)
            for fn in within:
                fn(session)

        self.hooks.record('before', what, seen)
        try:
            self.db.transaction(body)
        except Stale:
            return False
        self.hooks.record('after', what, seen)
        return True

    def claim(self, operation_id: str, owner: str, prepare: Callable[[Record], Change | None]) -> Record | None:
        """Take the lease of an operation that nobody holds. `prepare` decides on the row as it is: the change to make (it is given
        lease, owner and generation here), or None to leave it alone. Returns the record as written."""
        seen = self.load(operation_id)
        if seen is None or not seen.is_live or seen.waits_for is not None or not is_free(seen, owner):
            return None
        change = prepare(seen)
        if change is None:
            return None
        change.record.generation = seen.generation + 1
        change.record.lease_owner = owner
        change.record.lease_until = clock.now() + datetime.timedelta(seconds=lease.LEASE)
        name = change.events[0]['step'] if change.events else ''
        return change.record if self.record(seen, change, f'claim:{name}') else None

    def release_waiting(self, session: Session, operation_id: str) -> list[tuple[str, str]]:
        """Let those go on that waited for this operation; returns (id, place) to ring for."""
        rows = session.execute(self._waiting, {'b_waits_for': operation_id}).all()
        if rows:
            session.execute(self._release, {'b_waits_for': operation_id, 'b_now': clock.now()})
        return [(row.id, row.place) for row in rows]

    # -- many operations

    def renew(self, owner: str, ids: Sequence[str], until: datetime.datetime) -> None:
        """Make leases longer."""
        t = self.tables.operations
        statement = sa.update(t).where(t.c.id.in_(ids), t.c.lease_owner == owner).values(lease_until=until)
        self.db.transaction(lambda session: session.execute(statement))

    def states(self, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """(state, generation) of operations, by id."""
        t = self.tables.operations
        with self.db.read() as session:
            rows = session.execute(sa.select(t.c.id, t.c.state, t.c.generation).where(t.c.id.in_(ids))).all()
        return {row.id: (row.state, row.generation) for row in rows}

    def due(self, places: Sequence[str] | None, limit: int) -> list[str]:
        """Operations that could go on now at these places (None: any) and that nobody holds."""
        t = self.tables.operations
        now = clock.now()
        query = sa.select(t.c.id).where(
            t.c.run_at <= now, t.c.waits_for.is_(None), sa.or_(t.c.lease_until.is_(None), t.c.lease_until < now)
        )
        query = query.where(t.c.place.is_not(None) if places is None else t.c.place.in_(places))
        with self.db.read() as session:
            return list(session.execute(query.order_by(t.c.run_at).limit(limit)).scalars())

    def bury(self) -> int:
        """Free the leases of runners that are known to be dead; returns how many."""
        t = self.tables.operations
        with self.db.read() as session:
            owners = session.execute(sa.select(t.c.lease_owner).where(t.c.place.is_not(None), t.c.lease_owner.is_not(None)).distinct())
            dead = [owner for owner in owners.scalars() if lease.is_dead(owner)]
        if not dead:
            return 0
        statement = sa.update(t).where(t.c.lease_owner.in_(dead)).values(lease_owner=None, lease_until=None)
        return int(self.db.transaction(lambda session: session.execute(statement).rowcount))

    def overdue(self, limit: int) -> list[str]:
        """Operations past their deadline that still run and that nobody holds."""
        t = self.tables.operations
        now = clock.now()
        free = sa.or_(t.c.lease_until.is_(None), t.c.lease_until < now)
        query = sa.select(t.c.id).where(t.c.place.is_not(None), t.c.state == RUNNING, t.c.deadline_at < now, free)
        with self.db.read() as session:
            return list(session.execute(query.limit(limit)).scalars())

    def stalled(self, since: datetime.datetime, limit: int) -> list[Record]:
        """Operations that wait for a host since before `since`, and were not told as stalled yet."""
        t = self.tables.operations
        free = sa.or_(t.c.lease_until.is_(None), t.c.lease_until < since)
        query = self._select.where(t.c.place.like('host:%'), t.c.run_at < since, t.c.stalled.is_(False), t.c.waits_for.is_(None), free)
        with self.db.read() as session:
            return [Record(**row._mapping) for row in session.execute(query.limit(limit))]

    def hurry(self, operation_id: str) -> None:
        """Let an operation that pauses go on now; for operators and tests."""
        t = self.tables.operations
        statement = sa.update(t).where(t.c.id == operation_id, t.c.place.is_not(None)).values(run_at=clock.now())
        self.db.transaction(lambda session: session.execute(statement))

    def flag(self, operation_id: str) -> None:
        """Ask for an operator's attention; leaves everything else alone."""
        t = self.tables.operations
        statement = sa.update(t).where(t.c.id == operation_id, t.c.place.is_not(None)).values(attention=True)
        self.db.transaction(lambda session: session.execute(statement))

    def waiting_for(self, session: Session, operation_id: str) -> list[Record]:
        """Operations that wait for this one to be undone."""
        rows = session.execute(self._select.where(self.tables.operations.c.waits_for == operation_id))
        return [Record(**row._mapping) for row in rows]

    def live(self, session: Session, keys: Sequence[str], *, hold: bool = False) -> Record | None:
        """The operation that owns the resource of one of these live keys. `hold`: it stays as it is until the transaction ends."""
        row = session.execute(self._live_held if hold else self._live, {'b_keys': list(keys)}).first()
        return None if row is None else Record(**row._mapping)

    def find(self, session: Session, *, limit: int = 1000, newest: bool = True, **columns: Any) -> list[Record]:
        """Operations whose columns have these values."""
        t = self.tables.operations
        query = self._select.where(*(t.c[name] == value for name, value in columns.items()))
        query = query.order_by(t.c.created_at.desc() if newest else t.c.created_at).limit(limit)
        return [Record(**row._mapping) for row in session.execute(query)]

    def failed(self, session: Session, resource_ids: Sequence[str]) -> list[Record]:
        """Operations of these resources that failed, the oldest first."""
        t = self.tables.operations
        found = []
        for some in chunks(resource_ids):
            rows = session.execute(self._select.where(t.c.resource_id.in_(some), t.c.state == FAILED).order_by(t.c.created_at))
            found += [Record(**row._mapping) for row in rows]
        return found

    def events(self, session: Session, ids: Sequence[str]) -> list[Event]:
        """The history of operations, in the order in which it happened."""
        t = self.tables.events
        rows = session.execute(sa.select(t).where(t.c.operation_id.in_(ids)).order_by(t.c.at, t.c.operation_id, t.c.seq))
        return [Event(**row._mapping) for row in rows]

    def counts(self, session: Session) -> list[tuple[str, str, bool, int]]:
        """(kind, state, attention, number) of what is live, for metrics and `doctor`."""
        t = self.tables.operations
        columns = (t.c.kind, t.c.state, t.c.attention)
        rows = session.execute(sa.select(*columns, sa.func.count()).where(t.c.place.is_not(None)).group_by(*columns))
        return [(str(kind), str(state), bool(attention), int(number)) for kind, state, attention, number in rows]

    def prune(self, before: datetime.datetime, limit: int = 500) -> int:
        """Forget operations that ended before then, their events, and older requests; returns how many operations."""
        t, e, r = self.tables.operations, self.tables.events, self.tables.requests

        def body(session: Session) -> int:
            ids = list(session.execute(sa.select(t.c.id).where(t.c.place.is_(None), t.c.ended_at < before).limit(limit)).scalars())
            if ids:
                session.execute(sa.delete(e).where(e.c.operation_id.in_(ids)))
                session.execute(sa.delete(t).where(t.c.id.in_(ids)))
            session.execute(sa.delete(r).where(r.c.at < before))
            return len(ids)

        return self.db.transaction(body)


def is_free(record: Record, owner: str | None = None) -> bool:
    """Whether nobody holds the operation but perhaps `owner`, who asks and does not know of it."""
    if record.lease_owner is None or record.lease_until is None or record.lease_owner == owner:
        return True
    return record.lease_until < clock.now() or lease.is_dead(record.lease_owner)
