"""Interfaces of routers: ports that hold the gateway address of a subnet, or one of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput, NotFound
from network import addresses, extra_routes, own_ports, ports, routers, subnets
from network import subnet_ranges as ranges
from network.db import addresses as allocations
from network.db import floating_ips as floating_rows
from network.db import routers as queries
from network.db import rows
from network.db.models import PORTS, ROUTERS, SUBNETS

if TYPE_CHECKING:
    from network.work import Work

ADD = 'network:routers:add_interface'
REMOVE = 'network:routers:remove_interface'


def _bad(message: str) -> InvalidInput:
    return InvalidInput(f'Bad router request: {message}', code='bad_request')


def add(work: Work, router_id: str, subnet_id: str | None, port_id: str | None) -> dict[str, Any]:
    """Connect a router with a subnet, or by a port of the user's. Raises NotFound, InvalidInput, Conflict."""
    router = routers.find_row(work, router_id, ADD, lock=True)
    if bool(subnet_id) == bool(port_id):
        raise _bad('Either subnet_id or port_id must be specified, not both.')
    made = _by_port(work, router, str(port_id)) if port_id else _by_subnet(work, router, str(subnet_id))
    work.touched.hosts.add(router.host)
    work.touched.networks.add(made.row.network_id)
    rows.update(work.session, ROUTERS, rows.need(work.session, ROUTERS, router.id))
    return _answer(router, made)


def _answer(router: Any, port: ports.Port) -> dict[str, Any]:
    held = [subnet_id for subnet_id, _ in port.addresses]
    return {
        'id': router.id,
        'project_id': router.project_id,
        'tenant_id': router.project_id,
        'port_id': port.row.id,
        'network_id': port.row.network_id,
        'subnet_id': held[0],
        'subnet_ids': held,
    }


def _by_subnet(work: Work, router: Any, subnet_id: str) -> ports.Port:
    subnet = subnets.find(work, subnet_id)
    if not subnet.gateway_ip:
        raise _bad('Subnet for router interface must have a gateway IP.')
    _check(work, router, [subnet])
    if allocations.used(work.session, subnet.id, [subnet.gateway_ip]):
        raise addresses.in_use(subnet.network_id, subnet.gateway_ip)
    values = routers.served_by(work, router, own_ports.INTERFACE)
    return ports.add(
        work, subnet.network_id, [(subnet.id, subnet.gateway_ip)], **values, project_id=router.project_id, port_security_enabled=False
    )


def _by_port(work: Work, router: Any, port_id: str) -> ports.Port:
    port = ports.find(work, port_id)
    if port.row.device_id and port.row.device_id != router.id:
        message = (
            f'Unable to complete operation on port {port.row.id} for network {port.row.network_id}. Port already has an attached device '
            f'{port.row.device_id}.'
        )
        raise Conflict(message, code='port_in_use')
    if port.row.device_owner.startswith('network:'):
        raise Conflict(f'Port {port.row.id} is in use by {port.row.device_owner}.', code='port_in_use')
    found = rows.get_many(work.session, SUBNETS, [subnet_id for subnet_id, _ in port.addresses])
    if not found:
        raise _bad('Router port must have at least one fixed IP.')
    if sum(subnet.ip_version == 4 for subnet in found.values()) > 1:
        raise _bad('Cannot have multiple IPv4 subnets on router port.')
    _check(work, router, list(found.values()))
    port_values = routers.served_by(work, router, own_ports.INTERFACE)
    row = rows.update(work.session, PORTS, port.row, **port_values)
    return ports.Port(row, port.addresses, port.groups)


def _check(work: Work, router: Any, wanted: list[Any]) -> None:
    """Raises InvalidInput for a subnet that the router has already, or that looks the same from it."""
    for leg in queries.legs(work.session, router.id):
        for subnet in wanted:
            if leg.subnet_id == subnet.id:
                raise _bad(f'Router already has a port on subnet {subnet.id}.')
            if ranges.overlap(leg.cidr, subnet.cidr):
                raise _bad(f'Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {leg.cidr} of subnet {leg.subnet_id}.')


def remove(work: Work, router_id: str, subnet_id: str | None, port_id: str | None) -> dict[str, Any]:
    """Disconnect a router. Raises NotFound, InvalidInput, Conflict where a floating address or a route needs the interface."""
    router = routers.find_row(work, router_id, REMOVE, lock=True)
    if not subnet_id and not port_id:
        raise _bad('Either subnet_id or port_id must be specified.')
    legs = [leg for leg in queries.legs(work.session, router.id) if leg.device_owner == own_ports.INTERFACE]
    if port_id:
        mine = [leg for leg in legs if leg.port_id == port_id]
        if not mine:
            raise NotFound(message=f'Router {router.id} does not have an interface with id {port_id}.', code='router_interface_not_found')
        if subnet_id and all(leg.subnet_id != subnet_id for leg in mine):
            message = f'Subnet {subnet_id} on port {port_id} does not match requested subnet {mine[0].subnet_id}.'
            raise Conflict(message, code='subnet_mismatch_for_port')
    else:
        mine = [leg for leg in legs if leg.subnet_id == subnet_id]
        if not mine:
            message = f'Router {router.id} has no interface on subnet {subnet_id}.'
            raise NotFound(message=message, code='router_interface_not_found_for_subnet')
    port = ports.with_parts(work, [rows.need(work.session, PORTS, mine[0].port_id)])[0]
    _check_unneeded(work, router, port)
    work.touched.networks.add(port.row.network_id)
    ports.remove(work, port.row)
    work.touched.hosts.add(router.host)
    rows.update(work.session, ROUTERS, router)
    return _answer(router, port)


def _check_unneeded(work: Work, router: Any, port: ports.Port) -> None:
    found = rows.get_many(work.session, SUBNETS, [subnet_id for subnet_id, _ in port.addresses])
    floating = floating_rows.of_router(work.session, router.id)
    for subnet in found.values():
        if any(ranges.contains(subnet.cidr, f.fixed_ip_address) and _leads_into(work, f, port.row.network_id) for f in floating):
            message = f'Router interface for subnet {subnet.id} on router {router.id} cannot be deleted, as it is required by one or more floating IPs.'
            raise Conflict(message, code='router_interface_in_use_by_floating_ip')
        if extra_routes.using(router.routes or [], subnet.cidr):
            message = (
                f'Router interface for subnet {subnet.id} on router {router.id} cannot be deleted, as it is required by one or more routes.'
            )
            raise Conflict(message, code='router_interface_in_use_by_route')


def _leads_into(work: Work, floating: Any, network_id: str) -> bool:
    port = rows.get(work.session, PORTS, floating.port_id)
    return port is not None and port.network_id == network_id
