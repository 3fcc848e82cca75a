"""Giving addresses to ports.

No lock is held: an address is chosen at random among those that are free, and the unique index on (subnet, address) lets
one of two winners of the same address start again. An address goes back with its port, in the same transaction.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput
from network import subnet_ranges as ranges
from network.db import addresses as queries

if TYPE_CHECKING:
    from network.work import Work

Pair = tuple[str, str]
"""Subnet id, address."""
_CANDIDATES = 8


def exhausted(network_id: str) -> Conflict:
    """The error for a network without free addresses."""
    return Conflict(f'No more IP addresses available on network {network_id}.', code='ip_address_generation_failure')


def in_use(network_id: str, address: str) -> Conflict:
    """The error for an address that somebody has."""
    message = f'Unable to complete operation for network {network_id}. The IP address {address} is in use.'
    return Conflict(message, code='ip_address_in_use')


def automatic(subnet: Any) -> bool:
    """Whether ports make their addresses in the subnet by themselves."""
    return subnet.ip_version == 6 and subnet.ipv6_address_mode in ranges.AUTOMATIC


def _serves(subnet: Any, device_owner: str) -> bool:
    kinds = subnet.service_types or []
    return not kinds or any(device_owner.startswith(kind) for kind in kinds)


def next_free(work: Work, subnet: Any, but: Iterable[str] = ()) -> str | None:
    """A free address of a subnet's pools, none of `but`; None when there is none."""
    taken = set(but)
    drawn = [address for address in ranges.draw(subnet.allocation_pools, subnet.ip_version, _CANDIDATES) if address not in taken]
    used = queries.used(work.session, subnet.id, drawn) if drawn else set()
    for address in drawn:
        if address not in used:
            return address
    if ranges.size(subnet.allocation_pools) <= len(drawn):
        return None
    rest = ranges.free(subnet.allocation_pools, subnet.ip_version, queries.used(work.session, subnet.id) | taken)
    return random.choice(rest) if rest else None


def choose_any(work: Work, network_id: str, subnets: Sequence[Any], mac: str, device_owner: str) -> list[Pair]:
    """One address of each IP version the network has, and one in each subnet where ports make their own. Raises Conflict."""
    usable = [subnet for subnet in subnets if _serves(subnet, device_owner)]
    if subnets and not usable:
        raise Conflict(
            f'No subnet of network {network_id} is for ports of {device_owner or "no device"}.', code='ip_address_generation_failure'
        )
    found: list[Pair] = []
    for version in (4, 6):
        managed = [subnet for subnet in usable if subnet.ip_version == version and not automatic(subnet)]
        if managed:
            found.append(_any_of(work, network_id, managed))
    return found + _own_addresses(work, network_id, usable, mac)


def _any_of(work: Work, network_id: str, subnets: Sequence[Any]) -> Pair:
    for subnet in subnets:
        address = next_free(work, subnet)
        if address is not None:
            return subnet.id, address
    raise exhausted(network_id)


def _own_addresses(work: Work, network_id: str, subnets: Iterable[Any], mac: str) -> list[Pair]:
    found = []
    for subnet in subnets:
        if automatic(subnet):
            address = ranges.from_mac(subnet.cidr, mac)
            if queries.used(work.session, subnet.id, [address]):
                raise in_use(network_id, address)
            found.append((subnet.id, address))
    return found


def choose(
    work: Work,
    network_id: str,
    subnets: Sequence[Any],
    wanted: Sequence[Mapping[str, Any]],
    *,
    mac: str,
    device_owner: str,
    have: Sequence[Pair] = (),
) -> list[Pair]:
    """The addresses a client asks for: by address, by subnet, or both. `have`: those the port has already. Raises InvalidInput, Conflict."""
    if len(wanted) > work.options.max_fixed_ips:
        raise InvalidInput(f'Exceeded maximum amount of fixed ips per port: {work.options.max_fixed_ips}.', code='invalid_value')
    by_id = {subnet.id: subnet for subnet in subnets}
    chosen: list[Pair | None] = [None] * len(wanted)
    kept = dict.fromkeys(have)
    for index, entry in enumerate(wanted):
        if entry.get('ip_address'):
            pair = _exact(work, network_id, by_id, entry)
            if pair in chosen:
                raise InvalidInput(f'Duplicate IP address {pair[1]} in fixed_ips.', code='invalid_value')
            if pair not in kept and queries.used(work.session, pair[0], [pair[1]]):
                raise in_use(network_id, pair[1])
            chosen[index] = pair
            kept.pop(pair, None)
    for index, entry in enumerate(wanted):
        if chosen[index] is None:
            chosen[index] = _in_subnet(work, network_id, by_id, entry, mac, device_owner, kept, [pair for pair in chosen if pair])
    found = [pair for pair in chosen if pair]
    if wanted and not have and not device_owner.startswith('network:'):
        named = {subnet_id for subnet_id, _ in found}
        found += _own_addresses(work, network_id, [subnet for subnet in subnets if subnet.id not in named], mac)
    return found


def _subnet(network_id: str, by_id: Mapping[str, Any], subnet_id: str) -> Any:
    if subnet_id not in by_id:
        message = f'Failed to create port on network {network_id}, because fixed_ips included invalid subnet {subnet_id}.'
        raise InvalidInput(message, code='invalid_value', field='fixed_ips')
    return by_id[subnet_id]


def _exact(work: Work, network_id: str, by_id: Mapping[str, Any], entry: Mapping[str, Any]) -> Pair:
    address = str(entry['ip_address'])
    if entry.get('subnet_id'):
        subnet = _subnet(network_id, by_id, entry['subnet_id'])
        inside = ranges.contains(subnet.cidr, address)
    else:
        subnet = next((one for one in by_id.values() if ranges.contains(one.cidr, address)), None)
        inside = subnet is not None
    if subnet is None or not inside:
        message = f'IP address {address} is not a valid IP for any of the subnets on the specified network.'
        raise InvalidInput(message, code='invalid_ip_for_network', field='fixed_ips')
    if not ranges.usable(subnet.cidr, address):
        raise InvalidInput(
            f'IP address {address} is not a valid IP for the specified subnet.', code='invalid_ip_for_subnet', field='fixed_ips'
        )
    return subnet.id, address


def _in_subnet(
    work: Work,
    network_id: str,
    by_id: Mapping[str, Any],
    entry: Mapping[str, Any],
    mac: str,
    device_owner: str,
    kept: dict[Pair, None],
    chosen: list[Pair],
) -> Pair:
    if not entry.get('subnet_id'):
        raise InvalidInput('IP allocation requires subnet_id or ip_address.', code='invalid_value', field='fixed_ips')
    subnet = _subnet(network_id, by_id, entry['subnet_id'])
    for pair in kept:
        if pair[0] == subnet.id:
            kept.pop(pair)
            return pair
    if automatic(subnet) and not device_owner.startswith('network:router'):
        return _own_addresses(work, network_id, [subnet], mac)[0]
    address = next_free(work, subnet, [held for where, held in chosen if where == subnet.id])
    if address is None:
        raise Conflict(f'No more IP addresses available for subnet {subnet.id}.', code='ip_address_generation_failure_for_subnet')
    return subnet.id, address
