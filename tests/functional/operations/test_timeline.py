"""The timeline: requests and steps of one service in order, and who may see what of them."""

from __future__ import annotations

import pytest

from common import clock
from common.context import Context
from common.operations import SERVICE, Runner, host_location
from common.operations.timeline import RequestEvents, Timeline, for_reader
from tests.functional.operations.cloud import BOOT, TABLES, Cloud

ALICE = Context(request_id='req-own', global_request_id='req-global', user_id='alice', project_id='p1', roles=frozenset({'member'}))
BOB = Context(request_id='req-bob', global_request_id='req-bob', user_id='bob', project_id='p2', roles=frozenset({'member'}))


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path)
    runner = Runner(cloud.ops, at=cloud.worlds, workers=2)
    runner.start()
    cloud.requests = RequestEvents(cloud.db, TABLES)
    yield cloud
    cloud.requests.stop()
    runner.stop()
    cloud.db.dispose()


def boot(cloud, ctx, server):
    began = clock.timestamp()
    with cloud.db.write() as session:
        operation = cloud.ops.start(session, ctx, BOOT, server)
    cloud.requests.record(ctx, 'POST', '/v2.1/servers', 202, began, 0.01)
    cloud.ops.wait(operation)
    cloud.requests.flush()
    return operation


def read(cloud, **what):
    with cloud.db.read() as session:
        return Timeline('compute', TABLES).of(session, **what)


def test_one_request_is_followed_from_its_start_to_the_last_step(cloud):
    boot(cloud, ALICE, 'server-1')
    boot(cloud, BOB, 'server-2')
    for what in ({'request': 'req-global'}, {'request': 'req-own'}, {'resource': 'server-1'}):
        events = read(cloud, **what)
        assert events[0]['type'] == 'request'
        assert (events[0]['method'], events[0]['path'], events[0]['status'], events[0]['user']) == ('POST', '/v2.1/servers', 202, 'alice')
        steps = [(event['step'], event['event']) for event in events[1:]]
        assert steps[:2] == [('choose_host', 'started'), ('choose_host', 'done')]
        assert steps[-1] == ('', 'done')
        assert {event['resource_id'] for event in events[1:]} == {'server-1'}
        assert [event['at'] for event in events] == sorted(event['at'] for event in events)
        assert all(event['duration'] >= 0 for event in events if event['event' if 'event' in event else 'type'] == 'done')


def test_a_project_sees_its_own_and_no_hosts(cloud):
    operation = boot(cloud, ALICE, 'server-1')
    assert read(cloud, resource='server-1', project='p2') == []
    seen = for_reader(read(cloud, resource=operation, project='p1'), admin=False)
    assert seen
    assert all('host' not in event and 'admin_detail' not in event for event in seen)
    assert seen[0]['at'].endswith('Z')
    admin = for_reader(read(cloud, resource='server-1'), admin=True)
    assert {event['host'] for event in admin if event['type'] == 'step' and event['step'] == 'make_disk'} == {'h1'}


def test_readings_are_not_noted_unless_they_failed(cloud):
    record = cloud.requests.record
    for method, status, ctx in (
        ('GET', 200, ALICE),
        ('GET', 404, ALICE),
        ('GET', 401, Context.anonymous()),
        ('GET', 503, Context.anonymous('req-x')),
    ):
        record(ctx, method, '/x', status, clock.timestamp(), 0.0)
    assert cloud.requests.flush() == 2
    assert [event['status'] for event in read(cloud, request='req-global')] == [404]


def test_requests_are_written_in_the_background(cloud):
    cloud.requests.record(ALICE, 'DELETE', '/v2.1/servers/x', 204, clock.timestamp(), 0.0)
    end = clock.monotonic() + 60
    while not read(cloud, request='req-own'):
        assert clock.monotonic() < end
        clock.sleep(0.02)


def test_old_operations_and_requests_are_forgotten(cloud):
    boot(cloud, ALICE, 'server-1')
    live = cloud.start(resource='held')
    cloud.ops.wait(live)
    assert cloud.ops.store.prune(clock.now()) == 2
    assert read(cloud, request='req-global') == []
    with cloud.db.read() as session:
        assert cloud.ops.history(session, 'server-1') == []


def test_places():
    assert (SERVICE, host_location('h1')) == ('service', 'host:h1')
