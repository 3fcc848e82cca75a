"""Servers as clients see them, at each microversion. Works on rows and on records alike."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from common import clock
from common.api import Call
from compute import network_info, server_states
from compute.api.versions import minor

_WITH_PROGRESS = frozenset({'ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE'})


def links(call: Call, collection: str, identifier: str) -> list[dict[str, str]]:
    """`self` and `bookmark`."""
    return [
        {'rel': 'self', 'href': call.url(f'/v2.1/{collection}/{identifier}')},
        {'rel': 'bookmark', 'href': call.url(f'/{collection}/{identifier}')},
    ]


def brief(call: Call, server: Any) -> dict[str, Any]:
    """id, name, links."""
    return {'id': server.id, 'name': server.name, 'links': links(call, 'servers', server.id)}


class ServerView:
    """Makes views for one request: what depends on the request alone is worked out once."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.minor = minor(call)
        self.base = call.base_url
        self.sees_host = call.allowed('compute:servers:show_host')

    def _links(self, collection: str, identifier: str) -> list[dict[str, str]]:
        return [
            {'rel': 'self', 'href': f'{self.base}/v2.1/{collection}/{identifier}'},
            {'rel': 'bookmark', 'href': f'{self.base}/{collection}/{identifier}'},
        ]

    def whole(self, server: Any, volumes: list[tuple[str, bool]], *, detail: bool = True, listed: bool = False) -> dict[str, Any]:
        """Everything about a server. `volumes`: (id, delete on termination); `detail` False: as the answer of an update."""
        status = server_states.status_of(server.vm_state, server.task_state)
        body = {
            'id': server.id,
            'name': server.name,
            'status': status,
            'tenant_id': server.project_id,
            'user_id': server.user_id,
            'metadata': server.server_metadata,
            'hostId': host_id(server.project_id, server.host),
            'image': {'id': server.image_id, 'links': self._bookmark('images', server.image_id)} if server.image_id else '',
            'flavor': self._flavor(server),
            'created': clock.iso(server.created_at),
            'updated': clock.iso(server.updated_at or server.created_at),
            'addresses': network_info.addresses(server.network_info),
            'accessIPv4': server.access_ip_v4 or '',
            'accessIPv6': server.access_ip_v6 or '',
            'links': self._links('servers', server.id),
            'OS-DCF:diskConfig': server.disk_config,
        }
        if status in _WITH_PROGRESS:
            body['progress'] = server.progress
        if server.fault and (status == 'ERROR' or server.deleted):
            body['fault'] = self._fault(server.fault)
        if detail or self.minor >= 75:
            self._add_detail(body, server, volumes)
        self._add_versions(body, server)
        if self.minor >= 71 and not listed:
            body['server_groups'] = []
        return body

    def _bookmark(self, collection: str, identifier: str) -> list[dict[str, str]]:
        return [{'rel': 'bookmark', 'href': f'{self.base}/{collection}/{identifier}'}]

    def _flavor(self, server: Any) -> dict[str, Any]:
        flavor = server.flavor
        if self.minor < 47:
            return {'id': server.flavor_id, 'links': self._bookmark('flavors', server.flavor_id)}
        return {
            'vcpus': flavor['vcpus'],
            'ram': flavor['ram'],
            'disk': flavor['disk'],
            'ephemeral': flavor['ephemeral'],
            'swap': flavor['swap'],
            'original_name': flavor['original_name'],
            'extra_specs': flavor['extra_specs'],
        }

    def _fault(self, fault: dict[str, Any]) -> dict[str, Any]:
        message = fault.get('admin_message', fault['message']) if self.sees_host else fault['message']
        shown = {'code': fault['code'], 'created': fault['created'], 'message': message}
        if self.call.ctx.is_admin and fault.get('details'):
            shown['details'] = fault['details']
        return shown

    def _add_detail(self, body: dict[str, Any], server: Any, volumes: list[tuple[str, bool]]) -> None:
        attached: list[dict[str, Any]] = [{'id': volume_id} for volume_id, _ in volumes]
        if self.minor >= 3:
            attached = [{'id': volume_id, 'delete_on_termination': too} for volume_id, too in volumes]
        body |= {
            'key_name': server.key_name,
            'config_drive': 'True' if server.config_drive else '',
            'OS-EXT-AZ:availability_zone': server.availability_zone or '',
            'OS-SRV-USG:launched_at': clock.iso(server.launched_at, micro=True, zulu=False),
            'OS-SRV-USG:terminated_at': clock.iso(server.terminated_at, micro=True, zulu=False),
            'OS-EXT-STS:task_state': server.task_state,
            'OS-EXT-STS:vm_state': server.vm_state,
            'OS-EXT-STS:power_state': server.power_state,
            'os-extended-volumes:volumes_attached': attached,
        }
        groups = network_info.group_names(server)
        if groups:
            body['security_groups'] = [{'name': name} for name in groups]
        if self.sees_host:
            body |= {
                'OS-EXT-SRV-ATTR:host': server.host,
                'OS-EXT-SRV-ATTR:hypervisor_hostname': server.host,
                'OS-EXT-SRV-ATTR:instance_name': f'pl-{server.id}',
            }
            if self.minor >= 3:
                body |= {
                    'OS-EXT-SRV-ATTR:hostname': server.hostname,
                    'OS-EXT-SRV-ATTR:reservation_id': server.reservation_id,
                    'OS-EXT-SRV-ATTR:launch_index': server.launch_index,
                    'OS-EXT-SRV-ATTR:kernel_id': '',
                    'OS-EXT-SRV-ATTR:ramdisk_id': '',
                    'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
                    'OS-EXT-SRV-ATTR:user_data': server.user_data,
                }
            if self.minor >= 16:
                body['host_status'] = 'UP' if server.host else ''

    def _add_versions(self, body: dict[str, Any], server: Any) -> None:
        if self.minor >= 9:
            body['locked'] = server.locked
        if self.minor >= 19:
            body['description'] = server.description
        if self.minor >= 26:
            body['tags'] = server.tags
        if self.minor >= 63:
            body['trusted_image_certificates'] = None
        if self.minor >= 73:
            body['locked_reason'] = server.locked_reason


@functools.lru_cache(4096)
def host_id(project_id: str, host: str | None) -> str:
    """A name for the host that tells a project nothing but whether two of its servers share one."""
    return hashlib.sha224(f'{project_id}{host}'.encode()).hexdigest() if host else ''
