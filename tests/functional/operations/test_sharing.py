"""A runner that takes on more places, and what a step is told of earlier tries of itself."""

from __future__ import annotations

import os

import pytest

from common.errors import Conflict, Transient
from common.operations import HOST, SERVICE, NotYet, Operation, Runner, Step, host_location, lease
from common.operations.drive import Drive
from common.operations.record import DONE
from tests.functional.cloud import eventually
from tests.functional.operations.cloud import HOSTS, Cloud


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.db.dispose()


def places(cloud):
    return {host_location(host): cloud.things for host in HOSTS}


def test_a_runner_that_took_on_the_hosts_never_hands_an_operation_over(cloud):
    runner = Runner(cloud.ops, at=SERVICE, world=cloud.things, workers=1)
    runner.start()
    runner.take_on(places(cloud), workers=1)
    operation = cloud.start()
    assert cloud.ops.wait(operation, timeout=60).state == DONE
    assert cloud.ops.store.load(operation).generation == 1  # taken once, for all its places
    assert runner.stop(60)


def test_what_waits_for_a_place_begins_when_a_runner_takes_it_on(cloud):
    runner = Runner(cloud.ops, at=SERVICE, world=cloud.things, workers=1, sweep_every=3600)
    runner.start()
    operation = cloud.start()
    eventually(lambda: cloud.ops.store.load(operation).place == host_location('h1'), what='the part of the service')
    with pytest.raises(Conflict, match='still running'):
        cloud.ops.wait(operation, timeout=0.3)
    runner.take_on(places(cloud), workers=1)
    assert cloud.ops.wait(operation, timeout=60).state == DONE
    assert runner.stop(60)


def test_places_can_be_taken_on_before_the_start(cloud):
    runner = Runner(cloud.ops, at={}, workers=0)
    runner.take_on({SERVICE: cloud.things, **places(cloud)}, workers=2)
    runner.start()
    assert cloud.ops.wait(cloud.start(), timeout=60).state == DONE
    assert runner.stop(60)


def test_a_step_is_fresh_only_the_first_time(tmp_path):
    seen = []

    def stumble(run):
        seen.append(run.is_fresh)
        if len(seen) == 1:
            raise Transient('not now')
        if len(seen) == 2:
            raise NotYet('soon', after=0.02)

    other = Operation(
        'thing.make', of='thing', steps=[Step('a', on=SERVICE, do=stumble), Step('b', on=HOST, do=lambda run: seen.append(run.is_fresh))]
    )
    cloud = Cloud(tmp_path, extra=(other,))
    runner = Runner(cloud.ops, at={SERVICE: cloud.things, **places(cloud)}, workers=1)
    runner.start()
    assert cloud.ops.wait(cloud.start(other, 'thing-1', host='h1'), timeout=60).state == DONE
    assert seen == [True, False, False, True]
    assert runner.stop(60)
    cloud.db.dispose()


def test_a_step_whose_process_died_is_not_fresh(tmp_path):
    seen = []
    other = Operation('thing.make', of='thing', steps=[Step('a', on=SERVICE, do=lambda run: seen.append(run.is_fresh))])
    cloud = Cloud(tmp_path, extra=(other,))
    operation = cloud.start(other, 'thing-1')
    dead = lease.new_owner()
    assert Drive(cloud.ops, dead, {SERVICE: cloud.things}, lambda: False, lambda *_: None).claim(operation)
    lease.retire(dead)
    runner = Runner(cloud.ops, at=SERVICE, world=cloud.things, workers=1)
    runner.start()
    assert cloud.ops.wait(operation, timeout=60).state == DONE
    assert seen == [False]
    assert runner.stop(60)
    cloud.db.dispose()


def test_a_child_process_reads_and_writes_with_connections_of_its_own(cloud):
    assert cloud.things.all() == set()
    before = cloud.start(resource='of-the-parent')  # so that the parent keeps connections
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with cloud.db.read() as session:
                found = cloud.ops.live(session, 'of-the-parent')
            cloud.start(resource='of-the-child')
            status = 0 if found is not None and found.id == before else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with cloud.db.read() as session:
        assert cloud.ops.live(session, 'of-the-child') is not None
    cloud.start(resource='of-the-parent-again')
