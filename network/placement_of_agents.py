"""Which host runs a router or the DHCP server of a network.

A host is chosen when the first part of a router, or the first subnet with DHCP, is made; among those whose agents live and
serve networks, the one with least to do. What no living host runs is found by the sweep and placed, so the death of a host
moves its routers and DHCP servers, and a host that comes first after the networks gets them. Nothing waits for this.
"""

from __future__ import annotations

import datetime
import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common import clock
from common.context import Context
from network import addresses, own_ports, ports
from network.db import addresses as allocations
from network.db import hosts, rows
from network.db import networks as network_rows
from network.db import placement as queries
from network.db import ports as port_rows
from network.db.models import NETWORKS, PORTS, ROUTERS

if TYPE_CHECKING:
    from network.service import NetworkService
    from network.work import Work

LOG = logging.getLogger(__name__)
_STATEFUL = ('dhcpv6-stateful', 'dhcpv6-stateless')


def wants_dhcp(subnet: Any) -> bool:
    """Whether a DHCP server is to answer in the subnet."""
    return bool(subnet.enable_dhcp) and (subnet.ip_version == 4 or subnet.ipv6_address_mode in _STATEFUL)


def candidates(work: Work) -> list[str]:
    """Hosts that may be given something, the least busy first."""
    found = hosts.able(work.session, clock.now() - datetime.timedelta(seconds=work.options.agent_down_after))
    if len(found) < 2:
        return found
    load = hosts.load_of(work.session)
    return sorted(found, key=lambda host: (load.get(host, 0), host))


def serve(work: Work, network: Any, subnets: Sequence[Any]) -> None:
    """Let the network have a DHCP server with an address in each subnet that wants one; none where no subnet does."""
    if work.service.simulated:
        return
    wanted = [subnet for subnet in subnets if wants_dhcp(subnet)]
    present = port_rows.with_owner(work.session, network.id, [own_ports.DHCP])
    if not wanted:
        for port in present:
            ports.remove(work, port)
        return
    if present:
        _readdress(work, network, present[0], wanted)
        return
    found = candidates(work)
    chosen = _addresses(work, wanted, []) if found else []
    if chosen:
        values = {'project_id': network.project_id, 'device_owner': own_ports.DHCP, 'device_id': f'dhcp-{network.id}', 'host': found[0]}
        ports.add(work, network.id, chosen, port_security_enabled=False, **values)


def _readdress(work: Work, network: Any, port: Any, wanted: Sequence[Any]) -> None:
    have = allocations.of_port(work.session, port.id)
    chosen = _addresses(work, wanted, have)
    if chosen != have:
        allocations.replace(work.session, network.id, port.id, chosen)
        work.touched.networks.add(network.id)


def _addresses(work: Work, wanted: Sequence[Any], have: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = dict(have)
    found = []
    for subnet in wanted:
        address = kept.get(subnet.id) or addresses.next_free(work, subnet)
        if address is None:
            LOG.info('subnet %s has no address left for its DHCP server', subnet.id)
        else:
            found.append((subnet.id, address))
    return found


def place_router(work: Work, router: Any) -> str:
    """The host that a router runs on, chosen now if it has none; empty where no host could run it."""
    if work.service.simulated or router.host:
        return str(router.host)
    found = candidates(work)
    if not found:
        return ''
    _move_router(work, router, found[0])
    return found[0]


def _move_router(work: Work, router: Any, host: str) -> None:
    parts = port_rows.of_device(work.session, router.id, own_ports.ROUTER_OWNERS)
    work.touched.hosts.update((router.host, host))
    work.touched.networks.update(port.network_id for port in parts)
    port_rows.move(work.session, [port.id for port in parts], host, 'DOWN')
    queries.set_router_host(work.session, router.id, host)


def sweep(service: NetworkService) -> int:
    """Place what no living host runs; how many things were placed or moved."""
    if service.simulated:
        return 0
    ctx = Context.service('network')
    alive = service.read(ctx, lambda work: set(candidates(work)))
    if not alive:
        return 0
    lost, unserved = service.read(ctx, lambda work: _astray(work, alive))
    for router_id in lost:
        service.write(ctx, functools.partial(_replace_router, router_id))
    for network_id in unserved:
        service.write(ctx, functools.partial(_replace_server, network_id))
    return len(lost) + len(unserved)


def _astray(work: Work, alive: set[str]) -> tuple[list[str], list[str]]:
    return queries.routers_not_on(work.session, alive), queries.networks_not_served_by(work.session, alive)


def _replace_router(router_id: str, work: Work) -> None:
    router = rows.get(work.session, ROUTERS, router_id, lock=True)
    found = candidates(work)
    if router is not None and found and router.host not in found:
        LOG.info('router %s moves from host %r to host %r', router_id, router.host, found[0])
        _move_router(work, router, found[0])


def _replace_server(network_id: str, work: Work) -> None:
    network = rows.get(work.session, NETWORKS, network_id, lock=True)
    found = candidates(work)
    if network is None or not found:
        return
    serve(work, network, network_rows.subnets_of(work.session, network_id))
    for port in port_rows.with_owner(work.session, network_id, [own_ports.DHCP]):
        if port.host not in found:
            LOG.info('the DHCP server of network %s moves from host %r to host %r', network_id, port.host, found[0])
            work.touched.hosts.add(port.host)
            work.touched.networks.add(network_id)
            rows.update(work.session, PORTS, port, host=found[0], status='DOWN')
