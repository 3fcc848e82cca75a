"""A security group rule as iptables matches, in the form in which `iptables-save` prints them. Pure."""

from __future__ import annotations

import functools
import ipaddress
from pathlib import Path

from network.apply import ipsets
from network.desired.model import Rule

_WITH_PORTS = {'tcp': 'tcp', 'udp': 'udp', 'sctp': 'multiport', 'dccp': 'multiport', 'udplite': 'multiport'}
_BUILT_IN = {
    '1': 'icmp',
    '6': 'tcp',
    '17': 'udp',
    '33': 'dccp',
    '50': 'esp',
    '51': 'ah',
    '58': 'ipv6-icmp',
    '132': 'sctp',
    '136': 'udplite',
}
_ALIASES = {'icmpv6': 'ipv6-icmp', 'ipv6-encap': 'ipv6', 'ipip': 'ipencap'}


@functools.cache
def protocol_names(path: str = '/etc/protocols') -> dict[str, str]:
    """Protocol number -> the name that the save commands print."""
    found = dict(_BUILT_IN)
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        words = line.partition('#')[0].split()
        if len(words) >= 2 and words[1].isdigit() and words[1] != '0':
            found[words[1]] = words[0]
    return found


def protocol(name: str, version: int) -> str:
    """A protocol as the save commands print it; icmp in an IPv6 rule means ICMPv6."""
    name = _ALIASES.get(name.lower(), name.lower())
    if version == 6 and name in ('icmp', '1'):
        name = 'ipv6-icmp'
    if name.isdigit():
        return protocol_names().get(name, name)
    return name


def network(text: str) -> str | None:
    """A network as the save commands print it; None for everything."""
    parsed = ipaddress.ip_network(text, strict=False)
    return None if parsed.prefixlen == 0 else str(parsed)


def matches(rule: Rule) -> str:
    """The matches of a rule, ending with a space unless empty."""
    side = 'src' if rule.direction == 'ingress' else 'dst'
    words: list[str] = []
    remote = network(rule.remote) if rule.remote else None
    if remote:
        words += ['-s' if side == 'src' else '-d', remote]
    name = protocol(rule.protocol, rule.version) if rule.protocol not in (None, '', 'any', '0') else None
    if name:
        words += ['-p', name]
    if rule.remote_set:
        words += ['-m', 'set', '--match-set', ipsets.name_for(rule.remote_set, rule.version), side]
    if name in ('icmp', 'ipv6-icmp'):
        words += _icmp(name, rule)
    elif name in _WITH_PORTS:
        words += _ports(_WITH_PORTS[name], rule)
    return ' '.join(words) + ' ' if words else ''


def _icmp(name: str, rule: Rule) -> list[str]:
    if rule.port_min is None:
        return []
    code = f'/{rule.port_max}' if rule.port_max is not None else ''
    if name == 'icmp':
        return ['-m', 'icmp', '--icmp-type', f'{rule.port_min}{code}']
    return ['-m', 'icmp6', '--icmpv6-type', f'{rule.port_min}{code}']


def _ports(match: str, rule: Rule) -> list[str]:
    if rule.port_min is None and rule.port_max is None:
        return []
    low = rule.port_min or 0
    high = rule.port_max if rule.port_max is not None else 65535
    if (low, high) == (0, 65535):
        return []
    flag = '--dports' if match == 'multiport' else '--dport'
    return ['-m', match, flag, str(low) if low == high else f'{low}:{high}']
