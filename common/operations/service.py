"""Operations of one service: starting them in the caller's transaction, and asking about them."""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common import clock, ids
from common.context import Context
from common.db import Database, after_commit
from common.errors import Conflict, NotFound, PileusError
from common.operations import plan
from common.operations.definition import SERVICE, Operation
from common.operations.plan import Change
from common.operations.record import FAILED, RUNNING, SUPERSEDED, UNDOING, Event, Record
from common.operations.store import NoHooks, Store
from common.operations.tables import OperationTables

LOG = logging.getLogger(__name__)


class Bell(Protocol):
    """Wakes whoever runs operations at a location. It may fail or lose a ring: that delays, and loses nothing."""

    def ring(self, location: str, operation_id: str) -> None:
        """There is a step for this location."""
        ...


class LocalBell:
    """A bell for one process: runners register for their locations; rings for elsewhere go to `further`, if given."""

    def __init__(self, further: Bell | None = None) -> None:
        self._wakers: dict[str, Callable[[str], Any]] = {}
        self._further = further
        self._lock = threading.Lock()

    def register(self, location: str, wake: Callable[[str], Any]) -> None:
        """From now on `wake(operation_id)` is called for rings at this location."""
        with self._lock:
            self._wakers[location] = wake

    def unregister(self, location: str) -> None:
        """Nobody listens at this location any more."""
        with self._lock:
            self._wakers.pop(location, None)

    def ring(self, location: str, operation_id: str) -> None:
        """Wake the runner of the location, here or further away."""
        wake = self._wakers.get(location)
        if wake is not None:
            wake(operation_id)
        elif self._further is not None:
            self._further.ring(location, operation_id)


class Operations:
    """The operations of one service's database.

    `registry`: every definition, old versions included. `tables`: what `operation_tables(Base.metadata)` returned.
    """

    def __init__(
        self,
        db: Database,
        registry: Iterable[Operation],
        tables: OperationTables,
        bell: Bell | None = None,
        hooks: NoHooks | None = None,
    ) -> None:
        self.db = db
        self.bell: Bell = bell or LocalBell()
        self.store = Store(db, tables, hooks)
        self._registry: dict[tuple[str, int], Operation] = {}
        for definition in registry:
            self.register(definition)

    def register(self, definition: Operation) -> None:
        """Make a definition known."""
        key = (definition.kind, definition.version)
        if self._registry.get(key, definition) is not definition:
            raise ValueError(f'two definitions of {definition.kind} version {definition.version}')
        self._registry[key] = definition

    def definition(self, record: Record) -> Operation | None:
        """The definition that a record was started with; None if this release does not have it."""
        return self._registry.get((record.kind, record.version))

    def override(self, definition: Operation) -> None:
        """Put another definition in the place of the registered one of this kind and version; for tests that break steps."""
        self._registry[(definition.kind, definition.version)] = definition

    def definitions(self) -> list[Operation]:
        """All definitions."""
        return list(self._registry.values())

    # -- starting

    def start(
        self,
        session: Session,
        ctx: Context,
        definition: Operation,
        resource_id: str,
        *,
        params: dict[str, Any] | None = None,
        host: str | None = None,
        supersede: bool = False,
        parent: str | None = None,
    ) -> str:
        """Start an operation in the caller's write transaction; returns its id. It is rung for once the transaction is committed.

        Raises Conflict if another operation owns the resource. With `supersede` (a delete) that one is overtaken instead: it is
        undone from where it stands, then this one runs. If it is of the same kind already, its id is returned.
        """
        if (definition.kind, definition.version) not in self._registry:
            raise ValueError(f'{definition.kind} version {definition.version} is not registered')
        # Whoever carries out what is overtaken must not write between the look at it and the mark on it.
        live = self.store.live(session, [live_key(definition.of, resource_id)], hold=supersede)
        waits_for = None
        if live is not None:
            if not supersede:
                raise self._busy(definition.of, resource_id, live)
            if live.kind == definition.kind:
                return live.id
            waits_for = self._overtake(session, live, definition.kind)
        record = _new_record(ctx, definition, resource_id, params or {}, host, parent)
        record.waits_for = waits_for
        change = Change(record)
        following = plan.settle(definition, change)
        record.place = following.place or SERVICE
        if following.action == 'end':
            record.position = 0
        self._insert(session, record, change, definition)
        if waits_for is None:
            self._ring_later(session, record.place, record.id)
        return record.id

    def _insert(self, session: Session, record: Record, change: Change, definition: Operation) -> None:
        if self.db.dialect == 'sqlite':
            self.store.insert(session, record, change.events)
            return
        try:
            with session.begin_nested():
                self.store.insert(session, record, change.events)
        except IntegrityError as error:
            live = self.live(session, record.resource_id, definition.of)
            raise self._busy(definition.of, record.resource_id, live) from error

    def _busy(self, noun: str, resource_id: str, live: Record | None) -> Conflict:
        doing = live.kind.rpartition('.')[2] if live else 'another operation'
        return Conflict(
            f'{noun[:1].upper()}{noun[1:]} {resource_id} is busy: {doing} is under way. Wait until it has ended.',
            details={'operation': live.id, 'kind': live.kind} if live else None,
        )

    def _overtake(self, session: Session, live: Record, by: str) -> str | None:
        """Mark the live operation superseded; returns its id if it must be undone first."""
        change = Change(live.copy())
        record = change.record
        plan.leave_unbegun(record)
        record.state = SUPERSEDED
        record.live_key = None
        record.memory.pop('back_to', None)
        record.attempts = 0
        record.run_at = clock.now()
        record.stalled = False
        change.note('', 'end', 'superseded', {'by': by})
        definition = self.definition(live)
        untouched = live.generation == 0 and live.lease_owner is None
        if untouched:
            plan.end(change, SUPERSEDED)
        else:
            following = plan.settle(definition, Change(record.copy())) if definition is not None else None
            record.place = live.place if following is None else following.place or SERVICE
        self.store.write(session, live, change)
        if untouched:
            return live.waits_for
        self._ring_later(session, str(record.place), live.id)
        if live.place and live.place != record.place:
            self._ring_later(session, live.place, live.id)
        return live.id

    def _ring_later(self, session: Session, place: str, operation_id: str) -> None:
        after_commit(session, lambda: self.ring(place, operation_id))

    def ring(self, place: str, operation_id: str) -> None:
        """Ring now; a bell that fails is noted and nothing else, since the sweeper rings again."""
        try:
            self.bell.ring(place, operation_id)
        except (PileusError, OSError) as error:
            LOG.warning('could not ring %s for operation %s: %s', place, operation_id, error)

    # -- asking

    def live(self, session: Session, resource_id: str, of: str | None = None) -> Record | None:
        """The operation that owns this resource now, if any; `of`: the type, where ids of several types could be equal."""
        types = [of] if of else sorted({definition.of for definition in self._registry.values()})
        return self.store.live(session, [live_key(name, resource_id) for name in types])

    def get(self, session: Session, operation_id: str) -> Record:
        """One operation; NotFound if there is none."""
        record = self.store.get(session, operation_id)
        if record is None:
            raise NotFound('operation', operation_id)
        return record

    def history(self, session: Session, resource_id: str, limit: int = 1000) -> list[Record]:
        """All operations of a resource, newest first."""
        return self.store.find(session, resource_id=resource_id, limit=limit)

    def last_failed(self, session: Session, resource_ids: Sequence[str]) -> dict[str, Record]:
        """Of each of these resources the last operation that failed, where there is one."""
        return {record.resource_id: record for record in self.store.failed(session, resource_ids)}

    def events(self, session: Session, *operation_ids: str) -> list[Event]:
        """What happened in these operations, in order."""
        return self.store.events(session, operation_ids)

    def attention(self, session: Session) -> list[Record]:
        """Operations that an operator should look at."""
        return self.store.find(session, attention=True)

    def unknown(self) -> list[tuple[str, int]]:
        """Kinds and versions that are live in the database and that this release does not have."""
        with self.db.read() as session:
            live = {
                (r.kind, r.version) for state in (RUNNING, UNDOING, SUPERSEDED) for r in self.store.find(session, state=state) if r.is_live
            }
        return sorted(live - set(self._registry))

    def wait(self, operation_id: str, timeout: float = 30.0, every: float = 0.02) -> Record:
        """Wait until an operation has nothing left to do; for tests and command lines. Raises Conflict when the time is over."""
        end = clock.monotonic() + timeout
        while True:
            record = self.store.load(operation_id)
            if record is None:
                raise NotFound('operation', operation_id)
            if not record.is_live:
                return record
            if clock.monotonic() > end:
                raise Conflict(f'Operation {record.kind} {operation_id} is still {record.state} at step {record.position}.')
            clock.sleep(every)

    # -- for operators

    def abandon(self, session: Session, operation_id: str, comment: str) -> None:
        """By force: end a live operation where it stands, without undoing the rest. What waited for it goes on. `comment` says why."""
        seen = self.store.get(session, operation_id, hold=True)
        if seen is None:
            raise NotFound('operation', operation_id)
        if not seen.is_live:
            raise Conflict(f'Operation {operation_id} has ended already.')
        change = Change(seen.copy())
        change.note('', 'end', 'abandoned', {'comment': comment})
        plan.end(change, SUPERSEDED if seen.state == SUPERSEDED else FAILED)
        change.record.generation = seen.generation + 1
        self.store.write(session, seen, change)
        for waiting, place in self.store.release_waiting(session, operation_id):
            self._ring_later(session, place, waiting)


def live_key(of: str, resource_id: str) -> str:
    """What must be unique among live operations."""
    return f'{of}/{resource_id}'


def _new_record(
    ctx: Context, definition: Operation, resource_id: str, params: dict[str, Any], host: str | None, parent: str | None
) -> Record:
    now = clock.now()
    return Record(
        id=ids.new_id(),
        kind=definition.kind,
        version=definition.version,
        resource_type=definition.of,
        resource_id=resource_id,
        live_key=live_key(definition.of, resource_id),
        state=RUNNING,
        position=0,
        params=params,
        memory={'outputs': {}},
        fault=None,
        context=ctx.but(deadline=None, expires_at=None).to_message(),
        project=ctx.project_id,
        user=ctx.user_id,
        request_id=ctx.request_id,
        global_request_id=ctx.global_request_id,
        reason=ctx.reason[-1][:255] if ctx.reason else None,
        parent=parent,
        waits_for=None,
        created_at=now,
        updated_at=now,
        deadline_at=now + datetime.timedelta(seconds=definition.deadline) if definition.deadline is not None else None,
        ended_at=None,
        host=host,
        place=None,
        run_at=now,
        stalled=False,
        lease_owner=None,
        lease_until=None,
        generation=0,
        attempts=0,
        attention=False,
        event_count=0,
    )
