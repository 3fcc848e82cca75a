"""The DHCP servers of a host. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from network.desired import ports
from network.desired.model import Dhcp, DhcpHost
from network.desired.snapshot import Snapshot


def servers(snapshot: Snapshot, lengths: Mapping[str, int], domain: str) -> tuple[Dhcp, ...]:
    """The DHCP servers that have somebody to serve, by network."""
    found = []
    by_network: dict[str, list[Any]] = {}
    for row in snapshot.others:
        by_network.setdefault(row.network_id, []).append(row)
    for port in snapshot.ports:
        others = by_network.get(port.network_id, [])
        if port.device_owner == ports.DHCP and any(ports.is_guest(row) for row in others):
            found.append(_server(port, others, snapshot, lengths, domain))
    return tuple(sorted(found, key=lambda dhcp: dhcp.network_id))


def _server(port: Any, others: Sequence[Any], snapshot: Snapshot, lengths: Mapping[str, int], domain: str) -> Dhcp:
    guests = sorted((row for row in others if ports.is_guest(row)), key=lambda row: row.id)
    isolated = _without_router(port.network_id, others, snapshot)
    return Dhcp(
        network_id=port.network_id,
        port_id=port.id,
        mac_address=port.mac_address,
        addresses=ports.addresses_of(port.id, snapshot, lengths),
        hosts=tuple(_host(row, snapshot, lengths) for row in guests if snapshot.addresses.get(row.id)),
        domain=domain,
        metadata=bool(isolated),
        metadata_subnets=isolated,
    )


def _host(row: Any, snapshot: Snapshot, lengths: Mapping[str, int]) -> DhcpHost:
    options = tuple(sorted((name, value, version) for name, value, version in row.extra_dhcp_opts or ()))
    return DhcpHost(row.id, row.mac_address, ports.addresses_of(row.id, snapshot, lengths), options=options)


def _without_router(network_id: str, others: Sequence[Any], snapshot: Snapshot) -> tuple[str, ...]:
    """IPv4 subnets whose gateway is no router of ours: there the DHCP server passes requests for metadata on."""
    routed = {pair for row in others if row.device_owner == ports.INTERFACE for pair in snapshot.addresses.get(row.id, ())}
    return tuple(
        sorted(
            subnet.id
            for subnet in snapshot.subnets.get(network_id, ())
            if subnet.ip_version == 4 and subnet.enable_dhcp and (subnet.id, subnet.gateway_ip) not in routed
        )
    )
