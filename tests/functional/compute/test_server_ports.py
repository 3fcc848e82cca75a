"""What a server says of its network follows its ports: their addresses, their groups, and whether they are there."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common import instance_metadata
from common.context import Context
from compute import describe
from compute.rpc import ComputeMetadata
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually

NEW = {'OpenStack-API-Version': 'compute 2.79'}


@pytest.fixture(scope='module')
def admin(cloud: TestCloud) -> Client:
    client = cloud.client()
    flavor = {'id': 'ports', 'name': 'ports', 'ram': 64, 'vcpus': 1, 'disk': 1}
    assert client.raw('POST', f'{client.catalog["compute"]}/flavors', {'flavor': flavor})[0] in (200, 409)
    return client


@pytest.fixture(scope='module')
def image(admin: Client) -> str:
    body = {'name': 'of-ports', 'disk_format': 'raw', 'container_format': 'bare'}
    made = admin.ask('POST', 'image', '/v2/images', body)['id']
    admin.ask('PUT', 'image', f'/v2/images/{made}/file', b'\0' * 4096, headers={'Content-Type': 'application/octet-stream'})
    return str(made)


@pytest.fixture(scope='module')
def network(admin: Client) -> str:
    made = admin.ask('POST', 'network', '/v2.0/networks', {'network': {'name': 'lan'}})['network']['id']
    admin.ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': made, 'ip_version': 4, 'cidr': '10.44.0.0/24'}})
    return str(made)


@pytest.fixture(scope='module')
def group(admin: Client) -> dict[str, Any]:
    return dict(admin.ask('POST', 'network', '/v2.0/security-groups', {'security_group': {'name': 'web-in'}})['security_group'])


@pytest.fixture
def create(admin: Client, image: str, network: str) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def create(**values: Any) -> str:
        body = {'name': 'ported', 'imageRef': image, 'flavorRef': 'ports', 'networks': [{'uuid': network}], **values}
        server = admin.ask('POST', 'compute', '/servers', {'server': body}, headers=NEW)['server']['id']
        made.append(server)
        eventually(lambda: show(admin, server)['status'] == 'ACTIVE', what='ACTIVE')
        return str(server)

    yield create
    for server in made:
        admin.raw('DELETE', f'{admin.catalog["compute"]}/servers/{server}')
    eventually(lambda: all(admin.raw('GET', f'{admin.catalog["compute"]}/servers/{server}')[0] == 404 for server in made))


def show(admin: Client, server: str) -> dict[str, Any]:
    return dict(admin.ask('GET', 'compute', f'/servers/{server}', headers=NEW)['server'])


def groups(admin: Client, server: str) -> list[str]:
    return sorted(entry['name'] for entry in show(admin, server).get('security_groups', []))


def addresses(admin: Client, server: str) -> list[str]:
    return sorted(entry['addr'] for entry in show(admin, server)['addresses'].get('lan', []))


def port_of(admin: Client, server: str) -> dict[str, Any]:
    return dict(admin.ask('GET', 'network', f'/v2.0/ports?device_id={server}')['ports'][0])


def put_port(admin: Client, port: str, **values: Any) -> None:
    admin.ask('PUT', 'network', f'/v2.0/ports/{port}', {'port': values})


def test_a_group_that_was_named_by_its_id_is_shown_by_its_name(admin: Client, create: Callable[..., str], group: dict[str, Any]) -> None:
    server = create(security_groups=[{'name': group['id']}])
    assert groups(admin, server) == ['web-in']
    answer = admin.ask('GET', 'compute', '/servers/detail?name=ported', headers=NEW)['servers']
    assert [entry['security_groups'] for entry in answer if entry['id'] == server] == [[{'name': 'web-in'}]]


def test_a_server_shows_the_groups_of_the_port_that_its_user_brought(
    admin: Client, create: Callable[..., str], network: str, group: dict[str, Any]
) -> None:
    port = admin.ask('POST', 'network', '/v2.0/ports', {'port': {'network_id': network, 'security_groups': [group['id']]}})['port']['id']
    assert groups(admin, create(networks=[{'port': port}])) == ['web-in']
    bare = {'port': {'network_id': network, 'security_groups': [], 'port_security_enabled': False}}
    port = admin.ask('POST', 'network', '/v2.0/ports', bare)['port']['id']
    assert groups(admin, create(networks=[{'port': port}])) == []


def test_groups_that_are_added_and_removed_are_seen_at_once(admin: Client, create: Callable[..., str], group: dict[str, Any]) -> None:
    server = create()
    assert groups(admin, server) == ['default']
    admin.ask('POST', 'compute', f'/servers/{server}/action', {'addSecurityGroup': {'name': 'web-in'}})
    assert groups(admin, server) == ['default', 'web-in']
    admin.ask('POST', 'compute', f'/servers/{server}/action', {'removeSecurityGroup': {'name': 'default'}})
    assert groups(admin, server) == ['web-in']
    put_port(admin, port_of(admin, server)['id'], security_groups=[])
    eventually(lambda: groups(admin, server) == [], what='no group')


def test_an_address_that_is_changed_on_the_port_is_changed_on_the_server(admin: Client, create: Callable[..., str], network: str) -> None:
    server = create()
    port = port_of(admin, server)
    kept = port['fixed_ips'][0]
    other = admin.ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': network, 'ip_version': 4, 'cidr': '10.45.0.0/24'}})
    put_port(admin, port['id'], fixed_ips=[kept, {'subnet_id': other['subnet']['id'], 'ip_address': '10.45.0.9'}])
    eventually(lambda: addresses(admin, server) == sorted([kept['ip_address'], '10.45.0.9']), what='both addresses')
    put_port(admin, port['id'], fixed_ips=[{'subnet_id': other['subnet']['id'], 'ip_address': '10.45.0.9'}])
    eventually(lambda: addresses(admin, server) == ['10.45.0.9'], what='the new address alone')


def test_a_port_that_is_deleted_is_taken_out_of_its_server(admin: Client, create: Callable[..., str], cloud: TestCloud) -> None:
    server = create()
    admin.ask('DELETE', 'network', f'/v2.0/ports/{port_of(admin, server)["id"]}')
    eventually(lambda: addresses(admin, server) == [], what='no address')
    eventually(
        lambda: (
            [a['action'] for a in admin.ask('GET', 'compute', f'/servers/{server}/os-instance-actions')['instanceActions']][0]
            == 'detach_interface'
        ),
        what='unplugged',
    )
    assert admin.ask('GET', 'compute', f'/servers/{server}/os-interface')['interfaceAttachments'] == []
    eventually(lambda: show(admin, server)['OS-EXT-STS:task_state'] is None)
    assert show(admin, server)['status'] == 'ACTIVE'


def test_an_address_that_cannot_be_had_is_refused_at_once(admin: Client, create: Callable[..., str], network: str, image: str) -> None:
    taken = addresses(admin, create())[0]
    for address, words in ((taken, 'already in use'), ('172.31.0.9', 'none of the subnets'), ('10.44.0.999', 'not an IP address')):
        body = {'name': 'x', 'imageRef': image, 'flavorRef': 'ports', 'networks': [{'uuid': network, 'fixed_ip': address}]}
        status, _, data = admin.raw('POST', f'{admin.catalog["compute"]}/servers', {'server': body}, headers=NEW)
        assert status == 400 and words in data.decode(), data


def test_a_guest_finds_its_card_and_its_volume_by_their_tags(
    cloud: TestCloud, admin: Client, create: Callable[..., str], network: str
) -> None:
    volume = admin.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1}})['volume']['id']
    admin.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
    server = create(networks=[{'uuid': network, 'tag': 'lan'}])
    body = {'volumeAttachment': {'volumeId': volume, 'tag': 'data'}}
    admin.ask('POST', 'compute', f'/servers/{server}/os-volume_attachments', body, headers=NEW)
    admin.wait('volumev3', f'/volumes/{volume}', 'volume', 'in-use')
    told = cloud.runtime.broker.client(ComputeMetadata).describe(Context.service('metadata'), server_id=server)
    devices = instance_metadata.meta_data(told)['devices']
    assert [(device['type'], device['tags']) for device in devices] == [('nic', ['lan']), ('disk', ['data'])]
    assert devices[0]['mac'] == port_of(admin, server)['mac_address'] and devices[1]['serial'] == volume
    assert instance_metadata.ec2_meta_data(told)['block-device-mapping']['ebs0'] == '/dev/vdb'


def test_files_come_on_a_config_drive_and_say_where_they_belong(admin: Client, network: str, image: str, cloud: TestCloud) -> None:
    url = f'{admin.catalog["compute"]}/servers'
    body = {'name': 'filed', 'imageRef': image, 'flavorRef': 'ports', 'networks': [{'uuid': network}]}
    for contents, status in (('not base64!', 400), (base64.b64encode(b'hello').decode(), 202)):
        files = [{'path': '/etc/greeting', 'contents': contents}]
        answer = admin.raw('POST', url, {'server': {**body, 'personality': files}})
        assert answer[0] == status, answer
        assert admin.raw('POST', url, {'server': {**body, 'personality': files}}, headers=NEW)[0] == 400
    server = json.loads(answer[2])['server']['id']
    eventually(lambda: show(admin, server)['status'] == 'ACTIVE')
    assert show(admin, server)['config_drive'] == 'True'
    admin.ask('DELETE', 'compute', f'/servers/{server}')
    files = describe.config_drive_files({'uuid': 'u', 'name': 'n', 'hostname': 'h', 'project_id': 'p'}, files)
    assert json.loads(files['openstack/latest/meta_data.json'])['files'] == [{'path': '/etc/greeting', 'content_path': '/content/0000'}]
    assert files['openstack/content/0000'] == b'hello'
