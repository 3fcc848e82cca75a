"""The arithmetic of subnet pools: merging prefixes, finding room, measuring use. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from network.subnet_ranges import Net, network


def merged(prefixes: Iterable[str]) -> list[str]:
    """The same addresses in as few networks as can be, in order. All must be of one IP version."""
    return [str(net) for net in ipaddress.collapse_addresses(network(prefix) for prefix in prefixes)]  # type: ignore[type-var]


def covers(prefixes: Sequence[str], cidr: str) -> bool:
    """Whether one of the networks holds all of another."""
    wanted = network(cidr)
    return any(net.version == wanted.version and wanted.subnet_of(net) for net in map(network, prefixes))  # type: ignore[arg-type]


def room(prefixes: Sequence[str], used: Iterable[str], length: int) -> str | None:
    """The first network of that length in the pool that overlaps nothing in use; None where there is none."""
    taken = sorted((int(net.network_address), int(net.broadcast_address)) for net in map(network, used))
    for prefix in map(network, prefixes):
        if prefix.prefixlen <= length:
            found = _first_gap(prefix, taken, length)
            if found is not None:
                return found
    return None


def _first_gap(prefix: Net, taken: Sequence[tuple[int, int]], length: int) -> str | None:
    size = 1 << (prefix.max_prefixlen - length)
    at, last = int(prefix.network_address), int(prefix.broadcast_address)
    for first, end in taken:
        if end < at:
            continue
        if first > last or at + size <= first:
            break
        at = -(-(end + 1) // size) * size
    if at + size - 1 > last:
        return None
    return str(type(prefix)((at, length)))


def weight(cidr: str) -> int:
    """What a subnet costs of a quota: its addresses, or its networks of 64 bits in IPv6."""
    net = network(cidr)
    return int(net.num_addresses) if net.version == 4 else max(1, 1 << (64 - net.prefixlen) if net.prefixlen <= 64 else 1)
