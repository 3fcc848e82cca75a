"""Flat and VLAN networks: a bridge of ours joined with a device of the operator.

The device may be a network card without addresses of its own (it becomes a port of our bridge; a VLAN device on it for a
VLAN network), or a bridge (which gets a port from us). Nothing else of the operator's is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from network.apply import names
from network.apply.links import Link, Wanted
from network.desired.model import Network


def parse_mapping(pairs: list[str]) -> dict[str, str]:
    """`['physnet1:eth1']` as a dict."""
    return {name.strip(): device.strip() for name, _, device in (pair.partition(':') for pair in pairs) if device.strip()}


def devices(
    network: Network, physical: Mapping[str, str], present: Mapping[str, Link], problem: Callable[[str], None], *, needed: bool
) -> list[Wanted]:
    """What joins the network's bridge with the physical network; `needed` False: none is fine (the host is the gateway)."""
    device = physical.get(network.physical_network or '')
    if device is None:
        if needed:
            problem(f'network {network.id} is on physical network {network.physical_network!r}, which no device of this host leads to')
        return []
    link = present.get(device)
    if link is None:
        problem(f'device {device} of physical network {network.physical_network!r} does not exist on this host')
        return []
    if network.kind == 'vlan':
        return [_vlan(network, device)]
    if link.kind == 'bridge':
        return _link_to_bridge(network, device, present)
    if link.addresses:
        problem(f'device {device} has addresses ({", ".join(link.addresses)}); move them to a bridge and name that, or use a free device')
        return []
    return [Wanted(device, (link.kind,), '', mtu=None, master=names.bridge(network.id))]


def _vlan(network: Network, device: str) -> Wanted:
    name = names.segment(network.id)
    make = f'link {device} name {name} type vlan id {network.segmentation_id}'
    return Wanted(name, ('vlan',), make, mtu=network.mtu, master=names.bridge(network.id), data={'id': network.segmentation_id})


def _link_to_bridge(network: Network, device: str, present: Mapping[str, Link]) -> list[Wanted]:
    ours, theirs = names.segment(network.id), names.segment_peer(network.id)
    make = f'name {ours} type veth peer name {theirs}'
    return [
        Wanted(ours, ('veth',), make, mtu=network.mtu, master=names.bridge(network.id), remake=ours in present and theirs not in present),
        Wanted(theirs, ('veth',), '', mtu=network.mtu, master=device),
    ]
