"""What happened, in order: the steps of operations and the requests that asked for them, of one service.

`pileus timeline` merges the lists of all services by time. Nothing here is read from logs.
"""

from __future__ import annotations

import collections
import datetime
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common import clock
from common.context import Context
from common.db import Database
from common.errors import PileusError
from common.operations.record import Event, Record
from common.operations.tables import OperationTables

LOG = logging.getLogger(__name__)
FLUSH_EVERY = 0.2
QUEUE_LIMIT = 20_000
_READING = frozenset({'GET', 'HEAD', 'OPTIONS'})


class RequestEvents:
    """Writes requests to `request_events`, many in one transaction, off the request's own path.

    Kept are requests that change things, and those that ended in an error. While the database is away they wait in memory, the
    newest 20,000 of them.
    """

    def __init__(self, db: Database, tables: OperationTables) -> None:
        self.db = db
        self._insert = sa.insert(tables.requests)
        self._rows: collections.deque[dict[str, Any]] = collections.deque(maxlen=QUEUE_LIMIT)
        self._there = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    @staticmethod
    def wants(method: str, status: int, user: str | None) -> bool:
        """Whether a request is kept: it changes something, or failed through us, or failed for somebody we know."""
        return method not in _READING or status >= 500 or (status >= 400 and user is not None)

    def record(self, ctx: Context, method: str, path: str, status: int, started: float, duration: float) -> None:
        """Note a request: `started` in seconds since the epoch, `duration` in seconds, `path` without the query. Never blocks."""
        if not self.wants(method, status, ctx.user_id):
            return
        self._rows.append(
            {
                'global_request_id': ctx.global_request_id[:64],
                'request_id': ctx.request_id[:64],
                'method': method[:16],
                'path': path[:512],
                'status': status,
                'user': ctx.user_id[:64] if ctx.user_id else None,
                'project': ctx.project_id[:64] if ctx.project_id else None,
                'at': datetime.datetime.fromtimestamp(started, datetime.UTC).replace(tzinfo=None),
                'duration': duration,
            }
        )
        if not self._there.is_set():
            self._there.set()
            if self._thread is None:
                self._start()

    def flush(self) -> int:
        """Write what waits; returns how many."""
        with self._writing:
            rows = [self._rows.popleft() for _ in range(len(self._rows))]
            if not rows:
                return 0
            try:
                self.db.transaction(lambda session: session.execute(self._insert, rows))
            except PileusError as error:
                self._rows.extendleft(reversed(rows))
                LOG.warning('%d request events wait for the database: %s', len(rows), error.admin_detail or error.message)
                return 0
            return len(rows)

    def stop(self) -> None:
        """Write the rest and end."""
        self._stopping.set()
        self._there.set()
        if self._thread is not None:
            self._thread.join(5.0)
        self.flush()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._keep_writing, name='request-events', daemon=True)
                self._thread.start()

    def _keep_writing(self) -> None:
        while not self._stopping.is_set():
            self._there.wait()
            self._stopping.wait(FLUSH_EVERY)
            self._there.clear()
            try:
                if self._rows and not self.flush():
                    self._there.set()
                    self._stopping.wait(1.0)
            except Exception:
                LOG.exception('request events were lost')


class Timeline:
    """Reads the events of one service. `service`: its name, put into each event."""

    def __init__(self, service: str, tables: OperationTables) -> None:
        self.service = service
        self.tables = tables

    def of(
        self, session: Session, *, request: str | None = None, resource: str | None = None, project: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Events in order of time, for a request id (own or global) or the id of a resource or an operation.

        `project`: only events of that project. Each event has `at` (datetime), `service`, `type` (request or step), the request ids,
        user and project; a request `method, path, status, duration`; a step `operation, kind, resource_type, resource_id, step,
        direction, event, host, duration (seconds, when it ended), message`.
        """
        operations = self._operations(session, request, resource, project, limit)
        globals_ = {o.global_request_id for o in operations}
        if request:
            globals_.add(request)
        requests = self._requests(session, globals_, request, project, limit)
        steps = self._steps(session, operations, limit)
        return sorted([*requests, *steps], key=lambda event: event['at'])[:limit]

    def _operations(self, session: Session, request: str | None, resource: str | None, project: str | None, limit: int) -> list[Record]:
        t = self.tables.operations
        conditions = []
        if request:
            conditions.append(sa.or_(t.c.request_id == request, t.c.global_request_id == request))
        if resource:
            conditions.append(sa.or_(t.c.resource_id == resource, t.c.id == resource))
        if not conditions:
            return []
        if project is not None:
            conditions.append(t.c.project == project)
        rows = session.execute(sa.select(t).where(*conditions).order_by(t.c.created_at.desc()).limit(limit))
        return [Record(**row._mapping) for row in rows]

    def _requests(
        self, session: Session, globals_: Iterable[str], request: str | None, project: str | None, limit: int
    ) -> list[dict[str, Any]]:
        t = self.tables.requests
        wanted = sorted(globals_)
        if not wanted:
            return []
        condition: Any = t.c.global_request_id.in_(wanted)
        if request:
            condition = sa.or_(condition, t.c.request_id == request)
        query = sa.select(t).where(condition)
        if project is not None:
            query = query.where(t.c.project == project)
        rows = session.execute(query.order_by(t.c.at.desc()).limit(limit)).mappings()
        return [{'type': 'request', 'service': self.service, **{k: v for k, v in row.items() if k != 'id'}} for row in rows]

    def _steps(self, session: Session, operations: Sequence[Record], limit: int) -> list[dict[str, Any]]:
        if not operations:
            return []
        t = self.tables.events
        by_id = {o.id: o for o in operations}
        rows = session.execute(sa.select(t).where(t.c.operation_id.in_(by_id)).order_by(t.c.operation_id, t.c.seq).limit(limit * 4))
        started: dict[tuple[str, str, str], datetime.datetime] = {}
        out: list[dict[str, Any]] = []
        for row in rows:
            event = Event(**row._mapping)
            key = (event.operation_id, event.step, event.direction)
            if event.event == 'started':
                started[key] = event.at
            out.append(self._step(by_id[event.operation_id], event, started.get(key)))
        return out

    def _step(self, operation: Record, event: Event, started: datetime.datetime | None) -> dict[str, Any]:
        data = event.data or {}
        since = started if event.direction != 'end' else operation.created_at
        return {
            'type': 'step',
            'service': self.service,
            'at': event.at,
            'global_request_id': operation.global_request_id,
            'request_id': operation.request_id,
            'user': operation.user,
            'project': operation.project,
            'operation': operation.id,
            'kind': operation.kind,
            'resource_type': operation.resource_type,
            'resource_id': operation.resource_id,
            'step': event.step,
            'direction': event.direction,
            'event': event.event,
            'host': event.host,
            'duration': (event.at - since).total_seconds() if since is not None and event.event != 'started' else None,
            'message': data.get('message') if event.event not in ('started', 'done') else None,
            'admin_detail': data.get('admin_detail') if event.event not in ('started', 'done') else None,
        }


def for_reader(events: Iterable[dict[str, Any]], *, admin: bool) -> list[dict[str, Any]]:
    """Events ready for JSON; hosts and details for administrators only."""
    hidden = () if admin else ('host', 'admin_detail')
    return [{k: clock.iso(v, micro=True) if k == 'at' else v for k, v in event.items() if k not in hidden} for event in events]
