"""Volumes and network cards of a server."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, POST, Bool, Call, Obj, Reply, Resource, Str, Uuid
from common.api.types import Raw
from compute import attachments
from compute.api import answers
from compute.api.versions import minor
from compute.db.models import ServerVolume


def volume_view(call: Call, volume: ServerVolume, created: bool = False) -> dict[str, Any]:
    """A volume attachment as clients see it."""
    body: dict[str, Any] = {'id': volume.volume_id, 'serverId': volume.server_id, 'volumeId': volume.volume_id, 'device': volume.device}
    if minor(call) >= 70:
        body['tag'] = volume.tag
    if minor(call) >= 79:
        body['delete_on_termination'] = volume.delete_on_termination
    return body


def list_volumes(call: Call) -> Reply:
    """Volumes of the server."""
    found = attachments.list_volumes(call.service, call.ctx, call.params['id'])
    return Reply({'volumeAttachments': [volume_view(call, volume) for volume in found]}, wrap=False)


def show_volume(call: Call) -> Reply:
    """One volume of the server."""
    found = attachments.show_volume(call.service, call.ctx, call.params['id'], call.params['volume'])
    return Reply({'volumeAttachment': volume_view(call, found)}, wrap=False)


def attach_volume(call: Call) -> Reply:
    """Plug one in."""
    volume = attachments.attach_volume(call.service, call.ctx, call.params['id'], call.body)
    return Reply({'volumeAttachment': volume_view(call, volume, created=True)}, wrap=False)


def detach_volume(call: Call) -> None:
    """Unplug it."""
    attachments.detach_volume(call.service, call.ctx, call.params['id'], call.params['volume'])


def interface_view(port: dict[str, Any]) -> dict[str, Any]:
    """A network card as clients see it."""
    return {
        'port_id': port['id'],
        'port_state': port['status'],
        'net_id': port['network_id'],
        'mac_addr': port['mac_address'],
        'fixed_ips': [{'ip_address': fixed['ip_address'], 'subnet_id': fixed['subnet_id']} for fixed in port['fixed_ips']],
    }


def list_interfaces(call: Call) -> Reply:
    """Network cards of the server."""
    found = attachments.list_interfaces(call.service, call.ctx, call.params['id'])
    return Reply({'interfaceAttachments': [interface_view(port) for port in found]}, wrap=False)


def show_interface(call: Call) -> Reply:
    """One network card."""
    from common.errors import NotFound

    for port in attachments.list_interfaces(call.service, call.ctx, call.params['id']):
        if port['id'] == call.params['port']:
            return Reply({'interfaceAttachment': interface_view(port)}, wrap=False)
    raise NotFound('port', call.params['port'])


def attach_interface(call: Call) -> Reply:
    """Plug one in."""
    port = attachments.attach_interface(call.service, call.ctx, call.params['id'], call.body or {})
    return Reply({'interfaceAttachment': interface_view(port)}, wrap=False)


def detach_interface(call: Call) -> None:
    """Unplug it."""
    attachments.detach_interface(call.service, call.ctx, call.params['id'], call.params['port'])


_VOLUME = Obj(
    {'volumeId': Uuid, 'device': Str(255, min=1) | None, 'tag': Str(60, min=1), 'delete_on_termination': Bool}, required=['volumeId']
)
_INTERFACE = Raw(
    {
        'type': ['object', 'null'],
        'properties': {
            'net_id': {'type': 'string', 'maxLength': 36},
            'port_id': {'type': 'string', 'maxLength': 36},
            'fixed_ips': {
                'type': 'array',
                'minItems': 1,
                'maxItems': 1,
                'items': {
                    'type': 'object',
                    'properties': {'ip_address': {'type': 'string', 'maxLength': 45}},
                    'required': ['ip_address'],
                    'additionalProperties': False,
                },
            },
            'tag': {'type': 'string', 'maxLength': 60},
        },
        'additionalProperties': False,
    },
    'an object that names a network or a port',
)
_ID = '/v2.1/{project}/servers/{id}'
ATTACHMENTS = Resource(
    'volumeAttachments',
    'volumeAttachment',
    view=answers.VOLUME,
    routes=[
        GET(f'{_ID}/os-volume_attachments', list_volumes, policy='compute:volumes:list'),
        POST(f'{_ID}/os-volume_attachments', attach_volume, policy='compute:volumes:attach', body=_VOLUME),
        GET(f'{_ID}/os-volume_attachments/{{volume}}', show_volume, policy='compute:volumes:list'),
        DELETE(f'{_ID}/os-volume_attachments/{{volume}}', detach_volume, policy='compute:volumes:detach', ok=202),
    ],
)
INTERFACES = Resource(
    'interfaceAttachments',
    'interfaceAttachment',
    view=answers.INTERFACE,
    routes=[
        GET(f'{_ID}/os-interface', list_interfaces, policy='compute:interfaces:list', listing=False, response=answers.INTERFACES),
        POST(f'{_ID}/os-interface', attach_interface, policy='compute:interfaces:attach', body=_INTERFACE),
        GET(f'{_ID}/os-interface/{{port}}', show_interface, policy='compute:interfaces:list'),
        DELETE(f'{_ID}/os-interface/{{port}}', detach_interface, policy='compute:interfaces:detach', ok=202),
    ],
)
