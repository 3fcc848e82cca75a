"""What a server says of its network follows its ports: their addresses, their groups, and whether they are there."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from common import instance_metadata
from common.context import Context
from compute import describe
from compute.rpc import ComputeMetadata
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image, make_network


@pytest.fixture(scope='module')
def admin(cloud: TestCloud) -> Client:
    client = cloud.client()
    make_flavor(client, 'ports')
    return client


@pytest.fixture(scope='module')
def network(admin: Client) -> str:
    return make_network(admin, 'lan', '10.44.0.0/24')


@pytest.fixture(scope='module')
def usual(admin: Client, network: str) -> dict[str, Any]:
    """What servers are made with."""
    return {'name': 'ported', 'imageRef': make_image(admin, 'of-ports'), 'flavorRef': 'ports', 'networks': [{'uuid': network}]}


@pytest.fixture(scope='module')
def group(admin: Client) -> dict[str, Any]:
    return dict(admin.ask('POST', 'network', '/v2.0/security-groups', {'security_group': {'name': 'web-in'}})['security_group'])


@pytest.fixture
def servers(admin: Client, usual: dict[str, Any]) -> Iterator[Servers]:
    made = Servers(admin, **usual)
    yield made
    made.clear()


def groups(servers: Servers, server: str) -> list[str]:
    return sorted(entry['name'] for entry in servers.show(server).get('security_groups', []))


def addresses(servers: Servers, server: str) -> list[str]:
    return sorted(entry['addr'] for entry in servers.show(server)['addresses'].get('lan', []))


def port_of(admin: Client, server: str) -> dict[str, Any]:
    return dict(admin.ask('GET', 'network', f'/v2.0/ports?device_id={server}')['ports'][0])


def put_port(admin: Client, port: str, **values: Any) -> None:
    admin.ask('PUT', 'network', f'/v2.0/ports/{port}', {'port': values})


def test_a_group_that_was_named_by_its_id_is_shown_by_its_name(admin: Client, servers: Servers, group: dict[str, Any]) -> None:
    server = servers.create(security_groups=[{'name': group['id']}])['id']
    assert groups(servers, server) == ['web-in']
    answer = admin.ask('GET', 'compute', '/servers/detail?name=ported', headers=NEW)['servers']
    assert [entry['security_groups'] for entry in answer if entry['id'] == server] == [[{'name': 'web-in'}]]


def test_a_server_shows_the_groups_of_the_port_that_its_user_brought(
    admin: Client, servers: Servers, network: str, group: dict[str, Any]
) -> None:
    port = admin.ask('POST', 'network', '/v2.0/ports', {'port': {'network_id': network, 'security_groups': [group['id']]}})['port']['id']
    assert groups(servers, servers.create(networks=[{'port': port}])['id']) == ['web-in']
    bare = {'port': {'network_id': network, 'security_groups': [], 'port_security_enabled': False}}
    port = admin.ask('POST', 'network', '/v2.0/ports', bare)['port']['id']
    assert groups(servers, servers.create(networks=[{'port': port}])['id']) == []


def test_groups_that_are_added_and_removed_are_seen_at_once(admin: Client, servers: Servers, group: dict[str, Any]) -> None:
    server = servers.create()['id']
    assert groups(servers, server) == ['default']
    admin.ask('POST', 'compute', f'/servers/{server}/action', {'addSecurityGroup': {'name': 'web-in'}})
    assert groups(servers, server) == ['default', 'web-in']
    admin.ask('POST', 'compute', f'/servers/{server}/action', {'removeSecurityGroup': {'name': 'default'}})
    assert groups(servers, server) == ['web-in']
    put_port(admin, port_of(admin, server)['id'], security_groups=[])
    eventually(lambda: groups(servers, server) == [], what='no group')


def test_an_address_that_is_changed_on_the_port_is_changed_on_the_server(admin: Client, servers: Servers, network: str) -> None:
    server = servers.create()['id']
    port = port_of(admin, server)
    kept = port['fixed_ips'][0]
    other = admin.ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': network, 'ip_version': 4, 'cidr': '10.45.0.0/24'}})
    put_port(admin, port['id'], fixed_ips=[kept, {'subnet_id': other['subnet']['id'], 'ip_address': '10.45.0.9'}])
    eventually(lambda: addresses(servers, server) == sorted([kept['ip_address'], '10.45.0.9']), what='both addresses')
    put_port(admin, port['id'], fixed_ips=[{'subnet_id': other['subnet']['id'], 'ip_address': '10.45.0.9'}])
    eventually(lambda: addresses(servers, server) == ['10.45.0.9'], what='the new address alone')


def test_a_port_that_is_deleted_is_taken_out_of_its_server(admin: Client, servers: Servers, cloud: TestCloud) -> None:
    server = servers.create()['id']
    admin.ask('DELETE', 'network', f'/v2.0/ports/{port_of(admin, server)["id"]}')
    eventually(lambda: addresses(servers, server) == [], what='no address')
    eventually(lambda: servers.actions(server)[0]['action'] == 'detach_interface', what='unplugged')
    assert admin.ask('GET', 'compute', f'/servers/{server}/os-interface')['interfaceAttachments'] == []
    servers.reach(server, 'ACTIVE')


def test_an_address_that_cannot_be_had_is_refused_at_once(servers: Servers, network: str) -> None:
    taken = addresses(servers, servers.create()['id'])[0]
    for address, words in ((taken, 'already in use'), ('172.31.0.9', 'none of the subnets'), ('10.44.0.999', 'not an IP address')):
        status, data = servers.post(networks=[{'uuid': network, 'fixed_ip': address}])
        assert status == 400 and words in data.decode(), data


def test_a_guest_finds_its_card_and_its_volume_by_their_tags(cloud: TestCloud, admin: Client, servers: Servers, network: str) -> None:
    volume = admin.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1}})['volume']['id']
    admin.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    server = servers.create(networks=[{'uuid': network, 'tag': 'lan'}])['id']
    body = {'volumeAttachment': {'volumeId': volume, 'tag': 'data'}}
    admin.ask('POST', 'compute', f'/servers/{server}/os-volume_attachments', body, headers=NEW)
    admin.wait('volumev3', f'/volumes/{volume}', 'volume', 'in-use')
    servers.reach(server)
    told = cloud.runtime.broker.client(ComputeMetadata).describe(Context.service('metadata'), server_id=server)
    devices = instance_metadata.meta_data(told)['devices']
    assert [(device['type'], device['tags']) for device in devices] == [('nic', ['lan']), ('disk', ['data'])]
    assert devices[0]['mac'] == port_of(admin, server)['mac_address'] and devices[1]['serial'] == volume
    assert instance_metadata.ec2_meta_data(told)['block-device-mapping']['ebs0'] == '/dev/vdb'
    servers.clear()
    admin.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    admin.ask('DELETE', 'volumev3', f'/volumes/{volume}')


def test_files_come_on_a_config_drive_and_say_where_they_belong(servers: Servers) -> None:
    nonsense, files = (
        [{'path': '/etc/greeting', 'contents': contents}] for contents in ('not base64!', base64.b64encode(b'hello').decode())
    )
    for given in (nonsense, files):
        assert servers.post(personality=given)[0] == 400, 'newer versions take no files'
    assert servers.post(headers={}, personality=nonsense)[0] == 400
    status, answer = servers.post(headers={}, personality=files)
    assert status == 202, answer
    servers.made.append(json.loads(answer)['server']['id'])
    assert servers.reach(servers.made[-1])['config_drive'] == 'True'
    made = describe.config_drive_files({'uuid': 'u', 'name': 'n', 'hostname': 'h', 'project_id': 'p'}, files)
    assert json.loads(made['openstack/latest/meta_data.json'])['files'] == [{'path': '/etc/greeting', 'content_path': '/content/0000'}]
    assert made['openstack/content/0000'] == b'hello'
