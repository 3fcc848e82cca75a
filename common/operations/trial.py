"""The stage of the tests in `testing.py`: a world that can be made afresh, and an operation driven through it in one thread."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common import clock
from common.operations import lease
from common.operations.definition import Operation, Step
from common.operations.drive import Drive
from common.operations.record import DONE, Record
from common.operations.service import Operations
from common.operations.store import NoHooks

TURNS, BRISK, PAUSE = 2000, 200, 0.03
"""How many turns an operation may take, and after how many of them there are pauses: it may wait for the work of somebody else."""


def nothing() -> None:
    """Do nothing."""


@dataclasses.dataclass
class Trial:
    """A world with one operation to try.

    `worlds`: what steps see as `run.world`, by location. `start()`: starts the operation, returns its id. `delete()`: starts the
    operation that supersedes it, returns its id (None: there is none). `inventory()`: what exists, comparable with `==`.
    """

    ops: Operations
    worlds: Mapping[str, Any]
    start: Callable[[], str]
    inventory: Callable[[], Any]
    delete: Callable[[], str] | None = None
    close: Callable[[], Any] = nothing


Make = Callable[[pathlib.Path], Trial]


class Killed(BaseException):
    """The death of the process, played inside of one process."""


class Points(NoHooks):
    """Notes the records of an operation, and strikes at one of them.

    :param points: what an earlier run of the same operation noted; `index`: which of them to strike at. It is found by its name and
        how often that came before, so that a further try of an earlier step, which a busy machine may cause, moves nothing.
    """

    def __init__(self, points: Sequence[str] = (), index: int | None = None, strike: Callable[[], Any] = nothing) -> None:
        self.seen: list[str] = []
        self._strike_at = None if index is None else points[index]
        self._after = 0 if index is None else list(points[:index]).count(points[index])
        self._strike = strike

    def record(self, when: str, what: str, record: Record) -> None:
        self.seen.append(f'{when} {what}')
        if self.seen[-1] == self._strike_at and self.seen.count(self._strike_at) == self._after + 1:
            self._strike()

    @staticmethod
    def may_be_missing(points: Sequence[str], index: int) -> bool:
        """Whether another run of the operation may do without this record: a further try of a step, or what comes of it."""
        _, _, what = points[index].partition(' ')
        return what.startswith('retried:') or points[index] in points[:index]


def drive(trial: Trial, operation_id: str) -> Record:
    """Carry the operation (and what it waits for) to its end in this thread, one place at a time; pauses of the
    operation are cut short."""
    ops = trial.ops
    owner = lease.new_owner()
    try:
        for turn in range(TURNS):
            record = ops.store.load(operation_id)
            assert record is not None, f'operation {operation_id} is gone'
            if not record.is_live:
                return record
            _turn(trial, owner, record)
            if turn > BRISK:
                clock.sleep(PAUSE)
        raise AssertionError(f'operation {operation_id} has not ended after {TURNS} turns: {ops.store.load(operation_id)}')
    finally:
        lease.retire(owner)


def _turn(trial: Trial, owner: str, record: Record) -> None:
    ops = trial.ops
    while record.waits_for is not None:
        waited = ops.store.load(record.waits_for)
        assert waited is not None
        record = waited
    ops.store.bury()
    if record.run_at > clock.now():
        ops.store.hurry(record.id)
    place = str(record.place)
    assert place in trial.worlds, f'{record.kind} wants to run at {place}, where there is no world'
    hand = Drive(ops, owner, {place: trial.worlds[place]}, lambda: False, lambda *_: None)
    if hand.claim(record.id):
        hand.go()


def fresh(make: Make, directory: pathlib.Path, name: str) -> Trial:
    """A trial in an empty folder of this name."""
    folder = directory / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return make(folder)


def definition_of(trial: Trial, operation_id: str) -> Operation:
    """The definition that an operation was started with."""
    record = trial.ops.store.load(operation_id)
    definition = trial.ops.definition(record) if record is not None else None
    assert definition is not None
    return definition


def replace_steps(trial: Trial, operation_id: str, change: Callable[[Step], Step]) -> None:
    """Change the steps of an operation in this trial."""
    definition = definition_of(trial, operation_id)
    trial.ops.override(dataclasses.replace(definition, steps=[change(step) for step in definition.steps]))


def skipped_steps(trial: Trial, operation_id: str) -> set[str]:
    """Names of the steps that an operation has skipped."""
    with trial.ops.db.read() as session:
        return {event.step for event in trial.ops.events(session, operation_id) if event.event == 'skipped'}


def smooth(make: Make, directory: pathlib.Path) -> tuple[Any, Operation, list[str], list[str]]:
    """The operation without any trouble: (inventory after, definition, steps that were not skipped, records in order)."""
    trial = fresh(make, directory, 'smooth')
    try:
        operation_id = trial.start()
        points = Points()
        trial.ops.store.hooks = points
        record = drive(trial, operation_id)
        assert record.state == DONE, f'{record.kind} without trouble ended {record.state}: {record.fault}'
        definition = definition_of(trial, operation_id)
        skipped = skipped_steps(trial, operation_id)
        return trial.inventory(), definition, [s.name for s in definition.steps if s.name not in skipped], points.seen
    finally:
        trial.close()
