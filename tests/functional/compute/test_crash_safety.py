"""Boot and delete, broken and killed at each of their steps, with the real services and simulated hosts that outlive a killed worker."""

from __future__ import annotations

import pathlib

import pytest

from common.operations import testing
from common.operations.testing import Trial
from tests.functional.compute.crash_world import World


def make_boot(directory: pathlib.Path) -> Trial:
    world = World(directory)
    return Trial(
        ops=world.service.ops, worlds=world.worlds, start=world.boot, delete=world.delete, inventory=world.inventory, close=world.close
    )


def make_delete(directory: pathlib.Path) -> Trial:
    world = World(directory)

    def start() -> str:
        trial = Trial(ops=world.service.ops, worlds=world.worlds, start=world.boot, inventory=world.inventory)
        record = testing.drive(trial, world.boot())
        assert record.state == 'done', record.fault
        return world.delete()

    return Trial(ops=world.service.ops, worlds=world.worlds, start=start, inventory=world.inventory, close=world.close)


@pytest.mark.timeout(600)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice', 'delete_at_every_step'])
def test_boot(check: str, tmp_path: pathlib.Path) -> None:
    getattr(testing, check)(make_boot, tmp_path)


@pytest.mark.timeout(600)
def test_boot_ends_active_after_kill_at_every_record(tmp_path: pathlib.Path) -> None:
    testing.crash_before_and_after_every_record(make_boot, tmp_path)


@pytest.mark.timeout(600)
def test_delete_ends_gone_after_kill_at_every_record(tmp_path: pathlib.Path) -> None:
    testing.crash_before_and_after_every_record(make_delete, tmp_path)


@pytest.mark.timeout(600)
def test_delete_done_twice_is_done_once(tmp_path: pathlib.Path) -> None:
    testing.every_step_twice(make_delete, tmp_path)
