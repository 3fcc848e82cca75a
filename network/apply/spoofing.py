"""What a guest may claim to be: MAC, IP and ARP sources of each port, as ebtables rules. Pure.

Loaded before bridging and before conntrack, so a forged frame is neither learned nor tracked. Everything that is not
IPv4, IPv6 or ARP from the port's own addresses is dropped, tagged frames with it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from network.apply import names
from network.apply.firewall import FEW_PORTS
from network.apply.tables import Ruleset, Table
from network.desired.model import Port

PREROUTING = 'pl-pre'


def chain(port_id: str) -> str:
    """The chain of a port's frames."""
    return f'pl-a-{names.short(port_id)}'


def ruleset(ports: Iterable[Port]) -> Ruleset:
    """The wanted ebtables rules for the guests' ports of this host."""
    table = Table()
    dispatch = table.chain(PREROUTING, jump_from='PREROUTING')
    ports = sorted(ports, key=lambda p: p.id)
    for port in ports:
        target = chain(port.id) if port.port_security else 'ACCEPT'
        _dispatcher(table, dispatch, port, len(ports)).append(f'-i {names.tap(port.id)} -j {target}')
        if not port.port_security:
            continue
        table.chain(chain(port.id)).extend([*_port_rules(port), '-j DROP'])
    dispatch.append(f'-i {names.TAP}+ -j DROP')
    return {'nat': table}


def _dispatcher(table: Table, dispatch: list[str], port: Port, count: int) -> list[str]:
    """On a host with many ports, a chain per first digit of their ids (see `firewall`)."""
    if count <= FEW_PORTS:
        return dispatch
    name = f'{PREROUTING}-{port.id[0]}'
    if name not in table.chains:
        dispatch.append(f'-i {names.TAP}{port.id[0]}+ -j {name}')
    return table.chain(name)


def sources(port: Port) -> list[tuple[str, str]]:
    """(MAC, address or network) pairs that the port may use."""
    own = port.mac_address.lower()
    found = [(own, address.ip) for address in port.addresses]
    found += [((mac or own).lower(), ip) for mac, ip in port.allowed_pairs]
    return sorted(set(found))


def _port_rules(port: Port) -> list[str]:
    found = [
        '-p IPv4 --ip-proto udp --ip-sport 67 --ip-dport 68 -j DROP',
        '-p IPv6 --ip6-proto ipv6-icmp --ip6-icmp-type router-advertisement -j DROP',
        '-p IPv6 --ip6-proto udp --ip6-sport 547 --ip6-dport 546 -j DROP',
    ]
    pairs = sources(port)
    for mac in sorted({port.mac_address.lower(), *(mac for mac, _ in pairs)}):
        found.append(f'-p IPv4 -s {mac} --ip-src 0.0.0.0 --ip-dst 255.255.255.255 --ip-proto udp --ip-sport 68 --ip-dport 67 -j ACCEPT')
        found.append(f'-p ARP -s {mac} --arp-ip-src 0.0.0.0 --arp-mac-src {mac} -j ACCEPT')
        found.append(f'-p IPv6 -s {mac} --ip6-src {link_local(mac)} -j ACCEPT')
        found.append(f'-p IPv6 -s {mac} --ip6-src :: --ip6-proto ipv6-icmp -j ACCEPT')
    for mac, address in pairs:
        found += _source_rules(mac, ipaddress.ip_network(address, strict=False))
    return found


def _source_rules(mac: str, source: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[str]:
    shown = str(source.network_address) if source.prefixlen == source.max_prefixlen else str(source)
    if source.version == 6:
        return [f'-p IPv6 -s {mac} ' + (f'--ip6-src {shown} -j ACCEPT' if source.prefixlen else '-j ACCEPT')]
    if source.prefixlen == 0:
        return [f'-p IPv4 -s {mac} -j ACCEPT', f'-p ARP -s {mac} --arp-mac-src {mac} -j ACCEPT']
    return [f'-p IPv4 -s {mac} --ip-src {shown} -j ACCEPT', f'-p ARP -s {mac} --arp-ip-src {shown} --arp-mac-src {mac} -j ACCEPT']


def link_local(mac: str) -> str:
    """The IPv6 link-local address that a MAC makes."""
    octets = bytearray.fromhex(mac.replace(':', ''))
    octets[0] ^= 2
    interface = bytes(octets[:3]) + b'\xff\xfe' + bytes(octets[3:])
    return str(ipaddress.IPv6Address(b'\xfe\x80' + bytes(6) + interface))
