"""Security groups of a server's ports, through the network API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import NotFound
from compute import port_changes, servers

if TYPE_CHECKING:
    from compute.service import ComputeService


def _ports(service: ComputeService, ctx: Context, server_id: str, policy: str) -> list[dict[str, Any]]:
    with service.db.read() as session:
        servers.find(service, ctx, session, server_id, policy)
    return list(service.network.with_context(ctx).get(f'/v2.0/ports?device_id={server_id}')['ports'])


def of_server(service: ComputeService, ctx: Context, server_id: str) -> list[dict[str, Any]]:
    """The groups of a server's ports, in compute's form. Raises NotFound."""
    network = service.network.with_context(ctx)
    ids = sorted({group for port in _ports(service, ctx, server_id, 'compute:servers:show') for group in port['security_groups']})
    found = []
    for group_id in ids:
        group = network.get(f'/v2.0/security-groups/{group_id}')['security_group']
        found.append(
            {'id': group['id'], 'name': group['name'], 'description': group['description'], 'tenant_id': group['project_id'], 'rules': []}
        )
    return found


def change(service: ComputeService, ctx: Context, server_id: str, name: str, *, present: bool) -> None:
    """Put all ports of a server into a group, or take them out. Raises NotFound."""
    ports = _ports(service, ctx, server_id, 'compute:servers:security_groups')
    network = service.network.with_context(ctx)
    groups = network.get(f'/v2.0/security-groups?project_id={ctx.project_id}&fields=id&fields=name')['security_groups']
    wanted = next((group['id'] for group in groups if name in (group['id'], group['name'])), None)
    if wanted is None:
        raise NotFound('security group', name)
    if not present and not any(wanted in port['security_groups'] for port in ports):
        raise NotFound(message=f'Security group {name} not associated with the instance {server_id}')
    for port in ports:
        kept = [group for group in port['security_groups'] if group != wanted]
        network.put(f'/v2.0/ports/{port["id"]}', {'port': {'security_groups': [*kept, wanted] if present else kept}})
    port_changes.refresh(service, ctx, server_id)
