"""No resource stays in a transitional state that no operation stands behind.

guard = StateGuard(ops, Server, 'status', {'BUILD', 'DELETING'}, of='server', repair=mark_error)
guard.install(db)                    # a transaction that leaves a server in BUILD without a live operation is refused
runner.periodic.append(guard.sweep)  # should one exist all the same (an operator's SQL), it becomes a fault
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session, object_session

from common import clock
from common.db import Database
from common.errors import PileusError
from common.operations.service import Operations, live_key

LOG = logging.getLogger(__name__)
_TOUCHED = 'transitional'
ORPHANED: dict[str, Any] = {
    'code': 'orphaned',
    'message': 'No operation stands behind this state any more. Delete the resource, or ask the operator.',
    'step': None,
    'host': None,
    'tried': [],
    'details': {},
}


def _note(mapper: object, connection: object, record: Any) -> None:
    """Remember, for the check before the commit, that this transaction has written the record."""
    session = object_session(record)
    if session is not None:
        session.info.setdefault(_TOUCHED, {})[id(record)] = record


class StateGuard:
    """Watches one attribute of one model.

    `transitional`: values that need a live operation. `of`: the operations' type of resource. `repair(session, record, fault)`: puts a
    record that nobody works on into a state of its own, usually ERROR. `older_than`: seconds before the sweep acts.
    """

    def __init__(
        self,
        ops: Operations,
        model: Any,
        attribute: str,
        transitional: Collection[str],
        *,
        of: str,
        repair: Callable[[Session, Any, dict[str, Any]], Any],
        older_than: float = 60.0,
        changed: str = 'updated_at',
    ) -> None:
        self.ops = ops
        self.model = model
        self.attribute = attribute
        self.transitional = frozenset(transitional)
        self.of = of
        self.repair = repair
        self.older_than = older_than
        self.changed = changed

    def install(self, db: Database) -> None:
        """Check the records that a transaction of this database has written, just before it is committed.

        Changes by UPDATE statements are not seen, only those of records; the sweep finds the rest.
        """
        # The model outlives this guard and is watched once, whatever the number of guards of this process.
        for name in ('after_insert', 'after_update'):
            if not event.contains(self.model, name, _note):
                event.listen(self.model, name, _note)
        db.before_commit.append(self._check)

    def _check(self, session: Session) -> None:
        for record in session.info.get(_TOUCHED, {}).values():
            if not isinstance(record, self.model):
                continue
            state = getattr(record, self.attribute)
            if state in self.transitional and self.ops.live(session, record.id, self.of) is None:
                raise PileusError(admin_detail=f'{self.of} {record.id} would be left {self.attribute}={state} without a live operation')

    def orphans(self, session: Session, limit: int = 100) -> list[Any]:
        """Records in a transitional state that no live operation owns, and that have been so for a while."""
        t = self.ops.store.tables.operations
        model, before = self.model, clock.now() - datetime.timedelta(seconds=self.older_than)
        when = sa.func.coalesce(getattr(model, self.changed), model.created_at)
        owned = sa.exists().where(t.c.live_key == sa.literal(live_key(self.of, '')) + model.id)
        query = sa.select(model).where(getattr(model, self.attribute).in_(self.transitional), when < before, ~owned)
        return list(session.scalars(query.limit(limit)))

    def sweep(self) -> int:
        """Repair orphans; returns how many there were."""
        with self.ops.db.read() as session:
            if not self.orphans(session, 1):
                return 0
        return self.ops.db.transaction(self._repair_all)

    def _repair_all(self, session: Session) -> int:
        found = self.orphans(session)
        for record in found:
            LOG.error('%s %s is in %s without a live operation', self.of, record.id, getattr(record, self.attribute))
            self.repair(session, record, dict(ORPHANED, at=clock.iso(clock.now(), micro=True)))
        return len(found)
