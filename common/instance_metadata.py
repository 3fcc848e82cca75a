"""What a server may learn about itself: a description turned into the files of the metadata service and the config drive.

Pure functions: a description (see `Description`) goes in, dicts and bytes come out. No I/O, no service is imported, so
that the metadata service and the hypervisor's config drive say the same.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from typing import Any, TypedDict

OPENSTACK_VERSIONS = (
    '2012-08-10',
    '2013-04-04',
    '2013-10-17',
    '2015-10-15',
    '2016-06-30',
    '2016-10-06',
    '2017-02-22',
    '2018-08-27',
    '2020-10-14',
)
EC2_VERSIONS = (
    '1.0',
    '2007-01-19',
    '2007-03-01',
    '2007-08-29',
    '2007-10-10',
    '2007-12-15',
    '2008-02-01',
    '2008-09-01',
    '2009-04-04',
)
CONFIG_DRIVE_VERSION = '2018-08-27'


class Keypair(TypedDict):
    """`type` is 'ssh' or 'x509'; `public_key` is the text that the user registered."""

    name: str
    type: str
    public_key: str


class SubnetAddress(TypedDict, total=False):
    """One fixed address of a port and what its subnet says."""

    ip_address: str
    cidr: str
    gateway_ip: str | None
    dns_nameservers: list[str]
    host_routes: list[dict[str, str]]  # {'destination': cidr, 'nexthop': address}
    enable_dhcp: bool
    ipv6_address_mode: str | None
    floating_ips: list[str]


class Port(TypedDict, total=False):
    """A network interface of the server."""

    id: str
    network_id: str
    network_label: str
    mac_address: str
    mtu: int | None
    addresses: list[SubnetAddress]
    tags: list[str]


class BlockDevice(TypedDict, total=False):
    """A disk: `device` like '/dev/vda'; `kind` root, swap, ephemeral or volume."""

    device: str
    kind: str
    volume_id: str | None
    serial: str
    tags: list[str]


class Description(TypedDict, total=False):
    """A server as `ComputeMetadata.describe` tells it. Only uuid, name, hostname and project_id are always there."""

    uuid: str
    name: str
    hostname: str
    project_id: str
    user_id: str
    keypair: Keypair | None
    metadata: dict[str, str]
    user_data: str | None  # base64
    availability_zone: str | None
    instance_type: str
    security_groups: list[str]
    fixed_ips: list[str]
    floating_ips: list[str]
    ports: list[Port]
    block_devices: list[BlockDevice]
    image_id: str | None
    kernel_id: str | None
    ramdisk_id: str | None
    reservation_id: str
    launch_index: int
    created_at: str
    admin_pass: str | None
    vendor_data: dict[str, Any]
    files: list[dict[str, str]]  # {'path': where it belongs, 'content_path': where its content is}


def ec2_id(prefix: str, identifier: str) -> str:
    """The EC2 form of one of our ids: `i-` and the first 17 hex digits."""
    return f'{prefix}-{identifier.replace("-", "")[:17]}'


def user_data(server: Description) -> bytes | None:
    """The user data as the guest gets it (decoded), or None."""
    encoded = server.get('user_data')
    if not encoded:
        return None
    try:
        return base64.b64decode(encoded, validate=False)
    except (binascii.Error, ValueError):
        return encoded.encode()


def public_keys(server: Description) -> dict[str, str]:
    """Name -> public key, for ssh keys only."""
    keypair = server.get('keypair')
    if not keypair or keypair.get('type', 'ssh') != 'ssh':
        return {}
    return {keypair['name']: keypair['public_key'].rstrip('\n') + '\n'}


def meta_data(server: Description, random_seed: bytes | None = None) -> dict[str, Any]:
    """The body of OpenStack's meta_data.json. `random_seed`: entropy for the guest's generator."""
    keypair = server.get('keypair')
    body: dict[str, Any] = {
        'uuid': server['uuid'],
        'name': server['name'],
        'hostname': server['hostname'],
        'availability_zone': server.get('availability_zone'),
        'launch_index': server.get('launch_index', 0),
        'project_id': server['project_id'],
        'devices': _devices(server),
    }
    if server.get('metadata'):
        body['meta'] = dict(server['metadata'])
    if keypair:
        key_type = keypair.get('type', 'ssh')
        data = keypair['public_key'].rstrip('\n') + '\n'
        body['keys'] = [{'name': keypair['name'], 'type': key_type, 'data': data}]
        body['public_keys'] = {keypair['name']: data}
    if server.get('files'):
        body['files'] = list(server['files'])
    if server.get('admin_pass'):
        body['admin_pass'] = server['admin_pass']
    if random_seed is not None:
        body['random_seed'] = base64.b64encode(random_seed).decode()
    return body


def _devices(server: Description) -> list[dict[str, Any]]:
    """Only what carries a tag is told, so that a guest can find it by its role."""
    found: list[dict[str, Any]] = []
    for port in server.get('ports', []):
        if port.get('tags'):
            found.append({'type': 'nic', 'bus': 'none', 'address': 'none', 'mac': port.get('mac_address'), 'tags': port['tags']})
    for disk in server.get('block_devices', []):
        if disk.get('tags'):
            found.append({'type': 'disk', 'bus': 'none', 'address': 'none', 'serial': disk.get('serial'), 'tags': disk['tags']})
    return found


def network_data(server: Description) -> dict[str, Any]:
    """The body of network_data.json: links, networks and resolvers."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for port in server.get('ports', []):
        link = f'tap{port["id"][:11]}'
        links.append(
            {'id': link, 'vif_id': port['id'], 'type': 'bridge', 'mtu': port.get('mtu'), 'ethernet_mac_address': port.get('mac_address')}
        )
        for address in port.get('addresses', []):
            networks.append(_network(f'network{len(networks)}', link, port, address))
            for server_ip in address.get('dns_nameservers', []):
                service = {'type': 'dns', 'address': server_ip}
                if service not in services:
                    services.append(service)
    return {'links': links, 'networks': networks, 'services': services}


def _network(name: str, link: str, port: Port, address: SubnetAddress) -> dict[str, Any]:
    cidr = ipaddress.ip_network(address['cidr'], strict=False)
    out: dict[str, Any] = {'id': name, 'link': link, 'network_id': port.get('network_id')}
    if address.get('enable_dhcp', True) and address.get('ipv6_address_mode') != 'slaac':
        out['type'] = f'ipv{cidr.version}_dhcp'
        return out
    out['type'] = 'ipv6_slaac' if address.get('ipv6_address_mode') == 'slaac' else f'ipv{cidr.version}'
    out['ip_address'] = address['ip_address']
    out['netmask'] = str(cidr.netmask)
    out['routes'] = []
    if address.get('gateway_ip'):
        zero = '0.0.0.0' if cidr.version == 4 else '::'
        out['routes'].append({'network': zero, 'netmask': zero, 'gateway': address['gateway_ip']})
    for route in address.get('host_routes', []):
        target = ipaddress.ip_network(route['destination'], strict=False)
        out['routes'].append({'network': str(target.network_address), 'netmask': str(target.netmask), 'gateway': route['nexthop']})
    out['services'] = [{'type': 'dns', 'address': ip} for ip in address.get('dns_nameservers', [])]
    return out


def ec2_meta_data(server: Description) -> dict[str, Any]:
    """The tree below `meta-data/` of the EC2 form. A dict is a folder; a folder under `public-keys` lists as `0=name`."""
    fixed = [ip for ip in server.get('fixed_ips', []) if ':' not in ip]
    floating = [ip for ip in server.get('floating_ips', []) if ':' not in ip]
    image = server.get('image_id')
    tree: dict[str, Any] = {
        'ami-id': ec2_id('ami', image) if image else 'ami-00000000',
        'ami-launch-index': str(server.get('launch_index', 0)),
        'ami-manifest-path': '(unknown)',
        'block-device-mapping': _block_device_mapping(server),
        'hostname': server['hostname'],
        'instance-action': 'none',
        'instance-id': ec2_id('i', server['uuid']),
        'instance-type': server.get('instance_type') or '',
        'local-hostname': server['hostname'],
        'local-ipv4': fixed[0] if fixed else '',
        'placement': {'availability-zone': server.get('availability_zone') or ''},
        'public-hostname': server['hostname'],
        'public-ipv4': floating[0] if floating else '',
        'reservation-id': server.get('reservation_id') or ec2_id('r', server['uuid'])[:10],
        'security-groups': '\n'.join(server.get('security_groups', [])),
    }
    keys = public_keys(server)
    if keys:
        tree['public-keys'] = {str(n): {'_name': name, 'openssh-key': key} for n, (name, key) in enumerate(keys.items())}
    for name in ('kernel', 'ramdisk'):
        identifier = server.get(f'{name}_id')
        if identifier:
            tree[f'{name}-id'] = ec2_id({'kernel': 'aki', 'ramdisk': 'ari'}[name], str(identifier))
    return tree


def _block_device_mapping(server: Description) -> dict[str, str]:
    root = next((d for d in server.get('block_devices', []) if d.get('kind') == 'root'), None)
    root_device = (root or {}).get('device') or '/dev/vda'
    mapping = {'ami': root_device.removeprefix('/dev/'), 'root': root_device}
    counts: dict[str, int] = {}
    for disk in server.get('block_devices', []):
        kind = disk.get('kind', 'volume')
        if kind == 'swap':
            mapping['swap'] = disk['device']
        elif kind in ('ephemeral', 'volume') and disk.get('device'):
            label = 'ebs' if kind == 'volume' else 'ephemeral'
            mapping[f'{label}{counts.get(label, 0)}'] = disk['device']
            counts[label] = counts.get(label, 0) + 1
    return mapping


def ec2_json(server: Description) -> dict[str, Any]:
    """The EC2 tree as one JSON body, as the config drive has it."""
    tree = ec2_meta_data(server)
    keys = tree.pop('public-keys', {})
    tree['public-keys'] = {f'{n}={entry["_name"]}': {'openssh-key': entry['openssh-key']} for n, entry in keys.items()}
    return tree


def dumps(body: Any) -> bytes:
    """JSON as the files hold it."""
    return json.dumps(body, ensure_ascii=False).encode()


def config_drive_files(server: Description, random_seed: bytes | None = None) -> dict[str, bytes]:
    """Relative path -> content of every file of the config drive (volume label `config-2`)."""
    openstack: dict[str, bytes] = {
        'meta_data.json': dumps(meta_data(server, random_seed)),
        'network_data.json': dumps(network_data(server)),
        'vendor_data.json': dumps(server.get('vendor_data') or {}),
        'vendor_data2.json': dumps({}),
    }
    data = user_data(server)
    if data is not None:
        openstack['user_data'] = data
    ec2: dict[str, bytes] = {'meta-data.json': dumps(ec2_json(server))}
    if data is not None:
        ec2['user-data'] = data
    files: dict[str, bytes] = {}
    for version in (CONFIG_DRIVE_VERSION, 'latest'):
        files.update({f'openstack/{version}/{name}': content for name, content in openstack.items()})
    for version in (EC2_VERSIONS[-1], 'latest'):
        files.update({f'ec2/{version}/{name}': content for name, content in ec2.items()})
    return files
