"""Security groups of the guests' ports as iptables and ip6tables rules of the root namespace. Pure.

Packets that cross one of our bridges pass FORWARD: first the port that they come from (`pl-o-...`, returns what may leave),
then the port that they go to (`pl-i-...`, accepts what may enter). Each network is a conntrack zone of its own, since the
same addresses may be in use in many. What is not bridged neither enters nor leaves a network through the host, except
where the host is the gateway of an external network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from network.apply import names, rules
from network.apply.tables import Ruleset, Table
from network.desired.model import Port

FORWARD = 'pl-fwd'
INPUT = 'pl-in'
ZONES = 'pl-zone'
NAT = 'pl-nat'
FEW_PORTS = 16
_KEEP = '-m conntrack --ctstate RELATED,ESTABLISHED'
_INVALID = '-m conntrack --ctstate INVALID -j DROP'
_ND_OUT = (130, 131, 132, 133, 135, 136, 143)
_ND_IN = (130, 131, 132, 134, 135, 136)


@dataclasses.dataclass(frozen=True, slots=True)
class HostGateway:
    """An external network whose gateway is the host itself: its bridge and the networks to masquerade (none: do not)."""

    network_id: str
    masquerade: tuple[str, ...] = ()


def out_chain(port_id: str) -> str:
    """The chain of what a guest sends."""
    return f'pl-o-{names.short(port_id)}'


def in_chain(port_id: str) -> str:
    """The chain of what a guest receives."""
    return f'pl-i-{names.short(port_id)}'


def ruleset(version: int, ports: Iterable[Port], zones: Mapping[str, int], gateways: Iterable[HostGateway]) -> Ruleset:
    """The wanted rules of one IP version. `zones`: network id -> conntrack zone, for all networks on this host."""
    ports = sorted(ports, key=lambda p: p.id)
    gateways = sorted(gateways, key=lambda g: g.network_id)
    filters, raw = Table(), Table()
    _zones(raw, zones, gateways)
    forward = filters.chain(FORWARD, jump_from='FORWARD')
    filtered = [port for port in ports if port.port_security]
    for port in filtered:
        _dispatcher(filters, forward, 'in', port, len(ports)).append(_physdev('in', names.tap(port.id), out_chain(port.id)))
        filters.chain(out_chain(port.id)).extend(_out_rules(port, version))
    for port in ports:
        target = in_chain(port.id) if port.port_security else 'ACCEPT'
        _dispatcher(filters, forward, 'out', port, len(ports)).append(_physdev('out', names.tap(port.id), target))
    for port in filtered:
        filters.chain(in_chain(port.id)).extend(_in_rules(port, version))
    # A tap that nobody wants (its port was just deleted) receives nothing.
    forward.append(f'-m physdev --physdev-out {names.TAP}+ --physdev-is-bridged -j DROP')
    forward.append(f'-i {names.BRIDGE}+ -m physdev --physdev-is-bridged -j ACCEPT')
    incoming = filters.chain(INPUT, jump_from='INPUT')
    _host_gateways(forward, incoming, filtered, gateways)
    found: Ruleset = {'filter': filters, 'raw': raw}
    if version == 4:
        nat = Table()
        _masquerade(nat, gateways)
        found['nat'] = nat
    return found


def _physdev(side: str, device: str, target: str) -> str:
    return f'-m physdev --physdev-{side} {device} --physdev-is-bridged -j {target}'


def _dispatcher(filters: Table, forward: list[str], side: str, port: Port, count: int) -> list[str]:
    """The chain that finds a port's own: on a host with many ports one per first digit of their ids, so that a packet passes
    few rules instead of two for each port."""
    if count <= FEW_PORTS:
        return forward
    digit = port.id[0]
    name = f'pl-{side}-{digit}'
    if name not in filters.chains:
        forward.append(_physdev(side, f'{names.TAP}{digit}+', name))
    return filters.chain(name)


def _zones(raw: Table, zones: Mapping[str, int], gateways: list[HostGateway]) -> None:
    chain = raw.chain(ZONES, jump_from='PREROUTING')
    for network_id, zone in sorted(zones.items()):
        # Where the host routes, its own connections and those it masquerades are in zone 0, and so must the answers be.
        if not any(gateway.network_id == network_id for gateway in gateways):
            chain.append(f'-i {names.bridge(network_id)} -j CT --zone {zone}')


def _host_gateways(forward: list[str], incoming: list[str], filtered: list[Port], gateways: list[HostGateway]) -> None:
    for gateway in gateways:
        bridge = names.bridge(gateway.network_id)
        forward.append(f'-i {bridge} -j ACCEPT')
        forward.append(f'-o {bridge} -j ACCEPT')
        for port in filtered:
            if port.network_id == gateway.network_id:
                incoming.append(f'-i {bridge} -m physdev --physdev-in {names.tap(port.id)} -j {out_chain(port.id)}')
        incoming.append(f'-i {bridge} -j RETURN')
    forward.append(f'-i {names.BRIDGE}+ -j DROP')
    forward.append(f'-o {names.BRIDGE}+ -j DROP')
    incoming.append(f'-i {names.BRIDGE}+ -j DROP')


def _masquerade(nat: Table, gateways: list[HostGateway]) -> None:
    for gateway in gateways:
        for cidr in gateway.masquerade:
            chain = nat.chain(NAT, jump_from='POSTROUTING')
            # Packets that a bridge passes on come through here as well (bridge-nf): they do not leave the host.
            chain.append(
                f'-s {rules.network(cidr)} ! -o {names.bridge(gateway.network_id)} -m physdev ! --physdev-is-bridged -j MASQUERADE'
            )


def _out_rules(port: Port, version: int) -> list[str]:
    found = [f'{_KEEP} -j RETURN']
    if version == 4:
        found.append('-p udp -m udp --sport 68 --dport 67 -j RETURN')
    else:
        found += [f'-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN' for kind in _ND_OUT]
        found.append('-p udp -m udp --sport 546 --dport 547 -j RETURN')
    found.append(_INVALID)
    found += _of_groups(port, 'egress', version, 'RETURN')
    found.append('-j DROP')
    return found


def _in_rules(port: Port, version: int) -> list[str]:
    found = [f'{_KEEP} -j ACCEPT']
    if version == 4:
        found.append('-p udp -m udp --sport 67 --dport 68 -j ACCEPT')
    else:
        found += [f'-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT' for kind in _ND_IN]
        found.append('-s fe80::/64 -p udp -m udp --sport 547 --dport 546 -j ACCEPT')
    found.append(_INVALID)
    found += _of_groups(port, 'ingress', version, 'ACCEPT')
    found.append('-j DROP')
    return found


def _of_groups(port: Port, direction: str, version: int, verdict: str) -> list[str]:
    """Rules of the groups, each once; one that lets everything through makes the others needless."""
    found = sorted({rules.matches(rule) for rule in port.rules if rule.direction == direction and rule.version == version})
    if '' in found:
        found = ['']
    return [f'{match}-j {verdict}' for match in found]
