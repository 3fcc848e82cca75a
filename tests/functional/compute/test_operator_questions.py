"""What operators and users ask of compute with an unmodified client: who used how much, what is on which host, lists narrowed down."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, running
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image
from tests.openstack_shell import CommandFailed, OpenStack


@pytest.fixture(scope='module')
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """One with two hosts."""
    with running(tmp_path_factory.mktemp('cloud'), compute={'simulated_hosts': 2}) as made:
        yield made


@pytest.fixture(scope='module')
def usual(admin: Client) -> dict[str, Any]:
    flavor = make_flavor(admin, f'asked-{uuid.uuid4().hex[:8]}', 128)
    return {'flavorRef': flavor, 'imageRef': make_image(admin, 'asked', visibility='public')}


@pytest.fixture
def servers(admin: Client, usual: dict[str, Any]) -> Iterator[Servers]:
    made = Servers(admin, **usual)
    yield made
    made.clear()


def test_a_client_shows_what_projects_used(servers: Servers, openstack: OpenStack, admin: Client) -> None:
    kept, gone = servers.create(name='kept')['id'], servers.create(name='gone')['id']
    servers.remove(gone)
    shown = openstack.show('usage show')
    assert shown['Project'] == admin.project_id and {kept, gone} <= {server['instance_id'] for server in shown['Servers']}
    assert [row for row in openstack.show('usage list') if row['Project'] in ('admin', admin.project_id)][0]['CPU Hours'] >= 0
    whole = admin.ask('GET', 'compute', f'/os-simple-tenant-usage/{admin.project_id}', headers=NEW)['tenant_usage']
    used = {one['instance_id']: one for one in whole['server_usages']}
    assert (used[kept]['state'], used[kept]['ended_at'], used[kept]['memory_mb']) == ('active', None, 128)
    assert used[gone]['state'] == 'terminated' and used[gone]['ended_at'] >= used[gone]['started_at']
    assert whole['total_hours'] == pytest.approx(sum(one['hours'] for one in whole['server_usages']))
    assert whole['total_memory_mb_usage'] >= 128 * used[kept]['hours'] > 0


def test_use_is_counted_within_the_period_only(servers: Servers, admin: Client) -> None:
    server = servers.create()
    path = f'/os-simple-tenant-usage/{admin.project_id}'
    launched = datetime.datetime.fromisoformat(server['OS-SRV-USG:launched_at'])
    assert admin.ask('GET', 'compute', f'{path}?start=2000-01-01T00:00:00&end=2000-02-01', headers=NEW) == {'tenant_usage': {}}
    tiny = launched + datetime.timedelta(microseconds=3600)
    found = admin.ask('GET', 'compute', f'{path}?start={launched.isoformat()}&end={tiny.isoformat()}', headers=NEW)['tenant_usage']
    assert {one['instance_id']: one for one in found['server_usages']}[server['id']]['hours'] == pytest.approx(1e-6)
    url = admin.catalog['compute']
    for query, words in (('start=yesterday', b'start'), ('start=2026-02-01T00:00:00&end=2026-01-01T00:00:00', b'after the end')):
        status, _, body = admin.raw('GET', f'{url}{path}?{query}', headers=NEW)
        assert status == 400 and words in body


def test_use_is_given_in_pages(servers: Servers, admin: Client) -> None:
    mine = {servers.create()['id'] for _ in range(3)}
    seen: list[str] = []
    path = f'/os-simple-tenant-usage/{admin.project_id}?limit=2'
    for _ in range(200):
        answer = admin.ask('GET', 'compute', path, headers=NEW)
        page = [one['instance_id'] for one in answer['tenant_usage'].get('server_usages', [])]
        assert len(page) <= 2
        seen += page
        if 'tenant_usage_links' not in answer:
            break
        path = answer['tenant_usage_links'][0]['href'].partition('/v2.1')[2]
    assert len(seen) == len(set(seen)) and mine <= set(seen)


def test_a_member_sees_the_use_of_the_own_project_only(cloud: TestCloud, admin: Client) -> None:
    member = cloud.newcomer(f'spender-{uuid.uuid4()}')
    url = member.catalog['compute']
    assert member.ask('GET', 'compute', f'/os-simple-tenant-usage/{member.project_id}') == {'tenant_usage': {}}
    assert member.raw('GET', f'{url}/os-simple-tenant-usage/{admin.project_id}')[0] == 403
    assert member.raw('GET', f'{url}/os-simple-tenant-usage')[0] == 403
    assert admin.raw('GET', f'{url}/os-simple-tenant-usage/')[0] == 404


def test_a_client_finds_hypervisors_by_name_and_the_servers_on_them(servers: Servers, openstack: OpenStack, admin: Client) -> None:
    names = [host['Hypervisor Hostname'] for host in openstack.show('hypervisor list')]
    assert len(names) > 1
    assert [host['Hypervisor Hostname'] for host in openstack.show('hypervisor list', '--matching', names[1])] == [names[1]]
    before = openstack.show('hypervisor show', names[1])['running_vms'] or 0
    server = servers.create(name='placed', host=names[1])['id']
    assert openstack.show('hypervisor show', names[1])['running_vms'] == before + 1
    assert openstack.show('hypervisor stats show')['running_vms'] > before
    found = admin.ask('GET', 'compute', f'/os-hypervisors?with_servers=True&hypervisor_hostname_pattern={names[1]}', headers=NEW)
    assert {'uuid': server, 'name': 'placed'} in found['hypervisors'][0]['servers']
    old = admin.ask('GET', 'compute', f'/os-hypervisors/{names[1]}/servers')['hypervisors']
    assert len(old) == 1 and {'uuid': server, 'name': 'placed'} in old[0]['servers']
    assert [host['hypervisor_hostname'] for host in admin.ask('GET', 'compute', f'/os-hypervisors/{names[1]}/search')['hypervisors']] == [
        names[1]
    ]
    assert admin.raw('GET', f'{admin.catalog["compute"]}/os-hypervisors/none-such/search')[0] == 404


def test_hypervisors_are_given_in_pages(admin: Client) -> None:
    everything = admin.ask('GET', 'compute', '/os-hypervisors/detail', headers=NEW)['hypervisors']
    first = admin.ask('GET', 'compute', '/os-hypervisors/detail?limit=1', headers=NEW)
    assert first['hypervisors'] == everything[:1] and 'marker=' in first['hypervisors_links'][0]['href']
    rest = admin.ask('GET', 'compute', f'/os-hypervisors/detail?marker={everything[0]["id"]}', headers=NEW)['hypervisors']
    assert [host['id'] for host in rest] == [host['id'] for host in everything[1:]]
    assert admin.raw('GET', f'{admin.catalog["compute"]}/os-hypervisors?marker=none-such', headers=NEW)[0] == 400


def test_a_client_lists_key_pairs_in_pages(openstack: OpenStack) -> None:
    names = [f'page-{number}' for number in range(3)]
    for name in names:
        openstack('keypair create', name)
    try:
        listed = [pair['Name'] for pair in openstack.show('keypair list', '--limit', '1')]
        assert len(listed) == len(set(listed)) and set(names) <= set(listed)
        assert names[0] not in [pair['Name'] for pair in openstack.show('keypair list', '--marker', names[0])]
    finally:
        openstack('keypair delete', *names)


def test_a_host_that_is_up_is_not_forgotten(openstack: OpenStack, admin: Client) -> None:
    service = openstack.show('compute service list')[0]
    with pytest.raises(CommandFailed, match='Stop its worker first'):
        openstack('compute service delete', service['ID'])
    assert service['ID'] in [one['ID'] for one in openstack.show('compute service list')]
    with pytest.raises(CommandFailed, match='could not be found'):
        openstack('compute service delete', str(uuid.uuid4()))


def test_news_from_elsewhere_reach_the_server(servers: Servers, admin: Client) -> None:
    server, nobody = servers.create()['id'], str(uuid.uuid4())
    url = f'{admin.catalog["compute"]}/os-server-external-events'

    def tell(*ids: str) -> tuple[int, Any]:
        status, _, body = admin.raw('POST', url, {'events': [{'name': 'network-changed', 'server_uuid': one} for one in ids]})
        return status, json.loads(body)

    status, answer = tell(server)
    assert status == 200 and answer['events'][0]['code'] == 200
    status, answer = tell(server, nobody)
    assert status == 207 and [event['code'] for event in answer['events']] == [200, 404]
    assert tell(nobody)[0] == 404


def test_no_filter_of_servers_is_left_out_unseen(servers: Servers, admin: Client, cloud: TestCloud) -> None:
    server = servers.create(name='display-me', accessIPv4='192.0.2.77')['id']
    url = admin.catalog['compute']
    for query, found in (
        ('display_name=display-me', True), ('display_name=other', False), ('access_ip_v4=192.0.2.77', True), ('access_ip_v4=192.0.2.78', False),
        ('auto_disk_config=true', False), ('auto_disk_config=false', True), ('soft_deleted=true', False), ('soft_deleted=false', True),
        ('image_ref=none-such', False), ('display_name=display-%5Bm%5De', True),
    ):  # fmt: skip
        listed = admin.ask('GET', 'compute', f'/servers?{query}', headers=NEW)['servers']
        assert (server in [entry['id'] for entry in listed]) is found, query
    status, _, body = admin.raw('GET', f'{url}/servers?colour=red', headers=NEW)
    assert status == 400 and b'colour' in body
    assert admin.raw('GET', f'{url}/servers?colour=red')[0] == 200, 'before 2.75 unknown parameters are not looked at'
    member = cloud.newcomer(f'looker-{uuid.uuid4()}')
    for query in ('host=h1', 'deleted=True'):
        assert member.raw('GET', f'{member.catalog["compute"]}/servers?{query}', headers=NEW)[0] == 403, query


def test_a_server_for_a_host_that_is_none_is_refused(servers: Servers) -> None:
    for wish in ({'host': 'nowhere'}, {'hypervisor_hostname': 'nowhere'}, {'availability_zone': 'nova:nowhere'}):
        status, answer = servers.post(**wish)
        assert status == 400 and b'Compute host nowhere could not be found' in answer, wish


def test_what_a_server_cannot_have_is_said_in_words(servers: Servers, openstack: OpenStack) -> None:
    swap = {'source_type': 'blank', 'destination_type': 'local', 'guest_format': 'swap', 'volume_size': 64, 'boot_index': -1}
    status, answer = servers.post(block_device_mapping_v2=[swap])
    assert status == 400 and b'come with the flavor' in answer
    status, answer = servers.post(tags=['a/b'])
    assert status == 400 and b'characters without , and /' in answer
    with pytest.raises(CommandFailed, match='nothing at /v2.1/os-server-groups'):
        openstack('server group list')
