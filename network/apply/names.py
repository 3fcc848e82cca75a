"""Names of everything that the agent makes on a host. Cleaning up goes by these prefixes alone."""

from __future__ import annotations

PREFIX = 'pl'
TAP = 'plt'
BRIDGE = 'plb'
VXLAN = 'plx'
SEGMENT = 'pls'  # a VLAN device, or the root end of a link to a bridge of the operator
SEGMENT_PEER = 'ple'
VETH = 'plv'  # root end of a DHCP or router port
DHCP_END = 'pld'
ROUTER_END = 'plr'
GATEWAY_END = 'plg'
DHCP_NAMESPACE = 'pl-dhcp-'
ROUTER_NAMESPACE = 'pl-router-'
CHAIN = 'pl-'
IPSET = 'pl-'

DEVICE_PREFIXES = (TAP, BRIDGE, VXLAN, SEGMENT, SEGMENT_PEER, VETH, DHCP_END, ROUTER_END, GATEWAY_END)
NAMESPACE_PREFIXES = (DHCP_NAMESPACE, ROUTER_NAMESPACE)


def short(identifier: str) -> str:
    """The part of an id that fits a device name with a prefix of three letters (15 characters in all)."""
    return identifier[:11]


def tap(port_id: str) -> str:
    """The tap that a guest's interface is."""
    return TAP + short(port_id)


def bridge(network_id: str) -> str:
    """The bridge of a network on this host."""
    return BRIDGE + short(network_id)


def vxlan(network_id: str) -> str:
    """The VXLAN device of a network."""
    return VXLAN + short(network_id)


def segment(network_id: str) -> str:
    """The VLAN device, or our end of the link to an operator's bridge, of a network."""
    return SEGMENT + short(network_id)


def segment_peer(network_id: str) -> str:
    """The other end of the link to an operator's bridge."""
    return SEGMENT_PEER + short(network_id)


def veth(port_id: str) -> str:
    """The root end of a port that lives in a namespace."""
    return VETH + short(port_id)


def dhcp_end(port_id: str) -> str:
    """The end of a DHCP port inside its namespace."""
    return DHCP_END + short(port_id)


def router_end(port_id: str) -> str:
    """The end of a router's inner interface inside its namespace."""
    return ROUTER_END + short(port_id)


def gateway_end(port_id: str) -> str:
    """The end of a router's external interface inside its namespace."""
    return GATEWAY_END + short(port_id)


def dhcp_namespace(network_id: str) -> str:
    """Where a network's DHCP server lives."""
    return DHCP_NAMESPACE + network_id


def router_namespace(router_id: str) -> str:
    """Where a router lives."""
    return ROUTER_NAMESPACE + router_id


def is_ours(device: str) -> bool:
    """Whether a device of the root namespace was made by us (three-letter prefix, then hex digits or a dash)."""
    return device.startswith(DEVICE_PREFIXES) and all(c in '0123456789abcdef-' for c in device[3:])
