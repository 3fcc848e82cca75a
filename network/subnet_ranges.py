"""The arithmetic of subnets: gateways, pools, overlaps, addresses made from MAC addresses. Pure."""

from __future__ import annotations

import functools
import ipaddress
import random
from collections.abc import Iterable, Sequence

from common.errors import Conflict, InvalidInput

Net = ipaddress.IPv4Network | ipaddress.IPv6Network
Pool = tuple[str, str]
AUTOMATIC = ('slaac', 'dhcpv6-stateless')
"""Address modes in which a port's address follows from its MAC address."""


@functools.lru_cache(8192)
def network(cidr: str) -> Net:
    """The parsed network."""
    return ipaddress.ip_network(cidr)


@functools.lru_cache(65536)
def number(address: str) -> int:
    """An address as a number."""
    return int(ipaddress.ip_address(address))


def text(value: int, version: int) -> str:
    """A number as an address."""
    return str(ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value))


def contains(cidr: str, address: str) -> bool:
    """Whether an address lies in a network."""
    net = network(cidr)
    return (':' in address) == (net.version == 6) and int(net.network_address) <= number(address) <= int(net.broadcast_address)


def usable(cidr: str, address: str) -> bool:
    """Whether a host may have the address: it lies inside and means neither the network nor everybody."""
    if not contains(cidr, address):
        return False
    net = network(cidr)
    if net.prefixlen >= net.max_prefixlen - 1:
        return True
    if address == str(net.network_address):
        return False
    return net.version == 6 or address != str(net.broadcast_address)


def default_gateway(cidr: str) -> str:
    """The first address for hosts."""
    net = network(cidr)
    if net.prefixlen >= net.max_prefixlen - (1 if net.version == 4 else 0):
        return str(net.network_address)
    return str(net.network_address + 1)


def bounds(cidr: str) -> tuple[int, int]:
    """The first and last number that hosts may have."""
    net = network(cidr)
    first, last = int(net.network_address), int(net.broadcast_address)
    if net.prefixlen >= net.max_prefixlen - 1:
        return first, last
    return first + 1, last - (1 if net.version == 4 else 0)


def default_pools(cidr: str, gateway: str | None) -> list[Pool]:
    """Everything that hosts may have, but the gateway."""
    version = network(cidr).version
    first, last = bounds(cidr)
    parts = [(first, last)]
    if gateway is not None and contains(cidr, gateway):
        at = number(gateway)
        parts = [(low, high) for low, high in ((first, min(last, at - 1)), (max(first, at + 1), last)) if low <= high]
    return [(text(low, version), text(high, version)) for low, high in parts]


def checked_pools(cidr: str, pools: Iterable[dict[str, str]], gateway: str | None) -> list[Pool]:
    """The pools a client gave, in order. Raises InvalidInput, Conflict."""
    found = []
    for pool in pools:
        start, end = pool['start'], pool['end']
        if (':' in start) != (':' in end) or number(start) > number(end):
            raise InvalidInput(f'The allocation pool {start}-{end} is not valid.', code='invalid_allocation_pool')
        if (':' in start) != (network(cidr).version == 6):
            raise InvalidInput(f'The allocation pool {start}-{end} is not valid.', code='invalid_allocation_pool')
        low, high = bounds(cidr)
        if number(start) < low or number(end) > high:
            raise Conflict(f'The allocation pool {start}-{end} spans beyond the subnet cidr {cidr}.', code='out_of_bounds_allocation_pool')
        found.append((start, end))
    found.sort(key=lambda pool: number(pool[0]))
    for one, other in zip(found, found[1:], strict=False):
        if number(other[0]) <= number(one[1]):
            message = f'Found overlapping allocation pools {one[0]}-{one[1]}, {other[0]}-{other[1]} for subnet {cidr}.'
            raise Conflict(message, code='overlapping_allocation_pools')
    if gateway is not None:
        check_gateway_and_pools(gateway, found)
    return found


def check_gateway_and_pools(gateway: str, pools: Iterable[Sequence[str]]) -> None:
    """Raises Conflict where the gateway is among the addresses given out."""
    for start, end in pools:
        if (':' in gateway) == (':' in start) and number(start) <= number(gateway) <= number(end):
            message = f'Gateway ip {gateway} conflicts with allocation pool {start}-{end}.'
            raise Conflict(message, code='gateway_conflict_with_allocation_pools')


def check_gateway(cidr: str, gateway: str) -> None:
    """Raises InvalidInput for a gateway of the other family, or one that no host may have."""
    if (':' in gateway) != (network(cidr).version == 6):
        raise InvalidInput(f"gateway_ip '{gateway}' does not match the ip_version of the subnet.", code='invalid_value')
    net = network(cidr)
    if net.version == 6 and gateway == str(net.network_address):
        return
    if contains(cidr, gateway) and not usable(cidr, gateway):
        raise InvalidInput(f'Gateway {gateway} is not valid on subnet {cidr}.', code='invalid_value')


def overlap(one: str, other: str) -> bool:
    """Whether two networks share an address."""
    a, b = network(one), network(other)
    return a.version == b.version and a.overlaps(b)


def size(pools: Iterable[Sequence[str]]) -> int:
    """How many addresses pools hold."""
    return sum(number(end) - number(start) + 1 for start, end in pools)


def draw(pools: Sequence[Sequence[str]], version: int, count: int) -> list[str]:
    """Some random addresses of pools, at most `count`, without duplicates."""
    spans = [(number(start), number(end)) for start, end in pools]
    if not spans:
        return []
    sizes = [last - first + 1 for first, last in spans]
    if sum(sizes) <= count:
        every = [text(value, version) for first, last in spans for value in range(first, last + 1)]
        random.shuffle(every)
        return every
    chosen = random.choices(spans, sizes, k=count) if len(spans) > 1 else spans * count
    return [text(value, version) for value in {random.randint(first, last) for first, last in chosen}]


def free(pools: Sequence[Sequence[str]], version: int, taken: set[str], most: int = 1 << 17) -> list[str]:
    """Addresses of pools that are not taken; looks at no more than `most`."""
    found = []
    for start, end in pools:
        for value in range(number(start), min(number(end), number(start) + most) + 1):
            address = text(value, version)
            if address not in taken:
                found.append(address)
    return found


def from_mac(cidr: str, mac: str) -> str:
    """The address that a host makes for itself from its MAC address (modified EUI-64) in a /64."""
    octets = [int(part, 16) for part in mac.split(':')]
    octets[0] ^= 2
    value = 0
    for octet in [*octets[:3], 0xFF, 0xFE, *octets[3:]]:
        value = value << 8 | octet
    return text(int(network(cidr).network_address) | value, 6)
