"""The filters of the root namespace: address sets, anti-spoofing, security groups, and what to cut when one is withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from common.privileged import CommandFailed
from network.apply import conntrack, firewall, ipsets, names, spoofing, zones
from network.apply.conntrack import Cut, Pending
from network.apply.host import Host
from network.apply.links import Link
from network.apply.tables import Found, Loader, Ruleset
from network.desired.model import HostNetwork, Port

FAMILIES = ('ebtables', 'iptables', *(('ip6tables',) if Path('/proc/sys/net/ipv6').exists() else ()))
"""Rule tables of this host: a kernel that was started without IPv6 has none for it."""


class Filtering:
    """Keeps the root namespace's filters as wanted."""

    def __init__(self, host: Host, loader: Loader, pending: Pending) -> None:
        self.host = host
        self.loader = loader
        self.pending = pending
        self.sets = ipsets.IpSets(host)

    def apply(self, state: HostNetwork, present: Mapping[str, Link], gateways: Iterable[firewall.HostGateway]) -> set[str]:
        """Load everything. Returns ids of ports whose rules this host cannot load in full (they are closed instead)."""
        found = {family: self.loader.read(family) for family in FAMILIES}
        zoned = zones.parse(_chain(found['iptables'], 'raw', firewall.ZONES))
        zone_of = zones.allocate([network.id for network in state.networks], zoned)
        gateways = list(gateways)
        wanted: dict[str, Ruleset] = {
            'ebtables': spoofing.ruleset(state.ports),
            'iptables': firewall.ruleset(4, state.ports, zone_of, gateways),
            'ip6tables': firewall.ruleset(6, state.ports, zone_of, gateways),
        }
        members = address_sets(state)
        before = self.sets.read()
        cuts = self._withdrawn(wanted, found, state.ports, zone_of, present, zoned)
        cuts |= _left_sets(members, before, state.ports, zone_of)
        due = self.pending.remember(None, cuts)
        self.sets.fill(members)
        closed: set[str] = set()
        for family in FAMILIES:
            closed |= self._load(family, wanted[family], found[family])
        self.sets.drop_unused(members)
        if due and conntrack.cut(self.host, due):
            self.pending.done(None)
        return {port.id for port in state.ports if names.short(port.id) in closed}

    def _load(self, family: str, wanted: Ruleset, found: dict[str, Found]) -> set[str]:
        """Load a family; ports whose rules the kernel refuses are left closed. Returns their short ids."""
        try:
            self.loader.load(family, wanted, found=found)
            return set()
        except CommandFailed as error:
            self.host.problem(f'{family} rules were refused as a whole, trying port by port: {error.admin_detail}')
        return self._load_port_by_port(family, wanted)

    def _load_port_by_port(self, family: str, wanted: Ruleset) -> set[str]:
        table = wanted['nat' if family == 'ebtables' else 'filter']
        full = {name: list(rules) for name, rules in table.chains.items() if name.startswith(('pl-i-', 'pl-o-', 'pl-a-'))}
        refused: set[str] = set()
        for name in full:
            table.chains[name][:] = ['-j DROP']
        self.loader.load(family, wanted)
        for name, rules in full.items():
            table.chains[name][:] = rules
            try:
                self.loader.load(family, wanted)
            except CommandFailed as error:
                table.chains[name][:] = ['-j DROP']
                refused.add(name[5:])
                self.host.problem(f'the rules of port {name[5:]}... cannot be loaded, it stays closed: {error.admin_detail}')
        return refused

    def _withdrawn(
        self,
        wanted: Mapping[str, Ruleset],
        found: Mapping[str, Mapping[str, Found]],
        ports: Iterable[Port],
        zone_of: Mapping[str, int],
        present: Mapping[str, Link],
        zoned: Mapping[str, int],
    ) -> set[Cut]:
        """Connections that a rule let through which is loaded but no longer wanted."""
        known = {names.short(port.id): port for port in ports}
        cuts: set[Cut] = set()
        for family in FAMILIES[1:]:
            loaded = found[family].get('filter')
            for name, rules in (loaded.chains if loaded else {}).items():
                if not name.startswith(('pl-i-', 'pl-o-')):
                    continue
                port = known.get(name[5:])
                lost = set(rules) - set(wanted[family]['filter'].chains.get(name, []))
                if port and not port.port_security or not any(rule.endswith(('-j ACCEPT', '-j RETURN')) for rule in lost):
                    continue
                side = '--orig-dst' if name.startswith('pl-i-') else '--orig-src'
                tap = present.get(names.TAP + name[5:])
                zone = zone_of.get(port.network_id, -1) if port else zoned.get((tap.master or '') if tap else '', -1)
                addresses = _loaded_sources(found['ebtables'], name[5:]) | {a.ip for a in (port.addresses if port else ())}
                version6 = family == 'ip6tables'
                cuts |= {Cut(address, side, zone) for address in addresses if (':' in address) == version6}
        return cuts


def address_sets(state: HostNetwork) -> dict[str, frozenset[str]]:
    """The sets that rules of this host's ports use, by name."""
    used = {(rule.remote_set, rule.version) for port in state.ports for rule in port.rules if rule.remote_set}
    known = {group.id: group.addresses for group in state.address_sets}
    return {
        ipsets.name_for(group, version): frozenset(a for a in known.get(group, ()) if (':' in a) == (version == 6))
        for group, version in used
        if group
    }


def _left_sets(
    wanted: Mapping[str, frozenset[str]], before: Mapping[str, set[str]], ports: Iterable[Port], zone_of: Mapping[str, int]
) -> set[Cut]:
    """Connections with addresses that have left a set which rules of our ports use."""
    left = {name: before[name] - {ipsets.normal(a) for a in members} for name, members in wanted.items() if name in before}
    cuts = set()
    for port in ports:
        for rule in port.rules:
            if not rule.remote_set:
                continue
            side = '--orig-src' if rule.direction == 'ingress' else '--orig-dst'
            for address in left.get(ipsets.name_for(rule.remote_set, rule.version), ()):
                cuts.add(Cut(address, side, zone_of.get(port.network_id, -1)))
    return cuts


def _chain(found: Mapping[str, Found], table: str, chain: str) -> list[str]:
    return list(found[table].chains.get(chain, ())) if table in found else []


def _loaded_sources(found: Mapping[str, Found], short_id: str) -> set[str]:
    """Addresses that the loaded anti-spoofing rules allow a port (networks left out)."""
    addresses = set()
    for rule in _chain(found, 'nat', f'pl-a-{short_id}'):
        words = rule.split()
        for flag in ('--ip-src', '--ip6-src'):
            if flag in words:
                address = words[words.index(flag) + 1]
                if '/' not in address and address not in ('0.0.0.0', '::') and not address.startswith('fe80:'):
                    addresses.add(address)
    return addresses
