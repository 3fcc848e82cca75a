"""Guests' ports of a host, and who is behind the addresses of a network. Pure."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from network.desired import firewall
from network.desired.model import Address, Guest, Port, Rule
from network.desired.snapshot import Snapshot

CLOUD = 'network:'
DHCP = 'network:dhcp'
INTERFACE = 'network:router_interface'
GATEWAY = 'network:router_gateway'


def is_guest(port: Any) -> bool:
    """Whether the port is a server's, and not one of the cloud's own."""
    return not port.device_owner.startswith(CLOUD)


def prefixes(snapshot: Snapshot) -> dict[str, int]:
    """Prefix length by subnet."""
    return {subnet.id: int(subnet.cidr.rpartition('/')[2]) for subnets in snapshot.subnets.values() for subnet in subnets}


def addresses_of(port_id: str, snapshot: Snapshot, lengths: Mapping[str, int]) -> tuple[Address, ...]:
    """The addresses of a port, in the order of the addresses."""
    held = sorted(snapshot.addresses.get(port_id, ()), key=lambda pair: _sortable(pair[1]))
    return tuple(Address(address, lengths[subnet_id], subnet_id) for subnet_id, address in held if subnet_id in lengths)


@functools.lru_cache(65536)
def _sortable(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def guest_ports(snapshot: Snapshot, lengths: Mapping[str, int]) -> tuple[Port, ...]:
    """The guests' ports of the host, by id."""
    rules: dict[tuple[str, ...], tuple[Rule, ...]] = {}  # most ports of a host are in the same few groups
    return tuple(_port(row, snapshot, lengths, rules) for row in sorted(snapshot.ports, key=lambda row: row.id) if is_guest(row))


def _port(row: Any, snapshot: Snapshot, lengths: Mapping[str, int], rules: dict[tuple[str, ...], tuple[Rule, ...]]) -> Port:
    own = row.mac_address
    groups = tuple(sorted(snapshot.groups.get(row.id, ())))
    if groups not in rules:
        rules[groups] = firewall.rules_of(groups, snapshot.rules)
    pairs = sorted(('' if mac == own else mac, address) for mac, address in row.allowed_address_pairs or ())
    return Port(
        id=row.id,
        network_id=row.network_id,
        mac_address=row.mac_address,
        addresses=addresses_of(row.id, snapshot, lengths),
        device_id=row.device_id,
        device_owner=row.device_owner,
        project_id=row.project_id,
        admin_state_up=row.admin_state_up,
        port_security=row.port_security_enabled,
        allowed_pairs=tuple(pairs),
        rules=rules[groups],
    )


def guests_of(rows: Iterable[Any], snapshot: Snapshot) -> tuple[Guest, ...]:
    """Whose the addresses of a network are, in the order of the addresses."""
    found = [
        Guest(address, row.device_id, row.project_id)
        for row in rows
        if row.device_id and is_guest(row)
        for _, address in snapshot.addresses.get(row.id, ())
    ]
    return tuple(sorted(found, key=lambda guest: _sortable(guest.ip)))
