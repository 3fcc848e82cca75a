"""Fixed addresses of a server's cards, one by one: clients may add and remove them without touching the cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import InvalidInput
from compute import port_changes, server_states, servers

if TYPE_CHECKING:
    from compute.service import ComputeService


def add(service: ComputeService, ctx: Context, server_id: str, network_id: str) -> None:
    """Give the card in a network another address there. Raises NotFound, Forbidden, Conflict, and InvalidInput if there is no such card."""
    network = service.network.with_context(ctx)
    ports = _ports(service, ctx, server_id, 'compute:interfaces:attach')
    port = next((port for port in ports if port['network_id'] == network_id), None)
    if port is None:
        raise InvalidInput(f'Instance {server_id} has no card in network {network_id}; add the network to it.', field='networkId')
    held = port['fixed_ips']
    if held:
        subnet = held[0]['subnet_id']
    else:
        subnets = network.get(f'/v2.0/subnets?network_id={network_id}&fields=id')['subnets']
        if not subnets:
            raise InvalidInput(f'Network {network_id} has no subnet.', field='networkId')
        subnet = subnets[0]['id']
    network.put(f'/v2.0/ports/{port["id"]}', {'port': {'fixed_ips': [*held, {'subnet_id': subnet}]}})
    port_changes.refresh(service, ctx, server_id)


def remove(service: ComputeService, ctx: Context, server_id: str, address: str) -> None:
    """Take an address from the card that has it. Raises NotFound, Forbidden, Conflict, and InvalidInput if none has it."""
    for port in _ports(service, ctx, server_id, 'compute:interfaces:detach'):
        kept = [fixed for fixed in port['fixed_ips'] if fixed['ip_address'] != address]
        if len(kept) < len(port['fixed_ips']):
            service.network.with_context(ctx).put(f'/v2.0/ports/{port["id"]}', {'port': {'fixed_ips': kept}})
            port_changes.refresh(service, ctx, server_id)
            return
    raise InvalidInput(f'Instance {server_id} has no fixed address {address}.', field='address')


def _ports(service: ComputeService, ctx: Context, server_id: str, policy: str) -> list[dict[str, Any]]:
    """The ports of a server whose cards may be changed now."""
    with service.db.read() as session:
        server = servers.find(service, ctx, session, server_id, policy)
        servers.check_unlocked(ctx, server)
        server_states.check('detach_interface', server.id, server.vm_state, server.task_state, server.host)
    return list(service.network.with_context(ctx).get(f'/v2.0/ports?device_id={server_id}')['ports'])
