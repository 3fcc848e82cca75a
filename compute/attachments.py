"""Volumes and network cards of servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_id
from compute import server_states, servers
from compute.db import servers as queries
from compute.db.models import Server, ServerVolume
from compute.operations import ports
from compute.operations.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE
from compute.operations.volumes import ATTACH, DETACH

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from compute.service import ComputeService

_DEVICE = re.compile(r'/dev/[a-z]{2,3}d?[b-z]\Z')
_LETTERS = 'bcdefghijklmnopqrstuvwxyz'
_PLUG_TIME = 120.0  # seconds that a request waits for a network card to be plugged in


def list_volumes(service: ComputeService, ctx: Context, server_id: str) -> list[ServerVolume]:
    """Volumes of a server. Raises NotFound."""
    with service.db.read() as session:
        server = servers.find(service, ctx, session, server_id)
        return queries.volumes_of(session, [server.id])[server.id]


def show_volume(service: ComputeService, ctx: Context, server_id: str, volume_id: str) -> ServerVolume:
    """One volume of a server. Raises NotFound."""
    found = next((volume for volume in list_volumes(service, ctx, server_id) if volume.volume_id == volume_id), None)
    if found is None:
        raise NotFound('volume attachment', volume_id, message=f'Instance {server_id} is not attached to volume {volume_id}.')
    return found


def attach_volume(service: ComputeService, ctx: Context, server_id: str, body: dict[str, Any]) -> ServerVolume:
    """Start to plug a volume in; gives what it will be. Raises NotFound, InvalidInput, Conflict."""
    volume_id = body['volumeId']
    with service.db.read() as session:
        servers.find(service, ctx, session, server_id, 'compute:volumes:attach')
    check_volume(service, ctx, volume_id)
    made: list[ServerVolume] = []

    def change(session: Session) -> str:
        server = servers.find(service, ctx, session, server_id, 'compute:volumes:attach')
        present = queries.volumes_of(session, [server.id])[server.id]
        if any(volume.volume_id == volume_id and volume.status == 'attached' for volume in present):
            raise InvalidInput(f'Invalid volume: volume {volume_id} is already attached to instance {server_id}.', field='volumeId')
        device = _device(body.get('device'), present)
        params = {'volume_id': volume_id, 'device': device, 'host': server.host, 'timeout': service.options.detach_timeout}
        operation_id = servers.begin(service, ctx, session, server, 'attach_volume', ATTACH, None, params)
        made[:] = [ServerVolume(
            id=new_id(), server_id=server.id, volume_id=volume_id, device=device, tag=body.get('tag'), status='attaching',
            delete_on_termination=bool(body.get('delete_on_termination', False)), created_at=now(),
        )]  # fmt: skip
        session.add(made[0])
        return operation_id

    servers.in_turn(service, change)
    return made[0]


def check_volume(service: ComputeService, ctx: Context, volume_id: str, *, bootable: bool = False) -> None:
    """Raise NotFound or InvalidInput when the volume is not the caller's, cannot be attached now, or cannot be booted from."""
    try:
        volume = service.volume.with_context(ctx).get(f'/v3/volumes/{volume_id}')['volume']
    except NotFound:
        volume = None
    if volume is None or (volume.get('os-vol-tenant-attr:tenant_id') != ctx.project_id and not ctx.is_admin):
        raise NotFound('volume', volume_id)
    if volume['status'] != 'available':
        raise InvalidInput(
            f"Invalid volume: volume '{volume_id}' status must be 'available'. Currently in '{volume['status']}'.", field='volumeId'
        )
    if bootable and volume.get('bootable') != 'true':
        raise InvalidInput(f'Block Device {volume_id} is not bootable.', field='block_device_mapping_v2')


def _device(asked: str | None, present: list[ServerVolume]) -> str:
    """The device name that the volume gets. The guest decides in the end; the name is a promise of the order."""
    used = {(volume.device or '')[-1:] for volume in present}
    if asked and not _DEVICE.match(asked):
        raise InvalidInput(f'The supplied device path ({asked[:64]}) is invalid.', field='device')
    if asked and asked[-1] in used:
        raise Conflict(f'The supplied device path ({asked}) is in use.')
    letter = asked[-1] if asked else next((letter for letter in _LETTERS if letter not in used), None)
    if letter is None:
        raise Forbidden('A server has at most 25 volumes.')
    return f'/dev/vd{letter}'


def detach_volume(service: ComputeService, ctx: Context, server_id: str, volume_id: str) -> None:
    """Start to unplug a volume. Raises NotFound, Conflict."""

    def change(session: Session) -> str:
        server = servers.find(service, ctx, session, server_id, 'compute:volumes:detach')
        volume = queries.volume_of(session, server.id, volume_id)
        if volume is None:
            raise NotFound('volume attachment', volume_id, message=f'Instance {server_id} is not attached to volume {volume_id}.')
        if volume.boot_index == 0:
            raise Forbidden(f'Volume {volume_id} is the root disk of instance {server_id} and cannot be detached.')
        params = {'volume_id': volume_id, 'timeout': service.options.detach_timeout}
        operation_id = servers.begin(service, ctx, session, server, 'detach_volume', DETACH, None, params)
        volume.status = 'detaching'
        return operation_id

    servers.in_turn(service, change)


def update_volume(service: ComputeService, ctx: Context, server_id: str, volume_id: str, delete_on_termination: bool) -> None:
    """Say whether the volume goes with the server. Raises NotFound."""
    with service.db.write() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:volumes:attach')
        volume = queries.volume_of(session, server.id, volume_id)
        if volume is None:
            raise NotFound('volume attachment', volume_id, message=f'Instance {server_id} is not attached to volume {volume_id}.')
        volume.delete_on_termination = delete_on_termination


def list_interfaces(service: ComputeService, ctx: Context, server_id: str) -> list[dict[str, Any]]:
    """Ports of a server as the network service shows them. Raises NotFound."""
    with service.db.read() as session:
        server = servers.find(service, ctx, session, server_id)
        wanted = [entry['port_id'] for entry in server.network_info]
    found = {port['id']: port for port in service.network.with_context(ctx).get(f'/v2.0/ports?device_id={server_id}')['ports']}
    return [found[port_id] for port_id in wanted if port_id in found]


def attach_interface(service: ComputeService, ctx: Context, server_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Plug in a port that the user brings, or a new one, and wait until it is done; gives the port.

    Raises NotFound, InvalidInput, Conflict; and Conflict with the reason when it cannot be plugged in.
    """
    with service.db.read() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:interfaces:attach')
        servers.check_unlocked(ctx, server)
        server_states.check('attach_interface', server.id, server.vm_state, server.task_state, server.host)
    request = _interface_request(service, ctx, server, body)

    def change(session: Session) -> str:
        live = servers.find(service, ctx, session, server_id, 'compute:interfaces:attach')
        params = {
            'request': request,
            'project_id': live.project_id,
            'zone': live.availability_zone,
            'timeout': service.options.detach_timeout,
        }
        return servers.begin(service, ctx, session, live, 'attach_interface', ATTACH_INTERFACE, None, params)

    record = service.ops.wait(servers.in_turn(service, change), timeout=_PLUG_TIME)
    if record.state != 'done':
        raise Conflict(
            f'The interface could not be attached to instance {server_id}: {(record.fault or {}).get("message") or record.state}'
        )
    port_id = record.outputs['make_port']['entry']['port_id']
    return dict(service.network.with_context(ctx).get(f'/v2.0/ports/{port_id}')['port'])


def _interface_request(service: ComputeService, ctx: Context, server: Server, body: dict[str, Any]) -> dict[str, Any]:
    """What the operation is asked to plug in: `{port}` or `{network, fixed_ip}`."""
    fixed = (body.get('fixed_ips') or [{}])[0].get('ip_address')
    if body.get('port_id') and (body.get('net_id') or fixed):
        raise InvalidInput('Must not input both network_id and port_id', field='port_id')
    if fixed and not body.get('net_id'):
        raise InvalidInput('Must input network_id when request IP address', field='fixed_ips')
    asked = (
        [{'port': body.get('port_id'), 'uuid': body.get('net_id'), 'fixed_ip': fixed, 'tag': body.get('tag')}]
        if body.get('port_id') or body.get('net_id')
        else None
    )
    resolved = ports.resolve(service.network.with_context(ctx), server.project_id, asked, ctx.is_admin)
    if not resolved:
        raise InvalidInput('There is no network to make a port on; name one.', field='net_id')
    return {**resolved[0], 'tag': body.get('tag')}


def detach_interface(service: ComputeService, ctx: Context, server_id: str, port_id: str) -> None:
    """Start to unplug a network card. Raises NotFound, Conflict."""

    def change(session: Session) -> str:
        server = servers.find(service, ctx, session, server_id, 'compute:interfaces:detach')
        if not any(entry['port_id'] == port_id for entry in server.network_info):
            raise NotFound('port', port_id, message=f'Port id {port_id} is not attached to server {server_id}.')
        params = {'port_id': port_id, 'timeout': service.options.detach_timeout}
        return servers.begin(service, ctx, session, server, 'detach_interface', DETACH_INTERFACE, None, params)

    servers.in_turn(service, change)
