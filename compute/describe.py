"""A server told to others: to itself (metadata, config drive) and, of its failures, to its user."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from common import clock, instance_metadata
from common.instance_metadata import BlockDevice, Description
from common.operations.faults import for_users
from compute import network_info
from compute.db.models import Server, ServerVolume


def description(server: Server, volumes: Iterable[ServerVolume] = ()) -> Description:
    """What a server may learn about itself."""
    fixed = [ip['address'] for entry in server.network_info for ip in entry['ips']]
    floating = [text for entry in server.network_info for ip in entry['ips'] for text in ip['floating']]
    found: Description = {
        'uuid': server.id,
        'name': server.name,
        'hostname': server.hostname,
        'project_id': server.project_id,
        'user_id': server.user_id,
        'metadata': dict(server.server_metadata),
        'user_data': server.user_data,
        'availability_zone': server.availability_zone,
        'instance_type': str(server.flavor.get('original_name', '')),
        'security_groups': network_info.group_names(server),
        'fixed_ips': fixed,
        'floating_ips': floating,
        'ports': [_port(entry) for entry in server.network_info],
        'block_devices': _disks(volumes),
        'image_id': server.image_id,
        'reservation_id': server.reservation_id or '',
        'launch_index': server.launch_index,
        'created_at': str(clock.iso(server.created_at)),
    }
    if server.public_key and server.key_name:
        found['keypair'] = {'name': server.key_name, 'type': server.key_type or 'ssh', 'public_key': server.public_key}
    return found


def _disks(volumes: Iterable[ServerVolume]) -> list[BlockDevice]:
    root: BlockDevice = {'device': '/dev/vda', 'kind': 'root'}
    found = [root]
    for volume in volumes:
        known: BlockDevice = {'volume_id': volume.volume_id, 'serial': volume.volume_id, 'tags': [volume.tag] if volume.tag else []}
        if volume.boot_index == 0:
            root.update(known)
        else:
            found.append({'device': volume.device or '', 'kind': 'volume', **known})
    return found


def _port(entry: dict[str, Any]) -> Any:
    addresses = []
    for ip in entry['ips']:
        subnet = entry['subnets'].get(ip['subnet_id'], {})
        addresses.append({'ip_address': ip['address'], 'floating_ips': ip['floating'], **subnet})
    return {
        'id': entry['port_id'],
        'network_id': entry['network_id'],
        'network_label': entry['label'],
        'mac_address': entry['mac'],
        'mtu': entry['mtu'],
        'tags': [entry['tag']] if entry.get('tag') else [],
        'addresses': addresses,
    }


def config_drive_files(server: Description, personality: list[dict[str, str]]) -> dict[str, bytes]:
    """The files of a config drive: path -> content."""
    named = [{'path': entry['path'], 'content_path': f'/content/{index:04d}'} for index, entry in enumerate(personality)]
    files = dict(instance_metadata.config_drive_files({**server, 'files': named}))
    for index, entry in enumerate(personality):
        files[f'openstack/content/{index:04d}'] = base64.b64decode(entry['contents'])
    return files


def fault(found: dict[str, Any]) -> dict[str, Any]:
    """The fault of an operation as the API shows it: 255 characters that say it all, and for administrators the hosts and details."""
    message = str(found.get('message') or 'The operation failed.')
    return {
        'code': 500,
        'message': for_users(found),
        'admin_message': message[:255],
        'details': str(found.get('admin_detail') or found.get('details') or ''),
        'created': clock.iso(clock.now()),
    }
