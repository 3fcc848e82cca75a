"""Subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput
from network import networks, own_ports, placement_of_agents, subnet_pools, tags
from network import subnet_ranges as ranges
from network.db import addresses as allocations
from network.db import networks as queries
from network.db import rows
from network.db.models import PORTS, SUBNETS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'subnet'
SHOW = 'network:subnets:show'
UPDATE = 'network:subnets:update'
DELETE = 'network:subnets:delete'
_MODES = ('ipv6_ra_mode', 'ipv6_address_mode')


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Any]:
    """A page of the subnets that the caller sees."""
    return queries.page_of_subnets(work.session, filters, wanted, work.viewer)


def find(work: Work, subnet_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A subnet that the caller may see, and do this to. Raises NotFound, Forbidden."""
    subnet = rows.get(work.session, SUBNETS, subnet_id, lock=lock)
    if subnet is not None and not work.allowed(SHOW, subnet):
        network = rows.get(work.session, networks.NETWORKS, subnet.network_id)
        if network is not None and work.allowed(networks.SHOW, network):
            if rule != SHOW:
                work.authorize(rule, subnet)
            return subnet
    return work.seen(subnet, NOUN, subnet_id, SHOW, rule)


def create(work: Work, body: dict[str, Any]) -> Any:
    """A new subnet of a network. Raises InvalidInput, Conflict, OverQuota, NotFound (network)."""
    network = networks.find(work, body['network_id'], lock=True)
    work.authorize('network:subnets:create', network)
    project_id = work.project_of(body) if body.get('project_id') or body.get('tenant_id') else network.project_id
    work.service.quotas.reserve(work.session, project_id, {'subnet': 1})
    pool = subnet_pools.of_subnet(work, body)
    others = queries.subnets_of(work.session, network.id)
    cidr = _cidr(work, body, pool, project_id, others)
    version = ranges.network(cidr).version
    _check_modes(body, cidr, version)
    _check_overlap(network, cidr, others)
    if version == 6 and network.mtu < 1280:
        raise InvalidInput('A network with IPv6 subnets needs an mtu of at least 1280.', code='invalid_value')
    gateway = _gateway(body, cidr)
    given = body.get('allocation_pools')
    pools = ranges.checked_pools(cidr, given, gateway) if given else ranges.default_pools(cidr, gateway)
    _check_lists(work, body, version)
    subnet = rows.insert(
        work.session,
        SUBNETS,
        network_id=network.id,
        subnetpool_id=pool.id if pool is not None else None,
        project_id=project_id,
        name=body.get('name') or '',
        description=body.get('description') or '',
        ip_version=version,
        cidr=cidr,
        gateway_ip=gateway,
        enable_dhcp=body.get('enable_dhcp', True),
        ipv6_ra_mode=body.get('ipv6_ra_mode'),
        ipv6_address_mode=body.get('ipv6_address_mode'),
        dns_nameservers=body.get('dns_nameservers') or None,
        host_routes=_routes(body.get('host_routes')),
        allocation_pools=[list(pool) for pool in pools],
        service_types=body.get('service_types') or None,
        tags=tags.joined(body.get('tags') or []),
    )
    work.touched.networks.add(network.id)
    placement_of_agents.serve(work, network, [*others, subnet])
    return subnet


def _routes(given: list[dict[str, str]] | None) -> list[list[str]] | None:
    return [[route['destination'], route['nexthop']] for route in given] if given else None


def _cidr(work: Work, body: dict[str, Any], pool: Any, project_id: str, others: list[Any]) -> str:
    """The CIDR of a new subnet: as the client says, or cut from a pool."""
    if pool is not None:
        return subnet_pools.cut(work, pool, project_id, body, others)
    cidr = body.get('cidr')
    if not cidr:
        message = 'Bad subnets request: A cidr must be specified in the absence of a subnet pool.'
        raise InvalidInput(message, code='bad_request', field='cidr')
    if body.get('prefixlen') is not None:
        raise InvalidInput('Bad subnets request: prefixlen can be given with a subnet pool only.', code='bad_request', field='prefixlen')
    if body.get('ip_version') not in (None, ranges.network(cidr).version):
        raise InvalidInput(f"'{cidr}' is not an IPv{body['ip_version']} network.", code='invalid_value', field='cidr')
    _check_cidr(cidr)
    return str(cidr)


def _check_cidr(cidr: str) -> None:
    net = ranges.network(cidr)
    if net.prefixlen == 0 or net.is_multicast or net.is_loopback or (net.version == 6 and net.is_link_local):
        raise InvalidInput(f'Invalid CIDR {cidr} given as IP prefix of a subnet.', code='invalid_value', field='cidr')


def _check_modes(body: dict[str, Any], cidr: str, version: int) -> None:
    ra, address = (body.get(name) for name in _MODES)
    if version == 4:
        if ra or address:
            raise InvalidInput('ipv6_ra_mode and ipv6_address_mode can be set for IPv6 subnets only.', code='invalid_value')
        return
    if (ra or address) and not body.get('enable_dhcp', True):
        raise InvalidInput('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False.', code='invalid_value')
    if ra and address and ra != address:
        message = (
            f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not valid. If both are set, they must be the same."
        )
        raise InvalidInput(message, code='invalid_value')
    if (ra in ranges.AUTOMATIC or address in ranges.AUTOMATIC) and ranges.network(cidr).prefixlen != 64:
        raise InvalidInput(f'Invalid CIDR {cidr} for IPv6 address mode: it needs a prefix of 64 bits.', code='invalid_value')


def _check_overlap(network: Any, cidr: str, others: list[Any]) -> None:
    for other in others:
        if ranges.overlap(cidr, other.cidr):
            message = f'Requested subnet with cidr: {cidr} for network: {network.id} overlaps with another subnet.'
            raise InvalidInput(message, code='invalid_value', field='cidr')


def _gateway(body: dict[str, Any], cidr: str) -> str | None:
    if 'gateway_ip' not in body:
        return ranges.default_gateway(cidr)
    if body['gateway_ip'] is not None:
        ranges.check_gateway(cidr, body['gateway_ip'])
    return body['gateway_ip']


def _check_lists(work: Work, body: dict[str, Any], version: int) -> None:
    servers, routes = body.get('dns_nameservers') or [], body.get('host_routes') or []
    if len(servers) > work.options.max_dns_nameservers:
        message = f'Unable to complete operation: the number of DNS nameservers exceeds the limit {work.options.max_dns_nameservers}.'
        raise InvalidInput(message, code='dns_name_servers_exhausted')
    if len(set(servers)) != len(servers):
        raise InvalidInput('Duplicate items in dns_nameservers.', field='dns_nameservers')
    if len(routes) > work.options.max_host_routes:
        message = f'Unable to complete operation: the number of host routes exceeds the limit {work.options.max_host_routes}.'
        raise InvalidInput(message, code='host_routes_exhausted')
    for route in routes:
        if any((':' in route[name]) != (version == 6) for name in ('destination', 'nexthop')):
            raise InvalidInput(f'The host route {route["destination"]} by {route["nexthop"]} is not of IPv{version}.', code='invalid_value')


def update(work: Work, subnet_id: str, body: dict[str, Any], if_revision: int | None = None) -> Any:
    """Change a subnet. Raises InvalidInput, Conflict."""
    subnet = find(work, subnet_id, UPDATE, lock=True)
    check_revision(subnet, if_revision)
    changes: dict[str, Any] = {
        name: body[name] for name in ('name', 'description', 'enable_dhcp') if name in body and body[name] != getattr(subnet, name)
    }
    _check_lists(work, body, subnet.ip_version)
    for name in ('dns_nameservers', 'service_types'):
        if name in body:
            changes[name] = body[name] or None
    if 'host_routes' in body:
        changes['host_routes'] = _routes(body['host_routes'])
    _change_range(work, subnet, body, changes)
    if changes.get('enable_dhcp') is False and (subnet.ipv6_ra_mode or subnet.ipv6_address_mode):
        raise InvalidInput('enable_dhcp cannot be set to False while ipv6_ra_mode or ipv6_address_mode is set.', code='invalid_value')
    if not changes:
        return subnet
    changed = rows.update(work.session, SUBNETS, subnet, **changes)
    if changes.keys() - {'name', 'description', 'allocation_pools', 'service_types'}:
        work.touched.networks.add(subnet.network_id)
    if 'enable_dhcp' in changes:
        network = rows.need(work.session, networks.NETWORKS, subnet.network_id, lock=True)
        placement_of_agents.serve(work, network, queries.subnets_of(work.session, subnet.network_id))
    return changed


def _change_range(work: Work, subnet: Any, body: dict[str, Any], changes: dict[str, Any]) -> None:
    gateway = body.get('gateway_ip', subnet.gateway_ip)
    if 'gateway_ip' in body and gateway != subnet.gateway_ip:
        if gateway is not None:
            ranges.check_gateway(subnet.cidr, gateway)
        _check_gateway_unused(work, subnet)
        changes['gateway_ip'] = gateway
    if body.get('allocation_pools') is not None:
        pools = ranges.checked_pools(subnet.cidr, body['allocation_pools'], gateway)
        changes['allocation_pools'] = [list(pool) for pool in pools]
    elif 'gateway_ip' in changes and gateway is not None:
        ranges.check_gateway_and_pools(gateway, subnet.allocation_pools)


def _check_gateway_unused(work: Work, subnet: Any) -> None:
    """A router that holds the gateway address keeps it."""
    if subnet.gateway_ip is None:
        return
    port_id = allocations.holder(work.session, subnet.id, subnet.gateway_ip)
    port = rows.get(work.session, PORTS, port_id) if port_id else None
    if port is not None and port.device_owner in own_ports.ROUTER_OWNERS:
        message = f'Current gateway ip {subnet.gateway_ip} already in use by port {port.id}. Unable to update.'
        raise Conflict(message, code='gateway_ip_in_use')


def delete(work: Work, subnet_id: str, if_revision: int | None = None) -> None:
    """Delete a subnet. Raises Conflict while ports other than the cloud's own have addresses in it."""
    subnet = find(work, subnet_id, DELETE, lock=True)
    check_revision(subnet, if_revision)
    own = ranges.AUTOMATIC if subnet.ip_version == 6 else ()
    for user in queries.users_of_subnet(work.session, subnet.id):
        if user.device_owner in own_ports.AUTO_DELETE:
            continue
        if subnet.ipv6_address_mode in own and not user.device_owner.startswith('network:'):
            continue
        message = (
            f'Unable to complete operation on subnet {subnet.id}: One or more ports have an IP allocation from this subnet, for example port '
            f'{user.port_id} ({user.device_owner or "no device"}).'
        )
        raise Conflict(message, code='subnet_in_use')
    work.touched.networks.add(subnet.network_id)
    allocations.release_subnet(work.session, subnet.id)
    rows.delete(work.session, SUBNETS, subnet.id)
    network = rows.need(work.session, networks.NETWORKS, subnet.network_id, lock=True)
    placement_of_agents.serve(work, network, queries.subnets_of(work.session, subnet.network_id))
