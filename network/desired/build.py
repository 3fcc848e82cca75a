"""From rows to what a host should look like. Pure: the same rows always give the same state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from network.desired import dhcp, firewall, ports, routing
from network.desired.model import HostNetwork, Network, Subnet
from network.desired.snapshot import Snapshot


def host_network(host: str, revision: int, snapshot: Snapshot, *, domain: str = '') -> HostNetwork:
    """The desired state of a host. `domain`: of the names that DHCP gives to guests."""
    lengths = ports.prefixes(snapshot)
    guests = ports.guest_ports(snapshot, lengths)
    servers = dhcp.servers(snapshot, lengths, domain)
    routers = routing.routers(snapshot, lengths)
    served = {server.network_id for server in servers} | {port.network_id for router in routers for port in router.interfaces}
    needed = served | {port.network_id for port in guests} | {router.gateway.network_id for router in routers if router.gateway}
    by_network: dict[str, list[Any]] = {}
    for row in snapshot.others:
        by_network.setdefault(row.network_id, []).append(row)
    return HostNetwork(
        host=host,
        revision=revision,
        networks=tuple(
            _network(row, host, snapshot, by_network if row.id in served else {})
            for row in sorted(snapshot.networks, key=lambda row: row.id)
            if row.id in needed
        ),
        ports=guests,
        dhcp=servers,
        routers=routers,
        address_sets=firewall.address_sets((rule for port in guests for rule in port.rules), snapshot.members),
    )


def _network(row: Any, host: str, snapshot: Snapshot, others: Mapping[str, list[Any]]) -> Network:
    """`others`: bound ports by network, where this host serves the network; elsewhere nobody asks whose an address is."""
    peers = {snapshot.tunnels[other] for other in snapshot.network_hosts.get(row.id, ()) if other != host and other in snapshot.tunnels}
    return Network(
        id=row.id,
        kind=row.network_type,
        mtu=row.mtu,
        segmentation_id=row.segmentation_id,
        physical_network=row.physical_network,
        external=row.external,
        admin_state_up=row.admin_state_up,
        subnets=tuple(_subnet(subnet) for subnet in sorted(snapshot.subnets.get(row.id, ()), key=lambda subnet: subnet.id)),
        peers=tuple(sorted(peers)) if row.network_type == 'vxlan' else (),
        guests=ports.guests_of(others.get(row.id, ()), snapshot),
    )


def _subnet(row: Any) -> Subnet:
    return Subnet(
        id=row.id,
        cidr=row.cidr,
        version=row.ip_version,
        gateway_ip=row.gateway_ip,
        enable_dhcp=row.enable_dhcp,
        dns_nameservers=tuple(row.dns_nameservers or ()),
        host_routes=tuple((destination, next_hop) for destination, next_hop in row.host_routes or ()),
        ipv6_ra_mode=row.ipv6_ra_mode,
        ipv6_address_mode=row.ipv6_address_mode,
    )
