"""Claims as services make them: over the broker, many at once, by several scheduler processes."""

from __future__ import annotations

import collections
import concurrent.futures
import datetime
import uuid

import pytest

from common.context import Context
from common.db import Database, migrate
from common.errors import Conflict, InvalidInput, NotFound, NoValidHost
from common.messaging import Broker
from scheduler.conf import SchedulerOptions
from scheduler.db import rows
from scheduler.rpc import Scheduler
from scheduler.service import SchedulerService
from scheduler.worker import SchedulerWorker
from tests.databases import database_url, servers  # noqa: F401

CTX = Context.service('test')
SMALL = {'kind': 'server', 'vcpus': 1, 'ram': 512, 'disk': 1}


@pytest.fixture
def url(database_url):  # noqa: F811
    db = Database(database_url)
    migrate.sync(db, 'scheduler.db')
    db.dispose()
    return database_url


@pytest.fixture
def schedulers(url):
    """Three processes' worth of schedulers on one queue: separate memories, one database."""
    broker = Broker(f'pileus-memory://{uuid.uuid4().hex}')
    services = [SchedulerService(Database(url), SchedulerOptions()) for _ in range(3)]
    serving = [broker.serve(Scheduler, SchedulerWorker(service), workers=4) for service in services]
    yield broker.client(Scheduler), services
    for server in serving:
        server.stop()
    broker.close()
    for service in services:
        service.db.dispose()


def report(client, number, **rest):
    client.report(CTX, hosts=[{'name': f'h{i}', 'vcpus': 4, 'ram': 4096, 'disk': 50, **rest} for i in range(number)])


def refresh(services):
    for service in services:
        service.hosts.refresh(everything=True)


def test_two_hundred_race_for_a_hundred_and_fifty_places(schedulers):
    client, services = schedulers
    report(client, 15, ram=5120)  # ten servers of 512 MiB a host
    refresh(services)

    def claim(number):
        try:
            return client.claim(CTX, consumer=f'server-{number}', request={**SMALL})['host']
        except NoValidHost as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        results = list(pool.map(claim, range(200)))
    placed = collections.Counter(result for result in results if isinstance(result, str))
    refused = [result for result in results if not isinstance(result, str)]
    assert sum(placed.values()) == 150
    assert set(placed.values()) == {10}
    assert len(refused) == 50
    for error in refused:
        assert error.message == 'No valid host: 15 hosts: 15 lack memory (want 512 MiB, best 0)'
        assert len(error.message) <= 255
        assert error.details['refusals'] == [{'dimension': 'ram', 'count': 15, 'wanted': 512, 'best': 0, 'unit': 'MiB'}]
    refresh(services)
    used = {host['name']: (host['used_ram'], host['capacity_ram']) for host in services[0].hosts.describe('server')}
    assert set(used.values()) == {(5120, 5120)}
    assert services[0].claims.recount() == []


def test_the_same_consumer_gets_the_same_answer(schedulers):
    client, services = schedulers
    report(client, 5)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.claim(CTX, consumer='s', request=SMALL), range(16)))
    assert len({(answer['host'], answer['claim']) for answer in answers}) == 1
    refresh(services)
    assert sum(host['used_ram'] for host in services[0].hosts.describe('server')) == 512


def test_a_release_gives_the_room_back_once(schedulers):
    client, services = schedulers
    report(client, 1)
    client.claim(CTX, consumer='s', request={**SMALL, 'ram': 4096})
    with pytest.raises(NoValidHost, match='1 lacks memory'):
        client.claim(CTX, consumer='t', request=SMALL)
    for _ in range(3):
        client.release(CTX, consumer='s')
    assert client.claim(CTX, consumer='t', request={**SMALL, 'ram': 4096})['host'] == 'h0'
    assert services[0].claims.recount() == []


def test_a_host_that_refused_is_left_for_another(schedulers):
    client, services = schedulers
    report(client, 2)
    first = client.claim(CTX, consumer='s', request=SMALL)['host']
    second = client.claim(CTX, consumer='s', request={**SMALL, 'exclude': [first]})['host']
    assert second != first
    with pytest.raises(NoValidHost, match='2 refused it before'):
        client.claim(CTX, consumer='s', request={**SMALL, 'exclude': ['h0', 'h1']})
    refresh(services)
    assert sum(host['used_ram'] for host in services[0].hosts.describe('server')) == 0


def test_anti_affinity_holds_however_many_race(schedulers):
    client, services = schedulers
    report(client, 6)
    refresh(services)
    group = {'id': 'g', 'policy': 'anti-affinity'}

    def claim(number):
        try:
            return client.claim(CTX, consumer=f's{number}', request={**SMALL, 'group': group})['host']
        except NoValidHost as error:
            assert '6 hold a member of the group' in error.message
            return None

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        hosts = [host for host in pool.map(claim, range(10)) if host]
    assert sorted(hosts) == ['h0', 'h1', 'h2', 'h3', 'h4', 'h5']


def test_affinity_holds_however_many_race(schedulers):
    client, services = schedulers
    report(client, 6)
    refresh(services)
    group = {'id': 'g', 'policy': 'affinity'}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        hosts = set(pool.map(lambda i: client.claim(CTX, consumer=f's{i}', request={**SMALL, 'group': group})['host'], range(4)))
    assert len(hosts) == 1


def test_a_move_holds_both_places_until_it_is_settled(schedulers):
    client, services = schedulers
    report(client, 2)
    old = client.claim(CTX, consumer='s', request=SMALL)['host']
    new = client.move(CTX, consumer='s', request={**SMALL, 'exclude': [old]})['host']
    refresh(services)
    assert {host['name']: host['used_ram'] for host in services[0].hosts.describe('server')} == {old: 512, new: 512}
    for _ in range(2):
        client.settle(CTX, consumer='s', keep='incoming')
    refresh(services)
    assert {host['name']: host['used_ram'] for host in services[0].hosts.describe('server')} == {old: 0, new: 512}
    assert client.claim(CTX, consumer='s', request=SMALL)['host'] == new


def test_what_operators_decide_is_followed_and_survives_reports(schedulers):
    client, services = schedulers
    report(client, 3)
    client.set_host(CTX, kind='server', name='h0', values={'enabled': False, 'disabled_reason': 'new disks'})
    client.set_host(CTX, kind='server', name='h1', values={'zone': 'east', 'ratio_ram': 2.0})
    report(client, 3, zone='nova')
    refresh(services)
    found = {host['name']: host for host in client.hosts(CTX, kind='server')}
    assert found['h0']['enabled'] is False
    assert found['h0']['disabled_reason'] == 'new disks'
    assert (found['h1']['zone'], found['h1']['capacity_ram'], found['h1']['ram']) == ('east', 8192, 4096)
    with pytest.raises(NoValidHost) as refused:
        client.claim(CTX, consumer='s', request={**SMALL, 'ram': 4096, 'vcpus': 8, 'zone': 'east'})
    assert refused.value.message == (
        'No valid host: 3 hosts: 1 disabled, 1 lacks vCPUs (want 8, best 4), 1 other zone; would fit with 4 vCPUs'
    )
    with pytest.raises(NotFound):
        client.set_host(CTX, kind='server', name='h9', values={'enabled': True})
    with pytest.raises(InvalidInput, match='name'):
        client.set_host(CTX, kind='server', name='h0', values={'name': 'x'})


def test_a_host_in_use_is_not_forgotten(schedulers):
    client, services = schedulers
    report(client, 1)
    client.claim(CTX, consumer='s', request=SMALL)
    with pytest.raises(Conflict, match='holds 1 servers'):
        client.remove_host(CTX, kind='server', name='h0')
    client.release(CTX, consumer='s')
    client.remove_host(CTX, kind='server', name='h0')
    refresh(services)
    assert client.hosts(CTX) == []


def test_a_silent_host_gets_nothing(url):
    service = SchedulerService(Database(url), SchedulerOptions(down_after=30))
    worker = SchedulerWorker(service)
    worker.report(CTX, hosts=[{'name': 'h0', 'vcpus': 4, 'ram': 4096, 'disk': 50}])
    for host in service.hosts.of_kind('server'):
        host.seen_at -= 31
    with service.db.write() as session:
        rows.write_seen(session, [1], datetime.datetime(2026, 1, 1))
    service.hosts.refresh()
    with pytest.raises(NoValidHost, match='1 down'):
        worker.claim(CTX, consumer='s', request=SMALL)
    worker.beat(CTX, kind='server', names=['h0'])
    assert worker.claim(CTX, consumer='s', request=SMALL)['host'] == 'h0'
    service.db.dispose()


def test_every_decision_is_explained_later(schedulers):
    client, services = schedulers
    report(client, 3)
    client.claim(CTX, consumer='s', request={**SMALL, 'ram': 0})
    with pytest.raises(NoValidHost):
        client.claim(CTX, consumer='big', request={**SMALL, 'ram': 8192})
    good = client.explain(CTX, consumer='s')['decisions'][0]
    assert good['host'] in ('h0', 'h1', 'h2')
    assert good['explanation']['fitting'] == 3
    bad = client.explain(CTX, consumer='big')['decisions'][0]
    assert bad['host'] is None
    assert bad['message'] == 'No valid host: 3 hosts: 3 lack memory (want 8192 MiB, best 4096); would fit with 4096 MiB of memory'
    assert {(one['host'], one['wanted'], one['had']) for one in bad['explanation']['sample']} == {(f'h{i}', 8192, 4096) for i in range(3)}


def test_a_dry_run_changes_nothing(schedulers):
    client, services = schedulers
    report(client, 1)
    for _ in range(20):
        assert client.dry_run(CTX, request={**SMALL, 'ram': 4096})['host'] == 'h0'
    with pytest.raises(NoValidHost, match='best 4096'):
        client.dry_run(CTX, request={**SMALL, 'ram': 4097})
    assert services[0].claims.recount() == []


def test_volumes_have_hosts_of_their_own(schedulers):
    client, _ = schedulers
    report(client, 1)
    with pytest.raises(NoValidHost, match='there is no host for a volume'):
        client.claim(CTX, consumer='v', request={'kind': 'volume', 'disk': 1})
    client.report(CTX, hosts=[{'kind': 'volume', 'name': 'h0', 'disk': 10}])
    assert client.claim(CTX, consumer='v', request={'kind': 'volume', 'disk': 10})['host'] == 'h0'
    with pytest.raises(NoValidHost, match='want 1 GiB, best 0'):
        client.claim(CTX, consumer='w', request={'kind': 'volume', 'disk': 1})


@pytest.mark.parametrize(
    'request_', [{'vcpus': -1}, {'ram': 'much'}, {'colour': 'red'}, {'kind': 'car'}, {'group': {'policy': 'affinity'}}]
)
def test_a_request_that_makes_no_sense_is_refused(schedulers, request_):
    with pytest.raises(InvalidInput):
        schedulers[0].claim(CTX, consumer='s', request=request_)
