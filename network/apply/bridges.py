"""The devices of the root namespace: a bridge per network with its taps, namespace ends, tunnel or segment. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
from collections.abc import Callable, Mapping

from network.apply import names, vlan, vxlan
from network.apply.links import Action, Link, Wanted
from network.desired.model import HostNetwork, Network, Port

_TUNE = {'mcast_snooping': 0, 'nf_call_iptables': 1, 'nf_call_ip6tables': 1}


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """The two ends of a port that lives in a namespace: `root` is plugged into the network's bridge."""

    root: str
    inner: str
    namespace: str
    network_id: str
    mac: str
    lost: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Surroundings:
    """What the host gives: `physical`: physical network -> device; `tunnel_ip`: our address for tunnels;
    `gateways`: external network id -> (address, prefix length) pairs that its bridge holds."""

    physical: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tunnel_ip: str | None = None
    tunnel_port: int = 4789
    gateways: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


def wanted(
    state: HostNetwork, ends: list[End], present: Mapping[str, Link], around: Surroundings, problem: Callable[[str], None]
) -> list[Wanted]:
    """All devices in the order in which to make them. What cannot be made is told to `problem` and left out."""
    found: list[Wanted] = []
    networks = {network.id: network for network in state.networks}
    for network in state.networks:
        found.append(_bridge(network, around))
        if network.kind == 'vxlan':
            found += vxlan.devices(network, around.tunnel_ip, around.tunnel_port, problem)
        elif network.kind in ('flat', 'vlan'):
            found += vlan.devices(network, around.physical, present, problem, needed=network.id not in around.gateways)
    for end in ends:
        if end.network_id in networks:
            found.append(_veth(end, networks[end.network_id]))
    for port in state.ports:
        if port.network_id in networks:
            found.append(_tap(port, networks[port.network_id]))
        else:
            problem(f'port {port.id} is of network {port.network_id}, which is not among the networks of this host')
    return found


def _bridge(network: Network, around: Surroundings) -> Wanted:
    name = names.bridge(network.id)
    # A bridge that holds an address must not change its MAC with the ports that come and go.
    mac = _stable_mac(network.id) if network.id in around.gateways else None
    return Wanted(name, ('bridge',), f'name {name} type bridge', mtu=network.mtu, mac=mac, tune=_TUNE)


def _stable_mac(identifier: str) -> str:
    digest = hashlib.sha256(identifier.encode()).digest()
    return '0e:' + ':'.join(f'{octet:02x}' for octet in digest[:5])


def _tap(port: Port, network: Network) -> Wanted:
    name = names.tap(port.id)
    return Wanted(
        name,
        ('tun', 'veth'),  # a test may put one end of a veth in the place of the tap
        f'dev {name} mode tap',
        verb='tuntap add',
        mtu=network.mtu,
        up=port.admin_state_up and network.admin_state_up,
        master=names.bridge(network.id),
    )


def _veth(end: End, network: Network) -> Wanted:
    make = f'name {end.root} type veth peer name {end.inner} address {end.mac} mtu {network.mtu} netns {end.namespace}'
    return Wanted(end.root, ('veth',), make, mtu=network.mtu, master=names.bridge(network.id), remake=end.lost)


def address_actions(device: str, link: Link | None, addresses: tuple[str, ...]) -> Action | None:
    """Bring the addresses (with prefix length) of a device to these."""
    have = {str(ipaddress.ip_interface(a)) for a in (link.addresses if link else ())}
    want = {str(ipaddress.ip_interface(a)) for a in addresses}
    lines = [f'addr add {a} dev {device}' + (' nodad' if ':' in a else '') for a in sorted(want - have)]
    lines += [f'addr del {a} dev {device}' for a in sorted(have - want)]
    return Action(f'set addresses of {device}: {", ".join(sorted(want)) or "none"}', tuple(lines)) if lines else None
