"""Servers over HTTP, on simulated hosts, with all services real."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from compute import machine
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image, make_network


@pytest.fixture(scope='module')
def admin(cloud: TestCloud) -> Client:
    client = cloud.client()
    make_flavor(client, 'plain', 512)
    make_flavor(client, 'huge', 10_000_000)
    return client


@pytest.fixture(scope='module')
def usual(admin: Client) -> dict[str, Any]:
    """What servers are made with."""
    network = make_network(admin, 'servers', '10.9.0.0/24')
    return {'imageRef': make_image(admin, 'tiny', visibility='public'), 'flavorRef': 'plain', 'networks': [{'uuid': network}]}


@pytest.fixture
def servers(admin: Client, usual: dict[str, Any]) -> Iterator[Servers]:
    made = Servers(admin, **usual)
    yield made
    made.clear()


def test_a_server_becomes_active_with_an_address(servers: Servers) -> None:
    server = servers.create(metadata={'a': 'b'}, description='first', tags=['x'])
    addresses = [entry['addr'] for entry in server['addresses']['servers']]
    assert len(addresses) == 1 and addresses[0].startswith('10.9.0.')
    assert server['metadata'] == {'a': 'b'} and server['description'] == 'first' and server['tags'] == ['x']
    assert server['flavor']['original_name'] == 'plain' and server['OS-EXT-SRV-ATTR:host']
    port = servers.client.ask('GET', 'network', f'/v2.0/ports?device_id={server["id"]}')['ports'][0]
    assert port['status'] == 'ACTIVE' and port['binding:host_id'] == server['OS-EXT-SRV-ATTR:host']


def test_deleting_leaves_no_port(servers: Servers) -> None:
    server = servers.create()['id']
    servers.client.ask('DELETE', 'compute', f'/servers/{server}')
    eventually(lambda: servers.gone(server), what='deletion')
    assert servers.client.ask('GET', 'network', f'/v2.0/ports?device_id={server}')['ports'] == []


def test_power_actions(servers: Servers) -> None:
    server = servers.create()['id']
    assert 'Pileus simulated guest' in servers.act(server, {'os-getConsoleOutput': {}})['output']
    servers.act(server, {'os-stop': None}, 'SHUTOFF')
    servers.act(server, {'os-start': None}, 'ACTIVE')
    servers.act(server, {'reboot': {'type': 'SOFT'}}, 'ACTIVE')
    servers.act(server, {'reboot': {'type': 'HARD'}}, 'ACTIVE')
    servers.act(server, {'pause': None}, 'PAUSED')
    servers.act(server, {'unpause': None}, 'ACTIVE')
    assert [one['action'] for one in servers.actions(server)] == ['unpause', 'pause', 'reboot', 'reboot', 'start', 'stop', 'create']


def test_an_action_that_the_state_forbids_is_a_conflict(servers: Servers) -> None:
    server = servers.create()['id']
    status, _, body = servers.client.raw('POST', f'{servers.client.catalog["compute"]}/servers/{server}/action', {'os-start': None})
    assert status == 409 and b'conflictingRequest' in body and b'vm_state active' in body


@contextlib.contextmanager
def limits(client: Client, **most: int) -> Iterator[None]:
    """Other limits of the project within the block."""
    path = f'/os-quota-sets/{client.project_id}'
    client.ask('PUT', 'compute', path, {'quota_set': most})
    try:
        yield
    finally:
        client.ask('DELETE', 'compute', path)


def test_no_valid_host_says_why(servers: Servers) -> None:
    client = servers.client
    free = [host['memory_mb'] - host['memory_mb_used'] for host in client.ask('GET', 'compute', '/os-hypervisors/detail')['hypervisors']]
    with limits(client, ram=-1):
        fault = servers.create('ERROR', flavorRef='huge')['fault']
    assert f'memory (want 10000000 MiB, best {max(free)})' in fault['message']
    assert len(fault['message']) <= 255
    assert client.ask('GET', 'network', f'/v2.0/ports?device_id={servers.made[-1]}')['ports'] == []


def test_quota_counts_rows(servers: Servers) -> None:
    client = servers.client
    before = client.ask('GET', 'compute', '/limits')['limits']['absolute']['totalInstancesUsed']
    with limits(client, instances=before + 1):
        servers.create()
        status, answer = servers.post(name='one-too-many', networks='none')
        assert status == 403 and b'Quota exceeded' in answer


def test_volumes_are_attached_and_detached(servers: Servers) -> None:
    client = servers.client
    server = servers.create()['id']
    volume = client.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1}})['volume']['id']
    client.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    attached = client.ask('POST', 'compute', f'/servers/{server}/os-volume_attachments', {'volumeAttachment': {'volumeId': volume}})
    assert attached['volumeAttachment']['device'] == '/dev/vdb'
    shown = client.wait('volumev3', f'/volumes/{volume}', 'volume', 'in-use')
    assert shown['attachments'][0]['server_id'] == server
    client.ask('DELETE', 'compute', f'/servers/{server}/os-volume_attachments/{volume}')
    client.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    client.ask('DELETE', 'volumev3', f'/volumes/{volume}')


def test_a_server_that_is_deleted_gives_its_volume_back(servers: Servers) -> None:
    client = servers.client
    server = servers.create()['id']
    volume = client.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1}})['volume']['id']
    client.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    client.ask('POST', 'compute', f'/servers/{server}/os-volume_attachments', {'volumeAttachment': {'volumeId': volume}})
    client.wait('volumev3', f'/volumes/{volume}', 'volume', 'in-use')
    client.ask('DELETE', 'compute', f'/servers/{server}')
    client.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    client.ask('DELETE', 'volumev3', f'/volumes/{volume}')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'flavorRef': 'none-such'}, b'Flavor none-such could not be found'),
        ({'imageRef': '11111111-1111-4111-8111-111111111111'}, b'Can not find requested image'),
        ({'name': '   '}, b'name'),
        ({'name': 'x' * 256}, b'name'),
        ({'key_name': 'none-such'}, b'key_name'),
        ({'user_data': '!!!'}, b'base64'),
        ({'networks': [{'uuid': '11111111-1111-4111-8111-111111111111'}]}, b'could not be found'),
        ({'networks': [{'uuid': 'no-uuid'}]}, b'networks'),
        ({'min_count': 3, 'max_count': 2}, b'min_count must be <= max_count'),
        ({'security_groups': [{'name': 'none-such'}]}, b'none-such'),
        ({'availability_zone': 'none-such'}, b'availability zone'),
        ({'unknown': 1}, b'unknown'),
        ({'metadata': {'k': 1}}, b'metadata'),
        ({'tags': ['a,b']}, b'tags'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_changes_nothing(servers: Servers, change: dict[str, Any], words: bytes) -> None:
    client = servers.client
    before = len(client.ask('GET', 'compute', '/servers')['servers'])
    status, answer = servers.post(**{'name': 'bad', 'networks': 'none', **change})
    assert status == 400 and b'badRequest' in answer and words in answer
    assert len(client.ask('GET', 'compute', '/servers')['servers']) == before


def test_another_project_sees_nothing(cloud: TestCloud, servers: Servers) -> None:
    server = servers.create(user_data=base64.b64encode(b'secret').decode())['id']
    stranger = cloud.newcomer(f'stranger-{uuid.uuid4()}')
    assert stranger.ask('GET', 'compute', '/servers/detail')['servers'] == []
    base = stranger.catalog['compute']
    for method, path, body in (
        ('GET', f'/servers/{server}', None),
        ('DELETE', f'/servers/{server}', None),
        ('PUT', f'/servers/{server}', {'server': {'name': 'mine'}}),
        ('POST', f'/servers/{server}/action', {'os-stop': None}),
        ('GET', f'/servers/{server}/ips', None),
        ('GET', f'/servers/{server}/metadata', None),
        ('GET', f'/servers/{server}/os-interface', None),
        ('GET', f'/servers/{server}/os-volume_attachments', None),
        ('GET', f'/servers/{server}/os-instance-actions', None),
    ):
        assert stranger.raw(method, base + path, body)[0] == 404, path
    assert servers.in_status(server, 'ACTIVE')


def test_whoever_asks_what_changed_hears_of_what_is_gone(cloud: TestCloud, servers: Servers) -> None:
    gone, kept = servers.create(name='short-lived')['id'], servers.create(name='long-lived')
    servers.client.ask('DELETE', 'compute', f'/servers/{gone}')
    eventually(lambda: servers.gone(gone))
    changed = servers.client.ask('GET', 'compute', f'/servers/detail?changes-since={kept["created"]}', headers=NEW)['servers']
    assert {s['id']: s['status'] for s in changed if s['id'] in (gone, kept['id'])} == {gone: 'DELETED', kept['id']: 'ACTIVE'}
    listed = servers.client.ask('GET', 'compute', '/servers?status=DELETED', headers=NEW)['servers']
    assert gone in [s['id'] for s in listed] and kept['id'] not in [s['id'] for s in listed]


def test_servers_are_found_by_an_expression_of_their_name(servers: Servers) -> None:
    server = servers.create(name='node-17')['id']
    for pattern, found in (('node-%5B0-9%5D%2B', True), ('%5Enode-17%24', True), ('node-%5Ba-z%5D', False), ('nod%7Cweb', True)):
        listed = servers.client.ask('GET', 'compute', f'/servers?name={pattern}')['servers']
        assert (server in [entry['id'] for entry in listed]) is found, pattern


@pytest.mark.parametrize(
    ('change', 'status', 'words'),
    [
        ({'networks': 'auto'}, 400, b'automatically allocate a network'),
        ({'os:scheduler_hints': {'different_host': 5}}, 400, b'different_host'),
        ({'os:scheduler_hints': {'group': 'x'}}, 400, b'server groups'),
    ],
)
def test_what_cannot_be_given_is_refused(
    cloud: TestCloud, usual: dict[str, Any], change: dict[str, Any], status: int, words: bytes
) -> None:
    stranger = Servers(cloud.newcomer(f'asker-{uuid.uuid4()}'), **usual)
    answer = stranger.post(**{'networks': 'none', **change})
    assert answer[0] == status and words in answer[1], answer


def test_the_host_that_is_asked_for_by_its_other_name_is_the_one(servers: Servers) -> None:
    host = servers.client.ask('GET', 'compute', '/os-hypervisors', headers=NEW)['hypervisors'][-1]['hypervisor_hostname']
    assert servers.create(hypervisor_hostname=host)['OS-EXT-SRV-ATTR:host'] == host


def test_a_client_shows_a_hypervisor(cloud: TestCloud) -> None:
    openstack = cloud.openstack()
    host = cloud.client().ask('GET', 'compute', '/os-hypervisors', headers=NEW)['hypervisors'][0]['hypervisor_hostname']
    shown = openstack.show('hypervisor show', host)
    assert shown['hypervisor_hostname'] == host
    assert float(shown['load_average'].split(',')[0]) >= 0
    assert shown['uptime']
    assert shown['host_ip'] == machine.address()


def test_deleting_by_force_deletes(servers: Servers) -> None:
    server = servers.create()['id']
    servers.act(server, {'forceDelete': None})
    eventually(lambda: servers.gone(server), what='deletion')


def test_what_was_done_to_a_deleted_server_is_still_told(servers: Servers) -> None:
    server = servers.create()['id']
    servers.client.ask('DELETE', 'compute', f'/servers/{server}')
    eventually(lambda: servers.gone(server))
    path = f'/servers/{server}/os-instance-actions'
    done = servers.client.ask('GET', 'compute', path, headers=NEW)['instanceActions']
    assert [one['action'] for one in done] == ['delete', 'create']
    assert servers.client.raw('GET', f'{servers.client.catalog["compute"]}{path}')[0] == 404  # as before version 2.21


def test_access_addresses_are_kept_in_their_usual_form(servers: Servers) -> None:
    server = servers.create(accessIPv6='0000:0000:0000:0000:0000:babe:220.12.22.2', accessIPv4='1.1.1.1')
    assert (server['accessIPv6'], server['accessIPv4']) == ('::babe:dc0c:1602', '1.1.1.1')
    changed = servers.client.ask('PUT', 'compute', f'/servers/{server["id"]}', {'server': {'accessIPv4': '', 'accessIPv6': 'FD00::1'}})
    assert (changed['server']['accessIPv6'], changed['server']['accessIPv4']) == ('fd00::1', '')
    url = f'{servers.client.catalog["compute"]}/servers/{server["id"]}'
    assert servers.client.raw('PUT', url, {'server': {'accessIPv4': '300.1.1.1'}})[0] == 400


def test_key_pairs_may_be_certificates(servers: Servers) -> None:
    made = servers.client.ask('POST', 'compute', '/os-keypairs', {'keypair': {'name': 'win', 'type': 'x509'}}, headers=NEW)['keypair']
    certificate = x509.load_pem_x509_certificate(made['public_key'].encode())
    private = serialization.load_pem_private_key(made['private_key'].encode(), None)
    assert certificate.public_key() == private.public_key() and made['type'] == 'x509'
    assert made['fingerprint'].replace(':', '') == certificate.fingerprint(hashes.SHA1()).hex()
    body = {'keypair': {'name': 'mine', 'type': 'x509', 'public_key': made['public_key']}}
    assert servers.client.ask('POST', 'compute', '/os-keypairs', body, headers=NEW)['keypair']['fingerprint'] == made['fingerprint']
    body = {'keypair': {'name': 'bad', 'type': 'x509', 'public_key': 'ssh-rsa AAAA'}}
    answer = servers.client.raw('POST', f'{servers.client.catalog["compute"]}/os-keypairs', body, headers=NEW)
    assert answer[0] == 400 and b'X.509' in answer[2]
    for name in ('win', 'mine'):
        servers.client.ask('DELETE', 'compute', f'/os-keypairs/{name}', headers=NEW)
