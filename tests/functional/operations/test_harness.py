"""The harness itself: each kind of defect in an operation is found by the check that is there for it."""

from __future__ import annotations

import dataclasses

import pytest

from common.errors import InvalidInput
from common.operations import Step, testing
from tests.functional.operations.cloud import BOOT, Cloud, boot_trial, trial_of


def broken(change):
    """A trial whose boot has one step changed."""
    definition = dataclasses.replace(BOOT, steps=[change(step) for step in BOOT.steps])

    def make(folder):
        cloud = Cloud(folder)
        cloud.ops.override(definition)
        return trial_of(cloud, lambda: cloud.start(definition), cloud.delete)

    return make


def changed(name, **values):
    return lambda step: dataclasses.replace(step, **values) if step.name == name else step


def test_an_undo_that_leaks_is_found(tmp_path):
    make = broken(changed('make_disk', undo=lambda run, output: None))
    with pytest.raises(AssertionError, match="failing after make_disk: left over \\['disk-server-1@h1'\\]"):
        testing.fail_at_every_step(make, tmp_path)
    with pytest.raises(AssertionError, match='every undo twice'):
        testing.undo_twice(make, tmp_path)


def test_an_undo_that_trusts_its_output_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr('common.operations.trial.TURNS', 50)
    make = broken(changed('make_ports', undo=lambda run, output: run.world.remove(output['name'])))
    with pytest.raises(AssertionError, match='has not ended'):
        testing.fail_at_every_step(make, tmp_path)


def test_a_step_that_counts_is_found(tmp_path):
    def count(run):
        run.world.make(f'mark-{len(run.world.all())}-{run.resource_id}')

    with pytest.raises(AssertionError, match='every step twice'):
        testing.every_step_twice(broken(changed('finish', do=count)), tmp_path)
    with pytest.raises(AssertionError, match='(killed|vanished) before done:finish'):
        testing.crash_in_process_at_every_record(broken(changed('finish', do=count)), tmp_path)


def test_a_step_that_lives_in_memory_is_found(tmp_path):
    started = []

    def once(run):
        assert not started
        started.append(True)
        run.world.make('once')

    with pytest.raises(AssertionError):
        testing.crash_in_process_at_every_record(broken(changed('finish', do=once)), tmp_path)


def test_an_undo_that_cannot_run_twice_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr('common.operations.trial.TURNS', 50)

    def strict(run, output):
        name = f'port-{run.resource_id}@{run.host}'
        (run.world.folder / name).unlink()

    with pytest.raises(AssertionError):
        testing.undo_twice(broken(changed('make_ports', undo=strict)), tmp_path)


def test_a_failure_that_hits_another_step_is_found(tmp_path):
    def stale(run):
        raise InvalidInput('The parameters are those of yesterday.')

    def make(folder):
        early = 'fail-start_domain' in str(folder)
        return broken(changed('make_ports', do=stale) if early else changed('', do=stale))(folder)

    with pytest.raises(AssertionError, match='step start_domain was never reached'):
        testing.fail_at_every_step(make, tmp_path)


def test_everything_at_once(tmp_path):
    testing.check_all(boot_trial, tmp_path)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'steps': []}, 'at least one'),
        ({'steps': [Step('a', do=print), Step('a', do=print)]}, 'distinct'),
        ({'steps': [Step('a')]}, 'does nothing'),
        ({'steps': [Step('a', do=print, retry_from='b'), Step('b', do=print)]}, 'no earlier step'),
        ({'steps': [Step('a', do=print, undo=print)], 'never_gives_up': True}, 'never undone'),
    ],
)
def test_definitions_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(BOOT, **arguments)
