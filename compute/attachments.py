"""Volumes and network cards of servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_id
from compute import servers
from compute.db import servers as queries
from compute.db.models import Server, ServerVolume
from compute.operations.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE
from compute.operations.volumes import ATTACH, DETACH

if TYPE_CHECKING:
    from compute.service import ComputeService

_DEVICE = re.compile(r'/dev/[a-z]{2,3}d?[b-z]\Z')
_LETTERS = 'bcdefghijklmnopqrstuvwxyz'


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
    _check_volume(service, ctx, volume_id)
    with service.db.write() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:volumes:attach')
        present = queries.volumes_of(session, [server.id])[server.id]
        if any(volume.volume_id == volume_id for volume in present):
            raise Conflict(f'volume {volume_id} already attached to server {server_id}')
        device = _device(body.get('device'), present)
        volume = ServerVolume(
            id=new_id(), server_id=server.id, volume_id=volume_id, device=device, tag=body.get('tag'), status='attaching',
            delete_on_termination=bool(body.get('delete_on_termination', False)), created_at=now(),
        )  # fmt: skip
        session.add(volume)
        params = {'volume_id': volume_id, 'device': device, 'host': server.host, 'timeout': service.options.detach_timeout}
        servers.begin(service, ctx, session, server, 'attach_volume', ATTACH, None, params)
    return volume


def _check_volume(service: ComputeService, ctx: Context, volume_id: str) -> None:
    """Raise when the volume is not the caller's or cannot be attached now."""
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
    with service.db.write() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:volumes:detach')
        volume = queries.volume_of(session, server.id, volume_id)
        if volume is None:
            raise NotFound('volume attachment', volume_id, message=f'Instance {server_id} is not attached to volume {volume_id}.')
        volume.status = 'detaching'
        params = {'volume_id': volume_id, 'timeout': service.options.detach_timeout}
        servers.begin(service, ctx, session, server, 'detach_volume', DETACH, None, params)


def list_interfaces(service: ComputeService, ctx: Context, server_id: str) -> list[dict[str, Any]]:
    """Ports of a server as the network service shows them. Raises NotFound."""
    with service.db.read() as session:
        server = servers.find(service, ctx, session, server_id)
        wanted = [entry['port_id'] for entry in server.network_info]
    found = {port['id']: port for port in service.network.with_context(ctx).get(f'/v2.0/ports?device_id={server_id}')['ports']}
    return [found[port_id] for port_id in wanted if port_id in found]


def attach_interface(service: ComputeService, ctx: Context, server_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Make or take a port and start to plug it in; gives the port. Raises NotFound, InvalidInput, Conflict."""
    from compute.operations import ports

    with service.db.read() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:interfaces:attach')
        servers.check_unlocked(ctx, server)
        _check_interface_state(server)
    network = service.network.with_context(ctx)
    fixed = (body.get('fixed_ips') or [{}])[0].get('ip_address')
    asked = (
        [{'port': body.get('port_id'), 'uuid': body.get('net_id'), 'fixed_ip': fixed}]
        if body.get('port_id') or body.get('net_id')
        else None
    )
    if body.get('port_id') and (body.get('net_id') or fixed):
        raise InvalidInput('Must not input both network_id and port_id', field='port_id')
    resolved = ports.resolve(network, server.project_id, asked, ctx.is_admin)
    if not resolved:
        raise InvalidInput('There is no network to make a port on; name one.', field='net_id')
    port, ours = _port_for(network, server, resolved[0])
    with service.db.write() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:interfaces:attach')
        params = {'port_id': port['id'], 'ours': ours, 'host': server.host, 'timeout': service.options.detach_timeout}
        servers.begin(service, ctx, session, server, 'attach_interface', ATTACH_INTERFACE, None, params)
    return port


def _check_interface_state(server: Server) -> None:
    from compute import server_states

    server_states.check('attach_interface', server.id, server.vm_state, server.task_state)


def _port_for(network: Any, server: Server, request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    from compute.operations import ports

    if request.get('port'):
        return network.get(f'/v2.0/ports/{request["port"]}')['port'], False
    body: dict[str, Any] = {
        'name': f'{ports._MARK}added', 'network_id': request['network'], 'project_id': server.project_id,
        'device_id': server.id, 'device_owner': f'{ports.OWNER}nova',
    }  # fmt: skip
    if request.get('fixed_ip'):
        body['fixed_ips'] = [{'ip_address': request['fixed_ip']}]
    return network.post('/v2.0/ports', {'port': body})['port'], True


def detach_interface(service: ComputeService, ctx: Context, server_id: str, port_id: str) -> None:
    """Start to unplug a network card. Raises NotFound, Conflict."""
    with service.db.write() as session:
        server = servers.find(service, ctx, session, server_id, 'compute:interfaces:detach')
        if not any(entry['port_id'] == port_id for entry in server.network_info):
            raise NotFound('port', port_id, message=f'Port id {port_id} is not attached to server {server_id}.')
        params = {'port_id': port_id, 'timeout': service.options.detach_timeout}
        servers.begin(service, ctx, session, server, 'detach_interface', DETACH_INTERFACE, None, params)
