"""VXLAN: one device per network, and in its forwarding table the hosts to which unknown and broadcast frames are copied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from network.apply import names
from network.apply.host import Host
from network.apply.links import Wanted
from network.desired.model import Network

FLOOD = '00:00:00:00:00:00'


def devices(network: Network, tunnel_ip: str | None, port: int, problem: Callable[[str], None]) -> list[Wanted]:
    """The device of a network. Without an address for tunnels a network that has no peers works on this host alone."""
    if not tunnel_ip or network.segmentation_id is None:
        if network.peers:
            problem(f'network {network.id} reaches other hosts by VXLAN, but this host has no tunnel address')
        return []
    name = names.vxlan(network.id)
    key = 'local6' if ':' in tunnel_ip else 'local'
    # Addresses behind the tunnel are learnt from what comes through it, so that a guest may move between hosts.
    make = f'name {name} type vxlan id {network.segmentation_id} local {tunnel_ip} dstport {port}'
    data = {'id': network.segmentation_id, key: tunnel_ip, 'port': port}
    return [Wanted(name, ('vxlan',), make, mtu=network.mtu, master=names.bridge(network.id), data=data)]


def flood_wanted(networks: Iterable[Network], tunnel_ip: str | None) -> dict[str, set[str]]:
    """VXLAN device -> the peers to flood to."""
    if not tunnel_ip:
        return {}
    return {names.vxlan(n.id): set(n.peers) - {tunnel_ip} for n in networks if n.kind == 'vxlan' and n.segmentation_id is not None}


def flood_found(listing: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """The same, from the JSON of `bridge fdb show`."""
    found: dict[str, set[str]] = {}
    for entry in listing:
        device = entry.get('ifname', '')
        if device.startswith(names.VXLAN) and entry.get('mac') == FLOOD and 'dst' in entry:
            found.setdefault(device, set()).add(entry['dst'])
    return found


def plan_flood(wanted: Mapping[str, set[str]], found: Mapping[str, set[str]]) -> list[str]:
    """Lines for `bridge -batch`."""
    lines = []
    for device in sorted(wanted):
        have = found.get(device, set())
        lines += [f'fdb append {FLOOD} dev {device} dst {peer}' for peer in sorted(wanted[device] - have)]
        lines += [f'fdb del {FLOOD} dev {device} dst {peer}' for peer in sorted(have - wanted[device])]
    return lines


def apply_flood(host: Host, networks: Iterable[Network], tunnel_ip: str | None) -> None:
    """Bring the flood lists of all VXLAN devices to what is wanted."""
    wanted = flood_wanted(networks, tunnel_ip)
    if not wanted:
        return
    lines = plan_flood(wanted, flood_found(json.loads(host.read(['bridge', '-j', 'fdb', 'show']) or '[]')))
    if lines:
        host.change('set peers of VXLAN devices', ['bridge', '-force', '-batch', '-'], stdin=''.join(f'{line}\n' for line in lines))
