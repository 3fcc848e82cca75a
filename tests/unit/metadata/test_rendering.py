"""What a guest reads, from a description of its server."""

from __future__ import annotations

import base64
import json
from typing import Any

from common import instance_metadata as im
from metadata import ec2_paths, openstack_paths

UUID = '83679162-1378-4288-a2d4-70e13ec132aa'


def server(**changes: Any) -> im.Description:
    found: im.Description = {
        'uuid': UUID,
        'name': 'web',
        'hostname': 'web.novalocal',
        'project_id': 'p1',
        'keypair': {'name': 'mykey', 'type': 'ssh', 'public_key': 'ssh-ed25519 AAAA me@home'},
        'metadata': {'role': 'front'},
        'user_data': base64.b64encode(b'#!/bin/sh\necho hi\n').decode(),
        'availability_zone': 'nova',
        'instance_type': 'm1.tiny',
        'security_groups': ['default', 'web'],
        'fixed_ips': ['10.0.0.5', 'fd00::5'],
        'floating_ips': ['172.24.4.9'],
        'image_id': '70a599e0-31e7-49b7-b260-868f441e862b',
        'launch_index': 2,
        'ports': [
            {
                'id': 'ce531f90-199f-48c0-816c-13e38010b442',
                'network_id': 'da5bb487-5193-4a65-a3df-4a0055a8c0d7',
                'mac_address': 'fa:16:3e:4c:2c:30',
                'mtu': 1450,
                'addresses': [
                    {
                        'ip_address': '10.0.0.5',
                        'cidr': '10.0.0.0/24',
                        'gateway_ip': '10.0.0.1',
                        'dns_nameservers': ['9.9.9.9'],
                        'enable_dhcp': True,
                    },
                    {
                        'ip_address': '192.0.2.7',
                        'cidr': '192.0.2.0/25',
                        'gateway_ip': '192.0.2.1',
                        'dns_nameservers': ['9.9.9.9'],
                        'host_routes': [{'destination': '198.51.100.0/24', 'nexthop': '192.0.2.9'}],
                        'enable_dhcp': False,
                    },
                ],
            }
        ],
        'block_devices': [
            {'device': '/dev/vda', 'kind': 'root'},
            {'device': '/dev/vdb', 'kind': 'volume'},
            {'device': '/dev/vdc', 'kind': 'swap'},
        ],
    }
    return {**found, **changes}  # type: ignore[typeddict-item]


def listing(*parts: str, **changes: Any) -> list[str]:
    found = ec2_paths.find(server(**changes), list(parts))
    assert found is not None
    return found.decode().split('\n')


def test_root_lists_versions() -> None:
    lines = ec2_paths.root_listing().split('\n')
    assert lines[0] == '1.0' and '2009-04-04' in lines and lines[-1] == 'latest'


def test_folders_end_with_a_slash_and_leaves_do_not() -> None:
    assert listing() == ['meta-data/', 'user-data']
    lines = listing('meta-data')
    assert 'block-device-mapping/' in lines and 'placement/' in lines and 'public-keys/' in lines
    assert 'instance-id' in lines and 'local-ipv4' in lines


def test_public_keys_are_listed_with_their_names_and_read_by_number() -> None:
    assert listing('meta-data', 'public-keys') == ['0=mykey']
    assert listing('meta-data', 'public-keys', '0') == ['openssh-key']
    assert ec2_paths.find(server(), ['meta-data', 'public-keys', '0', 'openssh-key']) == b'ssh-ed25519 AAAA me@home\n'
    assert ec2_paths.find(server(), ['meta-data', 'public-keys', '0', '_name']) is None


def test_leaves() -> None:
    def leaf(*parts: str) -> str:
        return (ec2_paths.find(server(), ['meta-data', *parts]) or b'').decode()

    assert leaf('local-ipv4') == '10.0.0.5'
    assert leaf('public-ipv4') == '172.24.4.9'
    assert leaf('instance-id') == 'i-8367916213784288a'
    assert leaf('ami-launch-index') == '2'
    assert leaf('placement', 'availability-zone') == 'nova'
    assert leaf('security-groups') == 'default\nweb'
    assert leaf('block-device-mapping', 'root') == '/dev/vda'
    assert leaf('block-device-mapping', 'ami') == 'vda'
    assert leaf('block-device-mapping', 'ebs0') == '/dev/vdb'
    assert leaf('block-device-mapping', 'swap') == '/dev/vdc'


def test_user_data_is_decoded_and_absent_where_there_is_none() -> None:
    assert ec2_paths.find(server(), ['user-data']) == b'#!/bin/sh\necho hi\n'
    assert ec2_paths.find(server(user_data=None), ['user-data']) is None
    assert openstack_paths.find(server(user_data=None), 'latest', ['user_data'], {}) is None
    assert listing(user_data=None) == ['meta-data/']


def test_no_key_no_folder() -> None:
    assert 'public-keys/' not in listing('meta-data', keypair=None)
    assert 'public_keys' not in im.meta_data(server(keypair=None))


def test_what_is_not_there_is_not_found() -> None:
    for parts in (['meta-data', 'nothing'], ['meta-data', 'local-ipv4', 'more'], ['dynamic']):
        assert ec2_paths.find(server(), parts) is None
    assert openstack_paths.find(server(), 'latest', ['meta_data.json', 'more'], {}) is None


def document(name: str, version: str = 'latest', **changes: Any) -> Any:
    found = openstack_paths.find(server(**changes), version, [name], {'shared': True})
    assert found is not None
    return json.loads(found[0])


def test_meta_data_json() -> None:
    body = document('meta_data.json')
    assert body['uuid'] == UUID and body['hostname'] == 'web.novalocal' and body['launch_index'] == 2
    assert body['meta'] == {'role': 'front'}
    assert body['keys'] == [{'name': 'mykey', 'type': 'ssh', 'data': 'ssh-ed25519 AAAA me@home\n'}]
    assert body['public_keys'] == {'mykey': 'ssh-ed25519 AAAA me@home\n'}
    assert len(base64.b64decode(body['random_seed'])) == 512
    assert 'admin_pass' not in body and document('meta_data.json', admin_pass='x')['admin_pass'] == 'x'


def test_network_data_json() -> None:
    body = document('network_data.json')
    assert [(link['vif_id'], link['ethernet_mac_address'], link['mtu']) for link in body['links']] == [
        ('ce531f90-199f-48c0-816c-13e38010b442', 'fa:16:3e:4c:2c:30', 1450)
    ]
    dynamic, static = body['networks']
    assert dynamic['type'] == 'ipv4_dhcp' and dynamic['link'] == body['links'][0]['id']
    assert (static['type'], static['ip_address'], static['netmask']) == ('ipv4', '192.0.2.7', '255.255.255.128')
    assert {'network': '0.0.0.0', 'netmask': '0.0.0.0', 'gateway': '192.0.2.1'} in static['routes']
    assert {'network': '198.51.100.0', 'netmask': '255.255.255.0', 'gateway': '192.0.2.9'} in static['routes']
    assert body['services'] == [{'type': 'dns', 'address': '9.9.9.9'}]


def test_documents_appear_with_their_version() -> None:
    def names(version: str) -> list[str]:
        found = openstack_paths.find(server(), version, [], {})
        assert found is not None
        return found[0].decode().split('\n')

    assert names('2012-08-10') == ['meta_data.json', 'user_data']
    assert 'network_data.json' in names('2015-10-15') and 'vendor_data2.json' not in names('2015-10-15')
    assert 'vendor_data2.json' in names('latest')
    assert 'random_seed' not in document('meta_data.json', '2012-08-10')
    assert openstack_paths.find(server(), '2012-08-10', ['network_data.json'], {}) is None


def test_vendor_data_of_the_server_goes_before_that_of_the_cloud() -> None:
    assert document('vendor_data.json') == {'shared': True}
    assert document('vendor_data.json', vendor_data={'own': 1}) == {'own': 1}


def test_config_drive_says_the_same_as_the_service() -> None:
    files = im.config_drive_files(server(), b'\0' * 512)
    assert json.loads(files['openstack/latest/meta_data.json'])['uuid'] == UUID
    assert json.loads(files['openstack/latest/network_data.json']) == document('network_data.json')
    assert files['openstack/latest/user_data'] == b'#!/bin/sh\necho hi\n' == files['ec2/latest/user-data']
    assert files['openstack/2018-08-27/meta_data.json'] == files['openstack/latest/meta_data.json']
    ec2 = json.loads(files['ec2/2009-04-04/meta-data.json'])
    assert ec2['public-keys'] == {'0=mykey': {'openssh-key': 'ssh-ed25519 AAAA me@home\n'}}
    assert 'openstack/latest/user_data' not in im.config_drive_files(server(user_data=None))


def test_barely_described_server() -> None:
    bare: im.Description = {'uuid': UUID, 'name': 'a', 'hostname': 'a', 'project_id': 'p'}
    assert b'instance-id' in (ec2_paths.find(bare, ['meta-data']) or b'')
    assert im.network_data(bare) == {'links': [], 'networks': [], 'services': []}
    assert im.config_drive_files(bare)
