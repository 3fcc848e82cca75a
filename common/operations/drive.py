"""Carrying one operation on, step by step, for as long as its steps run here."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from common import clock
from common.errors import Conflict, DeadlineExceeded, PileusError, Superseded, Unavailable
from common.log import bound
from common.operations import lease, plan
from common.operations.definition import Operation, Save, Step, host_of
from common.operations.plan import Change, Next
from common.operations.record import DONE, FAILED, SUPERSEDED, UNDOING, Record
from common.operations.run import LeaseLost, Run

if TYPE_CHECKING:
    from common.operations.service import Operations

LOG = logging.getLogger(__name__)
Callback = Callable[[Session], Any]


class Drive:
    """One operation in the hands of one worker thread.

    `worlds`: what steps see as `run.world`, by location; the locations that this runner works for. `stopping()`: whether to stop
    after the step in hand. `later(operation_id, seconds)`: be woken for it again.
    """

    def __init__(
        self,
        ops: Operations,
        owner: str,
        worlds: Mapping[str, Any],
        stopping: Callable[[], bool],
        later: Callable[[str, float], Any],
    ) -> None:
        self.ops = ops
        self.owner = owner
        self.worlds = worlds
        self.stopping = stopping
        self.later = later
        self.run: Run | None = None
        self._fresh = False
        self.record: Record
        self.definition: Operation

    # -- taking the operation

    def claim(self, operation_id: str) -> bool:
        """Take the lease, note the first step as started; False if it is not for us (now)."""
        self._next: Next
        record = self.ops.store.claim(operation_id, self.owner, self._prepare)
        if record is None:
            return False
        self.record = record
        return True

    def _prepare(self, seen: Record) -> Change | None:
        definition = self.ops.definition(seen)
        if definition is None:
            LOG.error('operation %s is of kind %s version %s, which this release does not have', seen.id, seen.kind, seen.version)
            return None
        change = Change(seen.copy())
        following = plan.settle(definition, change)
        if following.action != 'end' and following.place not in self.worlds:
            return None
        self.definition = definition
        self._next = following
        self._begin(change, following)
        return change

    def _begin(self, change: Change, following: Next) -> None:
        """Keep the lease and note that the step begins."""
        record = change.record
        record.stalled = False
        record.lease_owner = self.owner
        record.lease_until = clock.now() + datetime.timedelta(seconds=lease.LEASE)
        if following.step is not None:
            record.place = following.place
            self._fresh = following.action == 'do' and 'since' not in record.memory
            if self._fresh:
                record.memory['since'] = clock.timestamp()
            change.note(following.step.name, following.action, 'started')

    # -- the loop

    def go(self) -> None:
        """Do, undo, end, until the operation has ended, waits, or goes on elsewhere."""
        try:
            while self._once():
                pass
        except LeaseLost:
            LOG.warning('operation %s %s was taken over by another process', self.record.kind, self.record.id)

    def _once(self) -> bool:
        following = self._next
        if following.action == 'end':
            return self._end(str(following.state))
        step = following.step
        assert step is not None
        self.run = run = Run(self.record, self.worlds.get(str(following.place)))
        run.is_fresh = self._fresh
        run.listener = lambda message: self._note(step, following.action, message)
        if step.timeout is not None and following.action == 'do':
            run.step_deadline = self.record.memory.get('since', clock.timestamp()) + step.timeout
        try:
            with bound(run.ctx, operation=self.record.id, resource=self.record.resource_id):
                return self._undo(step, run) if following.action == 'undo' else self._do(step, run)
        finally:
            self.run = None

    def _do(self, step: Step, run: Run) -> bool:
        output: dict[str, Any] | None = None
        try:
            if following_error := self._refuse_to_begin():
                raise following_error
            if step.do is not None:
                output = step.do(run)
        except LeaseLost:
            raise
        except Superseded as error:
            return self._overtaken(step, error)
        except Exception as error:
            return self._failed(step, error)
        change = Change(self.record.copy())
        if run.host_is_new:
            change.record.host = run.new_host
        plan.step_done(self.definition, change, step, output)
        within = _saving(step.save, run, output)
        try:
            written = self._go_on(change, f'done:{step.name}', within)
        except LeaseLost:
            raise
        except Exception as error:
            if not within:
                raise
            return self._failed(step, error)
        if written is None:
            self.record.outputs[step.name] = output
            if run.host_is_new:
                self.record.host = run.new_host
            return self._reconsider()
        return written

    def _note(self, step: Step, direction: str, message: str) -> None:
        """Write how far a step is. It is only told: where it cannot be written now, it is not."""
        change = Change(self.record.copy())
        change.record.lease_until = clock.now() + datetime.timedelta(seconds=lease.LEASE)
        change.note(step.name, direction, 'progress', {'message': message})
        try:
            if self.ops.store.record(self.record, change, f'progress:{step.name}'):
                self.record = change.record
        except Unavailable as error:
            LOG.info('%s: how far it is could not be noted: %s', describe(self.record), error)

    def _refuse_to_begin(self) -> PileusError | None:
        if self._next.place is None:
            return Conflict('No host was chosen for this step.', admin_detail=f'{self.record.kind} has no host at {self.record.position}')
        if plan.is_overdue(self.record) and not self.definition.never_gives_up:
            return DeadlineExceeded('The operation took too long.')
        return None

    def _undo(self, step: Step, run: Run) -> bool:
        output = self.record.outputs.get(step.name)
        try:
            if step.undo is not None:
                step.undo(run, output)
        except LeaseLost:
            raise
        except Exception as error:
            return self._undo_failed(step, error)
        change = Change(self.record.copy())
        if run.host_is_new:
            change.record.host = run.new_host
        plan.step_undone(change, step)
        within = _saving(step.undo_save, run, output)
        try:
            written = self._go_on(change, f'undone:{step.name}', within)
        except LeaseLost:
            raise
        except Exception as error:
            if not within:
                raise
            return self._undo_failed(step, error)
        return self._reconsider() if written is None else written

    # -- what happens after a step

    def _go_on(self, change: Change, what: str, within: list[Callback]) -> bool | None:
        """Record a change and turn to what follows. True: go on here; False: not ours any more; None: overtaken, nothing recorded."""
        following = plan.settle(self.definition, change)
        record = change.record
        elsewhere = following.action != 'end' and following.place is not None and following.place not in self.worlds
        leave = elsewhere or (self.stopping() and following.action != 'end')
        if leave:
            record.place = following.place or record.place
            record.lease_owner = record.lease_until = None
            record.run_at = clock.now()
            record.stalled = False
        else:
            self._begin(change, following)
            if following.action == 'end':
                return self._end_with(change, following, what, within)
        if not self._persist(change, what, within):
            return None
        self.record, self._next = record, following
        if leave:
            self.ops.ring(str(record.place), record.id)
        return not leave

    def _end_with(self, change: Change, following: Next, what: str, within: list[Callback]) -> bool | None:
        """The last record and the end in one transaction; if that does not work, the record first and the end by itself."""
        ended = Change(change.record.copy(), list(change.events))
        try:
            return self._finish(ended, str(following.state), what, within)
        except LeaseLost:
            raise
        except Exception as error:
            LOG.info('%s: its last step and its end are recorded apart: %s', describe(self.record), error)
        if not self._persist(change, what, within):
            return None
        self.record, self._next = change.record, following
        return True

    def _end(self, state: str) -> bool:
        try:
            done = self._finish(Change(self.record.copy()), state, f'end:{state}')
        except LeaseLost:
            raise
        except Exception as error:
            if state == DONE and not self.definition.never_gives_up:
                return self._failed(self.definition.steps[-1], error)
            return self._undo_failed(self.definition.steps[0], error)
        return self._reconsider() if done is None else done

    def _finish(self, change: Change, state: str, what: str, within: Sequence[Callback] = ()) -> bool | None:
        plan.end(change, state)
        run = Run(change.record, self.worlds.get(str(self.record.place)))
        definition = self.definition
        rings: list[tuple[str, str]] = []

        def callbacks(session: Session) -> None:
            if state == DONE and definition.on_done is not None:
                definition.on_done(session, run)
            elif state == FAILED and definition.on_failed is not None:
                definition.on_failed(session, run, change.record.fault or {})
            elif state == SUPERSEDED and definition.on_superseded is not None:
                definition.on_superseded(session, run)
            rings[:] = self.ops.store.release_waiting(session, change.record.id)

        if not self._persist(change, what, [*within, callbacks]):
            return None
        self.record = change.record
        log = LOG.warning if state == FAILED else LOG.info
        fault = f': {(change.record.fault or {}).get("message")}' if state == FAILED else ''
        log('%s of %s %s: %s%s', change.record.kind, change.record.resource_type, change.record.resource_id, state, fault)
        for waiting, place in rings:
            self.ops.ring(place, waiting)
        return False

    def _failed(self, step: Step, error: BaseException) -> bool:
        if not isinstance(error, PileusError | OSError):
            LOG.exception('step %s of %s %s met an unexpected error', step.name, self.record.kind, self.record.id, exc_info=error)
        change = Change(self.record.copy())
        pause = plan.step_failed(self.definition, change, step, error)
        if pause is None:
            written = self._go_on(change, f'failed:{step.name}', [])
            return self._reconsider() if written is None else written
        return self._pause(change, pause, f'retried:{step.name}')

    def _undo_failed(self, step: Step, error: BaseException) -> bool:
        unexpected = None if isinstance(error, PileusError | OSError) else error
        LOG.warning(
            'undo of step %s of %s %s will be tried again: %s', step.name, self.record.kind, self.record.id, error, exc_info=unexpected
        )
        change = Change(self.record.copy())
        pause = plan.undo_failed(change, step, error)
        return self._pause(change, pause, f'retried:{step.name}', tell_early(self.definition, change))

    def _pause(self, change: Change, pause: float, what: str, within: list[Callback] | None = None) -> bool:
        record = change.record
        record.lease_owner = record.lease_until = None
        record.run_at = clock.now() + datetime.timedelta(seconds=pause)
        if not self._persist(change, what, within or []):
            return self._reconsider()
        self.later(record.id, pause)
        return False

    def _overtaken(self, step: Step, error: Superseded) -> bool:
        fresh = self.ops.store.load(self.record.id)
        if fresh is not None and fresh.generation == self.record.generation and fresh.state == self.record.state:
            return self._failed(step, error)  # the step raised it by itself
        return self._reconsider()

    def _reconsider(self) -> bool:
        """Our picture of the row is old: if we still hold it, it was superseded, and we go on with undoing it. Or it was our own
        record that was written though the database went away before it could say so: then we go on from there."""
        fresh = self._patiently(lambda: self.ops.store.load(self.record.id))
        if fresh is None or fresh.generation != self.record.generation or not fresh.is_live:
            raise LeaseLost(f'Operation {self.record.id} belongs to another process.')
        overtaken = fresh.state == SUPERSEDED and self.record.state != SUPERSEDED
        before, self.record = self.record, fresh
        change = Change(fresh.copy())
        if overtaken:
            change.record.memory['outputs'] = before.outputs
            change.record.host = before.host
            change.record.attempts = 0
        written = self._go_on(change, 'overtaken', [])
        return self._reconsider() if written is None else written

    # -- writing

    def _persist(self, change: Change, what: str, within: list[Callback]) -> bool:
        return self._patiently(lambda: self.ops.store.record(self.record, change, what, within))

    def _patiently(self, fn: Callable[[], Any]) -> Any:
        """What happened must be written down, so a database that is away is waited for; fencing makes this safe for any time."""
        pause = 0.1
        while True:
            try:
                return fn()
            except Unavailable:
                if self.stopping():
                    raise
                clock.sleep(pause)
                pause = min(pause * 2, 2.0)


def _saving(save: Save | None, run: Run, output: dict[str, Any] | None) -> list[Callback]:
    return [lambda session: save(session, run, output)] if save is not None else []


def tell_early(definition: Operation, change: Change) -> list[Callback]:
    """Where an undo is stuck, the resource is told of the failure now (and once more at the end)."""
    record = change.record
    if record.state != UNDOING or not record.has_failed or record.memory.get('early') or definition.on_failed is None:
        return []
    if not (record.attention or record.stalled):
        return []
    record.memory['early'] = True
    on_failed, run, fault = definition.on_failed, Run(record), record.fault or {}
    return [lambda session: on_failed(session, run, fault)]


def describe(record: Record) -> str:
    """`server.boot of 3f... at step 2 on h1`, for logs."""
    where = f' on {host_of(record.place)}' if host_of(record.place) else ''
    return f'{record.kind} of {record.resource_id} at step {record.position}{where}'
