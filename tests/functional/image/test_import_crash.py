"""Imports, broken and killed at each of their steps: none is ever done half, or twice, or left standing."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from common.operations import SERVICE, Runner, testing
from common.operations.testing import Trial
from tests.functional.cloud import eventually
from tests.functional.image.import_world import Region, World
from tests.functional.image.web import Web

DATA = os.urandom(70_000)
Make = Callable[[pathlib.Path], Trial]


@pytest.fixture(scope='module')
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    made = Region(tmp_path_factory.mktemp('region'), DATA)
    yield made
    made.runtime.stop()


def maker(web: Web, method: str, convert_to: str = '', region: Region | None = None) -> Make:
    def make(directory: pathlib.Path) -> Trial:
        world = World(directory, web.url, DATA, region, convert_to)
        world.prepare_for(method)
        return Trial(
            ops=world.service.ops, worlds=world.worlds, start=getattr(world, method), delete=world.delete, inventory=world.inventory, close=world.close
        )  # fmt: skip

    return make


@pytest.mark.timeout(300)
@pytest.mark.parametrize('method', ['direct', 'from_web', 'copy', 'by_task'])
def test_an_import_that_is_killed_around_every_record_ends_well(web: Web, method: str, tmp_path: pathlib.Path) -> None:
    testing.crash_before_and_after_every_record(maker(web, method), tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize('check', ['crash_in_process_at_every_record', 'fail_at_every_step'])
def test_an_import_from_another_region(web: Web, region: Region, check: str, tmp_path: pathlib.Path) -> None:
    getattr(testing, check)(maker(web, 'from_region', region=region), tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ('method', 'check'),
    [
        *(('from_web', check) for check in ('every_step_twice', 'fail_at_every_step', 'undo_twice')),
        *(('copy', check) for check in ('every_step_twice', 'fail_at_every_step', 'undo_twice')),
        ('direct', 'every_step_twice'),
        ('direct', 'fail_at_every_step'),
        ('by_task', 'fail_at_every_step'),
    ],
)
def test_an_import_that_breaks_leaves_what_was(web: Web, method: str, check: str, tmp_path: pathlib.Path) -> None:
    getattr(testing, check)(maker(web, method), tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which('qemu-img') is None, reason='qemu-img is not installed')
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'crash_in_process_at_every_record'])
def test_a_conversion_is_a_step_like_others(web: Web, check: str, tmp_path: pathlib.Path) -> None:
    getattr(testing, check)(maker(web, 'from_web', 'qcow2'), tmp_path)


@pytest.mark.timeout(300)
def test_a_delete_at_every_step_wins(web: Web, tmp_path: pathlib.Path) -> None:
    make = maker(web, 'from_web')

    def without_row(directory: pathlib.Path) -> Trial:
        trial = make(directory)
        inventory = trial.inventory
        trial.inventory = lambda: {name: found for name, found in inventory().items() if name in ('held', 'staged')}
        return trial

    testing.delete_at_every_step(without_row, tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize('method', ['direct', 'from_web'])
def test_nobody_needs_to_be_woken(web: Web, method: str, tmp_path: pathlib.Path) -> None:
    testing.lose_every_message(maker(web, method), tmp_path)


def test_a_kill_in_the_middle_of_a_transfer_costs_only_the_rest(web: Web, tmp_path: pathlib.Path) -> None:
    """The process dies while data arrives; the next one asks for what is missing, and for no more."""
    trial = maker(web, 'from_web')(tmp_path)
    web.asked.clear()
    web.held = threading.Event()
    child = os.fork()
    if child == 0:
        try:
            world = World(tmp_path, web.url, DATA)
            testing.drive(Trial(world.service.ops, world.worlds, world.from_web, world.inventory), world.from_web())
        finally:
            os._exit(70)
    try:
        staging = tmp_path / 'state' / 'staging'
        half = eventually(
            lambda: next((f for f in staging.glob('*.part') if f.stat().st_size == len(DATA) // 2), None), what='half of the data'
        )
        os.kill(child, signal.SIGKILL)
    finally:
        os.waitpid(child, 0)
        web.held.set()
        web.held = None
    trial.close()
    assert half.exists()
    again = World(tmp_path, web.url, DATA)
    record = testing.drive(Trial(again.service.ops, again.worlds, again.from_web, again.inventory), again.live())
    assert record.state == 'done', record.fault
    assert web.asked == [None, f'bytes={len(DATA) // 2}-']
    with again.service.stores.get('two').open('11111111-2222-4333-8444-555555555555') as file:
        assert file.read() == DATA
    again.close()


def test_two_processes_never_do_it_twice(web: Web, tmp_path: pathlib.Path) -> None:
    """Two conductors over one database, both told of it at the same time, many times."""
    worlds = [World(tmp_path, web.url, DATA) for _ in range(2)]
    runners = [Runner(world.service.ops, at=SERVICE, world=world.service, workers=2, sweep_every=0.02) for world in worlds]
    web.asked.clear()
    for runner in runners:
        runner.start()
    try:
        operation = worlds[0].from_web()
        for _ in range(20):
            for runner in runners:
                runner.wake(operation)
        assert worlds[0].service.ops.wait(operation, timeout=60).state == 'done'
    finally:
        for runner in runners:
            runner.stop()
    assert web.asked == [None], 'the data was fetched once'
    with worlds[1].service.db.read() as session:
        events = [(event.step, event.event) for event in worlds[1].service.ops.events(session, operation)]
    assert events.count(('fetch', 'started')) == 1 and events.count(('place', 'started')) == 1
    for world in worlds:
        world.close()
