"""Routers and their gateways. Interfaces are in `router_interfaces`, extra routes in `extra_routes`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput, NotFound
from network import addresses, agents, bindings, extra_routes, own_ports, placement_of_agents, ports, tags
from network.db import addresses as allocations
from network.db import floating_ips as floating_rows
from network.db import networks as network_rows
from network.db import ports as port_rows
from network.db import routers as queries
from network.db import rows
from network.db.models import NETWORKS, PORTS, ROUTERS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'router'
SHOW = 'network:routers:show'
UPDATE = 'network:routers:update'
DELETE = 'network:routers:delete'
SET_GATEWAY_DETAILS = 'network:routers:set_gateway_details'
_PLAIN = ('name', 'description', 'admin_state_up')


@dataclasses.dataclass(slots=True)
class Router:
    """A router's row with the addresses of its gateway (subnet, address)."""

    row: Any
    gateway: list[tuple[str, str]]


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Router]:
    """A page of the routers that the caller sees."""
    return with_gateways(work, queries.page(work.session, filters, wanted, work.viewer))


def with_gateways(work: Work, found: list[Any]) -> list[Router]:
    """Rows of routers with the addresses of their gateways: one query."""
    held = allocations.of_ports(work.session, [row.gateway_port_id for row in found if row.gateway_port_id])
    return [Router(row, held.get(row.gateway_port_id or '', [])) for row in found]


def find_row(work: Work, router_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A router's row that the caller may see, and do this to."""
    return work.seen(rows.get(work.session, ROUTERS, router_id, lock=lock), NOUN, router_id, SHOW, rule)


def find(work: Work, router_id: str, rule: str = SHOW) -> Router:
    """A router that the caller may see."""
    return with_gateways(work, [find_row(work, router_id, rule)])[0]


def create(work: Work, body: dict[str, Any]) -> Router:
    """A new router, with a gateway if one is asked for. Raises OverQuota, NotFound, InvalidInput, Conflict."""
    project_id = work.project_of(body)
    work.service.quotas.reserve(work.session, project_id, {'router': 1})
    row = rows.insert(
        work.session,
        ROUTERS,
        project_id=project_id,
        **{name: body[name] for name in _PLAIN if name in body},
        availability_zone_hints=agents.hinted(work, body.get('availability_zone_hints')),
        tags=tags.joined(body.get('tags') or []),
    )
    if body.get('external_gateway_info'):
        row = rows.update(work.session, ROUTERS, row, **_gateway(work, row, body['external_gateway_info']))
    return with_gateways(work, [row])[0]


def update(work: Work, router_id: str, body: dict[str, Any], if_revision: int | None = None) -> Router:
    """Change a router, its gateway and its routes. Raises Conflict, InvalidInput, NotFound."""
    row = find_row(work, router_id, UPDATE, lock=True)
    check_revision(row, if_revision)
    changes = {name: body[name] for name in _PLAIN if name in body and body[name] != getattr(row, name)}
    if 'external_gateway_info' in body:
        changes.update(_gateway(work, row, body['external_gateway_info'] or {}))
    if 'routes' in body:
        wanted = [[route['destination'], route['nexthop']] for route in body['routes'] or []]
        if wanted != (row.routes or []):
            changes['routes'] = extra_routes.checked(work, row.id, wanted) or None
    if changes:
        row = rows.update(work.session, ROUTERS, row, **changes)
        if changes.keys() - {'name', 'description'}:
            touch(work, row.id, row.host)
    return with_gateways(work, [row])[0]


def change_routes(work: Work, router_id: str, given: list[dict[str, str]], *, add: bool) -> Router:
    """Add routes to those a router has, or take some away. Raises InvalidInput."""
    row = find_row(work, router_id, UPDATE, lock=True)
    named = [[route['destination'], route['nexthop']] for route in given]
    present = [list(route) for route in row.routes or []]
    wanted = present + [r for r in named if r not in present] if add else [r for r in present if r not in named]
    if wanted != present:
        row = rows.update(work.session, ROUTERS, row, routes=extra_routes.checked(work, row.id, wanted) or None)
        touch(work, row.id, row.host)
    return with_gateways(work, [row])[0]


def touch(work: Work, router_id: str, host: str) -> None:
    """Note that a router changed."""
    work.touched.hosts.add(host)


def delete(work: Work, router_id: str, if_revision: int | None = None) -> None:
    """Delete a router with its gateway. Raises Conflict while it has interfaces or floating addresses."""
    row = find_row(work, router_id, DELETE, lock=True)
    check_revision(row, if_revision)
    if port_rows.of_device(work.session, row.id, [own_ports.INTERFACE]):
        raise Conflict(f'Router {row.id} still has ports.', code='router_in_use')
    if floating_rows.of_router(work.session, row.id):
        raise Conflict(f'Router {row.id} still has floating IPs.', code='router_in_use')
    if row.gateway_port_id:
        ports.remove(work, rows.need(work.session, PORTS, row.gateway_port_id))
    touch(work, row.id, row.host)
    rows.delete(work.session, ROUTERS, row.id)


# -- the gateway


def _gateway(work: Work, router: Any, info: dict[str, Any]) -> dict[str, Any]:
    """Columns that change with the gateway that is asked for; an empty `info` takes it away."""
    network_id = info.get('network_id')
    if not network_id:
        if info.get('enable_snat') is not None or info.get('external_fixed_ips'):
            raise InvalidInput('external_gateway_info needs network_id.', code='invalid_value', field='external_gateway_info')
        return _without_gateway(work, router)
    snat = info.get('enable_snat')
    same = router.external_network_id == network_id
    if info.get('external_fixed_ips') is not None or (snat is not None and snat != (router.enable_snat if same else True)):
        work.authorize(SET_GATEWAY_DETAILS)
    if not same:
        changes = _without_gateway(work, router) if router.external_network_id else {}
        changes |= _new_gateway(work, router, network_id, info.get('external_fixed_ips'))
        return {**changes, 'enable_snat': True if snat is None else snat}
    if info.get('external_fixed_ips') is not None:
        _readdress(work, router, info['external_fixed_ips'])
    return {'enable_snat': snat} if snat is not None and snat != router.enable_snat else {}


def _external(work: Work, network_id: str) -> Any:
    network = rows.get(work.session, NETWORKS, network_id)
    if network is None or not work.allowed('network:networks:show', network):
        raise NotFound('network', network_id)
    if not network.external:
        raise InvalidInput(f'Bad router request: Network {network_id} is not an external network.', code='bad_request')
    return network


def _new_gateway(work: Work, router: Any, network_id: str, wanted: list[dict[str, Any]] | None) -> dict[str, Any]:
    network = _external(work, network_id)
    subnets = network_rows.subnets_of(work.session, network.id)
    _check_overlap(work, router, subnets)
    mac = ports.random_mac(work)
    if wanted:
        chosen = addresses.choose(work, network.id, subnets, wanted, mac=mac, device_owner=own_ports.GATEWAY)
    elif subnets:
        chosen = addresses.choose_any(work, network.id, subnets, mac, own_ports.GATEWAY)
    else:
        raise InvalidInput(f'Bad router request: No IPs available for external network {network_id}.', code='bad_request')
    port = ports.add(
        work, network.id, chosen, mac=mac, **served_by(work, router, own_ports.GATEWAY), project_id='', port_security_enabled=False
    )
    return {'external_network_id': network.id, 'gateway_port_id': port.row.id}


def served_by(work: Work, router: Any, owner: str) -> dict[str, Any]:
    """Columns of a port of a router: on the router's host, which is chosen now if it has none."""
    host = placement_of_agents.place_router(work, router)
    status = bindings.ACTIVE if work.service.simulated else bindings.DOWN
    return {'device_id': router.id, 'device_owner': owner, 'host': host, 'status': status}


def _check_overlap(work: Work, router: Any, subnets: list[Any]) -> None:
    for leg in queries.legs(work.session, router.id):
        for subnet in subnets:
            if leg.device_owner == own_ports.INTERFACE and extra_routes.overlap(leg.cidr, subnet.cidr):
                message = (
                    f'Bad router request: Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {leg.cidr} of subnet {leg.subnet_id}.'
                )
                raise InvalidInput(message, code='bad_request')


def _readdress(work: Work, router: Any, wanted: list[dict[str, Any]]) -> None:
    """Other addresses for the gateway that is there."""
    port = rows.need(work.session, PORTS, router.gateway_port_id)
    have = allocations.of_port(work.session, port.id)
    subnets = network_rows.subnets_of(work.session, port.network_id)
    chosen = addresses.choose(work, port.network_id, subnets, wanted, mac=port.mac_address, device_owner=own_ports.GATEWAY, have=have)
    if chosen != have:
        allocations.replace(work.session, port.network_id, port.id, chosen)
        rows.update(work.session, PORTS, port)
        touch(work, router.id, router.host)


def _without_gateway(work: Work, router: Any) -> dict[str, Any]:
    if not router.external_network_id:
        return {}
    if floating_rows.of_router(work.session, router.id):
        message = (
            f'Gateway cannot be updated for router {router.id}, since a gateway to external network {router.external_network_id} is '
            'required by one or more floating IPs.'
        )
        raise Conflict(message, code='router_external_gateway_in_use_by_floating_ip')
    ports.remove(work, rows.need(work.session, PORTS, router.gateway_port_id))
    touch(work, router.id, router.host)
    return {'external_network_id': None, 'gateway_port_id': None, 'enable_snat': True}
