"""The inside of a namespace: its devices, addresses, routes, settings and rules, wanted against present."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Mapping

from common.privileged import CommandFailed
from network.apply import announce, conntrack, links, names, namespaces, offload, sysctl
from network.apply.bridges import End, address_actions
from network.apply.conntrack import Cut, Pending
from network.apply.host import Host
from network.apply.links import Action, Link
from network.apply.tables import Found, Loader, Ruleset

METADATA_ADDRESS = '169.254.169.254'


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """An end inside the namespace. `addresses` with prefix length; `announced` without: told to the neighbours when new."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    announced: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """`destination` a network or 'default'; `device`: the end that the next hop is behind."""

    destination: str
    next_hop: str
    device: str
    version: int = 4


@dataclasses.dataclass(frozen=True)
class Interior:
    """What a namespace should hold. `ends`: its devices as seen from the root namespace, in the order of `devices`."""

    namespace: str
    ends: tuple[End, ...]
    devices: tuple[Device, ...]
    routes: tuple[Route, ...] = ()
    loopback: tuple[str, ...] = ()
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rules: Mapping[str, Ruleset] = dataclasses.field(default_factory=dict)
    checksum_in_software: bool = False


def lost_ends(interior: Interior, inside: Mapping[str, Link]) -> set[str]:
    """Root ends whose other end is not in the namespace."""
    return {end.root for end in interior.ends if end.inner not in inside}


def apply(host: Host, interior: Interior, loader: Loader, pending: Pending) -> None:
    """Bring a namespace, whose devices exist, to what is wanted."""
    inside = links.read(host, interior.namespace)
    sysctl.ensure(host, interior.settings, interior.namespace)
    due: set[Cut] = set()
    for family in sorted(interior.rules):
        found = loader.read(family, interior.namespace)
        due |= pending.remember(interior.namespace, _withdrawn(interior.rules[family], found))
        loader.load(family, interior.rules[family], namespace=interior.namespace, found=found)
    if due and conntrack.cut(host, due, interior.namespace):
        pending.done(interior.namespace)
    links.converge(host, lambda found: _device_actions(interior, found), inside, interior.namespace)
    _routes(host, interior, 4)
    if any(':' in a for d in interior.devices for a in d.addresses) or any(':' in a for link in inside.values() for a in link.addresses):
        _routes(host, interior, 6)
    if interior.checksum_in_software:
        for device in interior.devices:
            offload.checksum_in_software(host, interior.namespace, device.name)
    for device in interior.devices:
        had = {a.partition('/')[0] for a in inside[device.name].addresses} if device.name in inside else set()
        fresh = [a for a in device.announced if a not in had]
        announce.announce(host, interior.namespace, device.name, device.mac, fresh)


def _withdrawn(wanted: Ruleset, found: Mapping[str, Found]) -> set[Cut]:
    """Connections through floating addresses that led elsewhere until now."""
    chains = wanted['nat'].chains if 'nat' in wanted else {}
    loaded = found['nat'].chains if 'nat' in found else {}
    kept = {rule for rules in chains.values() for rule in rules}
    cuts = set()
    for rule in (rule for rules in loaded.values() for rule in rules if rule not in kept):
        words = rule.split()
        if 'DNAT' in words and '-d' in words:
            address = words[words.index('-d') + 1].partition('/')[0]
            cuts |= {Cut(address, '--orig-dst'), Cut(address, '--reply-dst')}
    return cuts


def _device_actions(interior: Interior, inside: Mapping[str, Link]) -> list[Action]:
    actions = []
    loopback = inside.get('lo')
    if loopback is not None:
        lines = [] if loopback.up else ['link set dev lo up']
        have = set(loopback.addresses) - {'127.0.0.1/8', '::1/128'}
        lines += [f'addr add {a} dev lo' for a in interior.loopback if a not in have]
        lines += [f'addr del {a} dev lo' for a in sorted(have - set(interior.loopback))]
        if lines:
            actions.append(Action(f'set loopback of {interior.namespace}', tuple(lines)))
    keep = {device.name for device in interior.devices}
    for name in sorted(inside):
        if names.is_ours(name) and name not in keep:
            actions.append(Action(f'deleted device {name}', (f'link del dev {name}',)))
    for device in interior.devices:
        link = inside.get(device.name)
        if link is None:
            continue
        settings = []
        if link.mac != device.mac.lower():
            settings.append(f'address {device.mac}')
        if link.mtu != device.mtu:
            settings.append(f'mtu {device.mtu}')
        if not link.up:
            settings.append('up')
        if settings:
            actions.append(Action(f'set device {device.name}', (f'link set dev {device.name} {" ".join(settings)}',)))
        addressing = address_actions(device.name, link, device.addresses)
        if addressing:
            actions.append(addressing)
    return actions


def _routes(host: Host, interior: Interior, version: int) -> None:
    found = _read_routes(host, interior.namespace, version)
    want = {(_network(route.destination), route.next_hop): route for route in interior.routes if route.version == version}
    lines = [f'route del {destination} via {hop} proto static' for destination, hop in sorted(found - want.keys())]
    for (destination, hop), route in sorted(want.items()):
        if (destination, hop) not in found:
            lines.append(f'route replace {destination} via {hop} dev {route.device} proto static onlink')
    for line in lines:
        try:
            host.change(f'set {line} in {interior.namespace}', ['ip', '-n', interior.namespace, *line.split()])
        except CommandFailed as error:
            host.problem(f'not set {line} in {interior.namespace}: {error.stderr.strip()}')


def _read_routes(host: Host, namespace: str, version: int) -> set[tuple[str, str]]:
    text = host.read(['ip', '-n', namespace, '-j', f'-{version}', 'route', 'show', 'proto', 'static'])
    return {(_network(r['dst']), r['gateway']) for r in json.loads(text or '[]') if 'dst' in r and 'gateway' in r}


def _network(text: str) -> str:
    """A destination in one form: `default`, or a network with its prefix length."""
    if text == 'default':
        return text
    parsed = ipaddress.ip_network(text, strict=False)
    return str(parsed) if parsed.prefixlen else 'default'


def read(host: Host, namespace: str) -> dict[str, Link]:
    """Devices inside; none if the namespace is not there."""
    return links.read(host, namespace) if namespaces.identity(host, namespace) is not None else {}
