"""A server told to others: to itself (metadata, config drive) and, of its failures, to its user."""

from __future__ import annotations

import base64
from typing import Any

from common import clock, instance_metadata
from common.instance_metadata import Description
from compute.db.models import Server


def description(server: Server, security_groups: list[str] | None = None) -> Description:
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
        'security_groups': security_groups or list(server.requested.get('security_group_names', ['default'])),
        'fixed_ips': fixed,
        'floating_ips': floating,
        'ports': [_port(entry) for entry in server.network_info],
        'block_devices': [{'device': '/dev/vda', 'kind': 'root'}],
        'image_id': server.image_id,
        'reservation_id': server.reservation_id or '',
        'launch_index': server.launch_index,
        'created_at': str(clock.iso(server.created_at)),
    }
    if server.public_key and server.key_name:
        found['keypair'] = {'name': server.key_name, 'type': server.key_type or 'ssh', 'public_key': server.public_key}
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
        'addresses': addresses,
    }


def config_drive_files(server: Description, personality: list[dict[str, str]]) -> dict[str, bytes]:
    """The files of a config drive: path -> content."""
    files = dict(instance_metadata.config_drive_files(server))
    for index, entry in enumerate(personality):
        files[f'openstack/content/{index:04d}'] = base64.b64decode(entry['contents'])
    return files


def fault(found: dict[str, Any]) -> dict[str, Any]:
    """The fault of an operation as the API shows it: 255 characters that say it all, details for the administrator."""
    code = {'no_valid_host': 500, 'refused': 500}.get(str(found.get('code')), 500)
    return {
        'code': code,
        'message': str(found.get('message') or 'The operation failed.')[:255],
        'details': str(found.get('admin_detail') or found.get('details') or ''),
        'created': clock.iso(clock.now()),
    }
