"""The database server is killed and started again in the middle of operations: all of them end well, nothing is done twice."""

from __future__ import annotations

import contextlib
import time

import pytest

from common.db import Database
from common.errors import Unavailable
from common.operations import HOST, SERVICE, Operation, Runner, Step, host_location
from tests.functional.operations.cloud import HOSTS, Cloud
from tests.servers import PrivateServer, fresh_database, missing


def slowly(name):
    def do(run):
        time.sleep(0.05)
        run.world.make(f'{name}-{run.resource_id}')

    return do


SLOW = Operation(
    'server.slow',
    of='server',
    steps=[
        Step('choose', do=lambda run: run.set_host(HOSTS[int(run.resource_id) % 3])),
        *(Step(f'step{number}', on=HOST if number % 2 else SERVICE, do=slowly(f'thing{number}')) for number in range(12)),
    ],
)


@pytest.fixture(params=['mysql', 'postgresql'])
def server(request):
    reason = missing(request.param)
    if reason:
        pytest.skip(reason)
    server = PrivateServer(request.param)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def test_ten_operations_outlive_an_outage(server, tmp_path):
    url = fresh_database(server.url)
    cloud = Cloud(tmp_path, url, (SLOW,))
    places = (SERVICE, *(host_location(host) for host in HOSTS))
    runners = [Runner(cloud.ops, at=place, world=cloud.things, workers=4, sweep_every=0.2) for place in places]
    for runner in runners:
        runner.start()
    try:
        operations = [cloud.start(SLOW, str(number)) for number in range(10)]
        end = time.monotonic() + 60
        while len(cloud.things.all()) < 20:
            assert time.monotonic() < end, 'the operations do not go on'
            time.sleep(0.01)
        server.kill()
        assert len(cloud.things.all()) < 110, 'in the middle of them'
        with contextlib.closing(_Closing(Database(url))) as other, pytest.raises(Unavailable):
            other.db.ping()
        time.sleep(2)
        server.start()
        records = [cloud.ops.wait(operation, timeout=60) for operation in operations]
        assert [record.state for record in records] == ['done'] * 10
        assert cloud.things.all() == {f'thing{step}-{number}' for step in range(12) for number in range(10)}
        for operation in operations:
            done = [step for step, direction, event in cloud.events(operation) if (direction, event) == ('do', 'done')]
            assert done == ['choose', *(f'step{number}' for number in range(12))]
    finally:
        for runner in runners:
            runner.stop()
        cloud.db.dispose()


class _Closing:
    def __init__(self, db):
        self.db = db

    def close(self):
        self.db.dispose()
