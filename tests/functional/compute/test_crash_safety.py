"""Boot and delete, broken and killed at each of their steps, with the real services and simulated hosts that outlive a killed worker."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable

import pytest

from common.operations import testing
from common.operations.testing import Make, Trial
from tests.functional.compute.crash_world import World, from_copies


def trial_of(world: World, start: Callable[[], str]) -> Trial:
    return Trial(ops=world.service.ops, worlds=world.worlds, start=start, delete=world.delete, inventory=world.inventory, close=world.close)


@pytest.fixture(scope='module')
def empty(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A cloud without a server."""
    template = tmp_path_factory.mktemp('empty')
    World(template).close()
    return template


@pytest.fixture(scope='module')
def make_boot(empty: pathlib.Path) -> Make:
    return from_copies(empty, World, lambda world: trial_of(world, world.boot))


@pytest.fixture(scope='module')
def make_delete(empty: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    template = tmp_path_factory.mktemp('booted')
    shutil.copytree(empty, template, dirs_exist_ok=True)
    world = World(template)
    record = testing.drive(trial_of(world, world.boot), world.boot())
    assert record.state == 'done', record.fault
    assert world.inventory()['guests'] == 1
    world.close()
    return from_copies(template, World, lambda world: trial_of(world, world.delete))


BOOT = ['choose_host', 'make_ports', 'fetch_image', 'make_disk', 'make_config_drive', 'spawn']
DELETE = ['destroy', 'delete_disk', 'delete_ports', 'release_claim']


@pytest.mark.timeout(600)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice', 'delete_at_every_step'])
def test_boot(make_boot: Make, check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(make_boot, tmp_path)
    assert walked == (BOOT if check != 'undo_twice' else [step for step in BOOT[::-1] if step != 'fetch_image'])


@pytest.mark.timeout(600)
def test_boot_ends_active_after_kill_at_every_record(make_boot: Make, tmp_path: pathlib.Path) -> None:
    assert len(testing.crash_before_and_after_every_record(make_boot, tmp_path)) >= 2 * len(BOOT)


@pytest.mark.timeout(600)
def test_delete_ends_gone_after_kill_at_every_record(make_delete: Make, tmp_path: pathlib.Path) -> None:
    assert len(testing.crash_before_and_after_every_record(make_delete, tmp_path)) >= 2 * len(DELETE)


@pytest.mark.timeout(600)
def test_delete_done_twice_is_done_once(make_delete: Make, tmp_path: pathlib.Path) -> None:
    assert testing.every_step_twice(make_delete, tmp_path) == DELETE
