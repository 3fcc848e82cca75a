"""Tests that walk over every step of an operation: five lines for a new one.

    def make(directory: pathlib.Path) -> Trial:     # a fresh world in an empty directory, the same one again in a used one
        cloud = ...
        return Trial(ops=cloud.ops, worlds={SERVICE: cloud, host_location('h1'): worker}, start=..., delete=..., inventory=...)

    def test_boot_survives(tmp_path):
        check_all(make, tmp_path)

Each check makes fresh worlds, breaks one thing at a time, asserts that it is the thing it broke that broke, and compares inventories:
what exists outside of the operations' own records (domains, disks, ports, addresses, claims). Two fresh worlds must have equal ones.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from common.errors import InvalidInput
from common.operations.definition import Operation, Step
from common.operations.doomed import killed_at
from common.operations.record import DONE, FAILED, SUPERSEDED
from common.operations.runner import Runner
from common.operations.store import NoHooks
from common.operations.trial import Killed, Make, Points, Trial, drive, fresh, replace_steps, smooth

INJECTED = 'broken on purpose'


def every_step_twice(make: Make, directory: pathlib.Path) -> list[str]:
    """Every `do` runs twice in a row, as after a crash before its record; the world is as after one. Returns the steps."""
    expected, _, steps, _ = smooth(make, directory)

    def twice(step: Step) -> Step:
        do = step.do
        if do is None:
            return step

        def both(run: Any) -> Any:
            do(run)
            run.is_fresh = False
            return do(run)

        return dataclasses.replace(step, do=both)

    trial = fresh(make, directory, 'twice')
    try:
        operation_id = trial.start()
        replace_steps(trial, operation_id, twice)
        record = drive(trial, operation_id)
        assert record.state == DONE, f'{record.kind} with every step twice ended {record.state}: {record.fault}'
        assert trial.inventory() == expected, _unlike(expected, trial.inventory(), 'every step twice')
    finally:
        trial.close()
    return steps


def _breaking(
    definition: Operation, name: str, when: str, error: Callable[[], BaseException], once: bool
) -> tuple[Callable[[Step], Step], list[str]]:
    """A change of steps that makes the step `name` raise before or after its effect; and the list it notes its strikes in."""
    struck: list[str] = []

    def change(step: Step) -> Step:
        if step.name != name:
            return step

        def strike() -> None:
            if not (once and struck):
                struck.append(name)
                raise error()

        if step.do is None:
            save = step.save
            assert save is not None

            def broken_save(session: Any, run: Any, output: Any) -> Any:
                if when == 'after':
                    save(session, run, output)
                strike()
                return save(session, run, output)

            return dataclasses.replace(step, save=broken_save)
        do = step.do

        def broken(run: Any) -> Any:
            if when == 'before':
                strike()
                return do(run)
            output = do(run)
            strike()
            return output

        return dataclasses.replace(step, do=broken)

    return change, struck


def fail_at_every_step(make: Make, directory: pathlib.Path) -> list[str]:
    """Each step fails for good, before and after its effect: the operation fails there, and the world is as it was before.

    A step of an operation that never gives up fails once instead, and the operation is done in the end. Returns the steps.
    """
    expected, definition, steps, _ = smooth(make, directory)
    stubborn = definition.never_gives_up
    for name in steps:
        for when in ('before', 'after'):
            trial = fresh(make, directory, f'fail-{name}-{when}')
            try:
                before = expected if stubborn else trial.inventory()
                change, struck = _breaking(definition, name, when, lambda: InvalidInput(INJECTED), stubborn)
                operation_id = trial.start()
                replace_steps(trial, operation_id, change)
                record = drive(trial, operation_id)
                assert struck, f'step {name} was never reached'
                if stubborn:
                    assert record.state == DONE, f'failing once {when} {name}: ended {record.state}'
                else:
                    assert record.state == FAILED, f'failing {when} {name}: ended {record.state}'
                    fault = record.fault or {}
                    assert fault.get('step') == name, f'failing {when} {name}: the fault names {fault.get("step")}: {fault.get("message")}'
                    assert INJECTED in fault['message'], fault
                assert trial.inventory() == before, _unlike(before, trial.inventory(), f'failing {when} {name}')
            finally:
                trial.close()
    return steps


def undo_twice(make: Make, directory: pathlib.Path) -> list[str]:
    """The last step fails and every `undo` runs twice, the second time as if the first had not been recorded. Returns the steps undone."""
    _, definition, steps, _ = smooth(make, directory)
    if definition.never_gives_up:
        return []
    undone: list[str] = []
    breaking, struck = _breaking(definition, steps[-1], 'after', lambda: InvalidInput(INJECTED), False)

    def twice(step: Step) -> Step:
        undo = step.undo
        if undo is None:
            return breaking(step)

        def both(run: Any, output: Any) -> Any:
            undone.append(step.name)
            undo(run, output)
            return undo(run, output)

        return breaking(dataclasses.replace(step, undo=both))

    trial = fresh(make, directory, 'undo-twice')
    try:
        before = trial.inventory()
        operation_id = trial.start()
        replace_steps(trial, operation_id, twice)
        record = drive(trial, operation_id)
        assert struck and record.state == FAILED, f'ended {record.state}'
        assert trial.inventory() == before, _unlike(before, trial.inventory(), 'every undo twice')
        with_undo = [step.name for step in definition.steps if step.undo is not None and step.name in steps]
        assert undone == with_undo[::-1], f'undone: {undone}, expected {with_undo[::-1]}'
    finally:
        trial.close()
    return undone


def lose_every_message(make: Make, directory: pathlib.Path, timeout: float = 60.0) -> None:
    """No bell ever rings; the sweepers of real runners bring the operation to its end."""
    expected, _, _, _ = smooth(make, directory)
    trial = fresh(make, directory, 'deaf')
    trial.ops.bell = _Deaf()
    runners = [Runner(trial.ops, at=location, world=world, workers=1, sweep_every=0.05) for location, world in trial.worlds.items()]
    try:
        for runner in runners:
            runner.start()
        record = trial.ops.wait(trial.start(), timeout=timeout)
        assert record.state == DONE, f'without any message: ended {record.state}: {record.fault}'
        assert trial.inventory() == expected, _unlike(expected, trial.inventory(), 'without any message')
    finally:
        for runner in runners:
            runner.stop()
        trial.close()


class _Deaf:
    def ring(self, location: str, operation_id: str) -> None:
        """Lost."""


def delete_at_every_step(make: Make, directory: pathlib.Path) -> list[str]:
    """A delete comes at each step, before and after its effect: it wins, and the world is as it was before. Returns the steps."""
    _, _, steps, _ = smooth(make, directory)
    for name in steps:
        for when in ('before', 'after'):
            trial = fresh(make, directory, f'delete-{name}-{when}')
            try:
                _delete_at(trial, name, when)
            finally:
                trial.close()
    return steps


def _delete_at(trial: Trial, name: str, when: str) -> None:
    assert trial.delete is not None, 'the trial has no delete'
    delete = trial.delete
    before = trial.inventory()
    deletes: list[str] = []

    def change(step: Step) -> Step:
        if step.name != name:
            return step
        do = step.do or (lambda run: None)

        def interrupted(run: Any) -> Any:
            output = do(run) if when == 'after' else None
            if not deletes:
                deletes.append(delete())
            return do(run) if when == 'before' else output

        return dataclasses.replace(step, do=interrupted)

    operation_id = trial.start()
    replace_steps(trial, operation_id, change)
    record = drive(trial, operation_id)
    assert deletes, f'step {name} was never reached'
    assert record.state == SUPERSEDED, f'a delete {when} {name}: the operation ended {record.state}'
    deleted = drive(trial, deletes[0])
    assert deleted.state == DONE, f'a delete {when} {name} ended {deleted.state}: {deleted.fault}'
    assert trial.inventory() == before, _unlike(before, trial.inventory(), f'a delete {when} {name}')


def crash_before_and_after_every_record(make: Make, directory: pathlib.Path) -> list[str]:
    """A child process is killed (SIGKILL) around every record; what starts afterwards brings the operation to its good end.

    `make` must find the world of the dead process in the directory. Returns the points at which one was killed.
    """
    expected, _, _, points = smooth(make, directory)
    walked: list[str] = []
    for index, point in enumerate(points):
        folder = directory / f'crash-{index}'
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        struck = killed_at(make, folder, points, index)
        trial = make(folder)
        try:
            for operation_id in _all(trial):
                record = drive(trial, operation_id)
                assert record.state == DONE, f'killed {point}: ended {record.state}: {record.fault}'
            assert trial.inventory() == expected, _unlike(expected, trial.inventory(), f'killed {point}')
        finally:
            trial.close()
        if struck:
            walked.append(point)
    return walked


def crash_in_process_at_every_record(make: Make, directory: pathlib.Path) -> list[str]:
    """The same for worlds that live in memory: the runner vanishes around every record, another one goes on. Returns the points."""
    expected, _, _, points = smooth(make, directory)
    for index, point in enumerate(points):
        trial = fresh(make, directory, f'vanish-{index}')
        try:
            operation_id = trial.start()
            trial.ops.store.hooks = Points(points, index, _vanish)
            try:
                drive(trial, operation_id)
            except Killed:
                trial.ops.store.hooks = NoHooks()
            else:
                assert Points.may_be_missing(points, index), f'the runner was to vanish {point}'
            record = drive(trial, operation_id)
            assert record.state == DONE, f'vanished {point}: ended {record.state}: {record.fault}'
            assert trial.inventory() == expected, _unlike(expected, trial.inventory(), f'vanished {point}')
        finally:
            trial.close()
    return points


def _vanish() -> None:
    raise Killed


def _all(trial: Trial) -> Iterator[str]:
    with trial.ops.db.read() as session:
        records = trial.ops.store.find(session, newest=False)
    assert records, 'the operation is not in the database'
    return iter([record.id for record in records])


def check_all(make: Make, directory: pathlib.Path, *, real_crashes: bool = True) -> None:
    """Everything above. `real_crashes=False` for worlds that do not outlive their process."""
    every_step_twice(make, directory)
    fail_at_every_step(make, directory)
    undo_twice(make, directory)
    lose_every_message(make, directory)
    crash_in_process_at_every_record(make, directory)
    if real_crashes:
        crash_before_and_after_every_record(make, directory)
    trial = fresh(make, directory, 'has-delete')
    has_delete = trial.delete is not None
    trial.close()
    if has_delete:
        delete_at_every_step(make, directory)


def _unlike(expected: Any, found: Any, what: str) -> str:
    if isinstance(expected, set | frozenset) and isinstance(found, set | frozenset):
        return f'{what}: left over {sorted(map(str, found - expected))}, missing {sorted(map(str, expected - found))}'
    return f'{what}: expected {expected!r}, found {found!r}'
