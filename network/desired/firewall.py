"""Rules of security groups, as what they let through. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from network.desired.model import AddressSet, Rule

NUMBERS = {
    'ah': 51, 'dccp': 33, 'egp': 8, 'esp': 50, 'gre': 47, 'hopopt': 0, 'icmp': 1, 'icmpv6': 58, 'igmp': 2, 'ip': 0, 'ipip': 4,
    'ipv6-encap': 41, 'ipv6-frag': 44, 'ipv6-icmp': 58, 'ipv6-nonxt': 59, 'ipv6-opts': 60, 'ipv6-route': 43, 'ospf': 89, 'pgm': 113,
    'rsvp': 46, 'sctp': 132, 'tcp': 6, 'udp': 17, 'udplite': 136, 'vrrp': 112,
}  # fmt: skip
"""The protocols that rules may name, with their numbers."""
_ICMP, _ICMPV6 = 1, 58


def rules_of(groups: Iterable[str], rules: Mapping[str, Sequence[Any]]) -> tuple[Rule, ...]:
    """What the groups of a port let through together, each thing once."""
    found = {_rule(row) for group in groups for row in rules.get(group, ())}
    return tuple(sorted(found, key=_order))


def _order(rule: Rule) -> tuple[Any, ...]:
    return tuple('' if value is None else str(value) for value in (getattr(rule, name) for name in rule.__slots__))


def _rule(row: Any) -> Rule:
    version = 6 if row.ethertype == 'IPv6' else 4
    return Rule(
        direction=row.direction,
        version=version,
        protocol=protocol(row.protocol, version),
        port_min=row.port_range_min,
        port_max=row.port_range_max,
        remote=_remote(row.remote_ip_prefix),
        remote_set=row.remote_group_id,
    )


def protocol(name: str | None, version: int) -> str | None:
    """A protocol as its number in text, None for all of them. ICMP in a rule for IPv6 means ICMPv6."""
    if name is None:
        return None
    number = int(name) if name.isdigit() else NUMBERS[name]
    if number == _ICMP and version == 6:
        number = _ICMPV6
    return str(number) if number else None


def _remote(prefix: str | None) -> str | None:
    """None for a network that holds every address."""
    if not prefix or ipaddress.ip_network(prefix, strict=False).prefixlen == 0:
        return None
    return prefix


def address_sets(rules: Iterable[Rule], members: Mapping[str, Iterable[str]]) -> tuple[AddressSet, ...]:
    """The sets that rules refer to; one without members lets nobody in."""
    named = {rule.remote_set for rule in rules if rule.remote_set}
    return tuple(AddressSet(group, tuple(sorted(set(members.get(group, ()))))) for group in sorted(named))
