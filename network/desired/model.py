"""The desired state of one host's network: plain, frozen values that travel as JSON from the service to the agent.

Made by `network/desired/*.py` from rows, applied by `network/agent.py`. All tuples are sorted by id or address, so that
equal states are equal values. Addresses are texts without prefix length unless said otherwise; protocols are numbers as
text or names as in /etc/protocols; `version` is 4 or 6.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a network. `host_routes`: (destination, next hop). The modes: slaac, dhcpv6-stateful, dhcpv6-stateless or None."""

    id: str
    cidr: str
    version: int = 4
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[tuple[str, str], ...] = ()
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """An address of a port, with the prefix length of its subnet."""

    ip: str
    prefix: int
    subnet_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Guest:
    """Whose an address is, for the metadata proxy."""

    ip: str
    device_id: str
    project_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Network:
    """A network of which something is on this host.

    `kind`: vxlan, vlan, flat or local. `peers`: tunnel addresses of the other hosts that take part in it (vxlan).
    `guests`: the owners of all its ports' addresses, wherever they run (for metadata).
    """

    id: str
    kind: str
    mtu: int = 1500
    segmentation_id: int | None = None
    physical_network: str | None = None
    external: bool = False
    admin_state_up: bool = True
    subnets: tuple[Subnet, ...] = ()
    peers: tuple[str, ...] = ()
    guests: tuple[Guest, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What a security group lets through. `direction`: ingress or egress.

    For tcp, udp, sctp, dccp, udplite the ports are bounds; for icmp they are type and code; None: any.
    `remote`: a network (CIDR) or None; `remote_set`: id of an `AddressSet` or None.
    """

    direction: str
    version: int = 4
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    remote: str | None = None
    remote_set: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AddressSet:
    """Addresses or networks behind a remote group or an address group."""

    id: str
    addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A guest's port on this host.

    `allowed_pairs`: further (MAC, address or network) that it may use as source; an empty MAC is the port's own.
    `port_security` False: no filter at all. `rules` of all its groups, without duplicates.
    """

    id: str
    network_id: str
    mac_address: str
    addresses: tuple[Address, ...] = ()
    device_id: str = ''
    device_owner: str = ''
    project_id: str = ''
    admin_state_up: bool = True
    port_security: bool = True
    allowed_pairs: tuple[tuple[str, str], ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DhcpHost:
    """A port that the DHCP server knows. `options`: further DHCP options, name or number -> value, for one version."""

    port_id: str
    mac_address: str
    addresses: tuple[Address, ...] = ()
    hostname: str | None = None
    options: tuple[tuple[str, str, int], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Dhcp:
    """A network whose DHCP server is on this host. `metadata`: serve 169.254.169.254 there (no router does it)."""

    network_id: str
    port_id: str
    mac_address: str
    addresses: tuple[Address, ...] = ()
    hosts: tuple[DhcpHost, ...] = ()
    domain: str = ''
    metadata: bool = False
    metadata_subnets: tuple[str, ...] = ()  # ids of the subnets that need option 121 to the DHCP port for metadata


@dataclasses.dataclass(frozen=True, slots=True)
class RouterPort:
    """An interface of a router."""

    port_id: str
    network_id: str
    mac_address: str
    addresses: tuple[Address, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class FloatingIp:
    """An address of the external network that leads to a fixed one."""

    id: str
    floating_ip: str
    fixed_ip: str


@dataclasses.dataclass(frozen=True, slots=True)
class Router:
    """A router on this host. `gateway`: its external interface; `routes`: (destination, next hop)."""

    id: str
    admin_state_up: bool = True
    interfaces: tuple[RouterPort, ...] = ()
    gateway: RouterPort | None = None
    enable_snat: bool = True
    floating_ips: tuple[FloatingIp, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HostNetwork:
    """All that a host should have."""

    host: str
    revision: int = 0
    networks: tuple[Network, ...] = ()
    ports: tuple[Port, ...] = ()
    dhcp: tuple[Dhcp, ...] = ()
    routers: tuple[Router, ...] = ()
    address_sets: tuple[AddressSet, ...] = ()


_PLAIN = frozenset({str, int, bool})


def to_message(value: Any) -> Any:
    """JSON-ready form of any of these values; what has its default is left out."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, tuple):
        return [to_message(item) for item in value]
    out = {}
    for name, default in _fields(type(value)):
        item = getattr(value, name)
        if default is dataclasses.MISSING or item != default:
            out[name] = to_message(item)
    return out


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """(name, default) of each field."""
    return tuple((field.name, field.default) for field in dataclasses.fields(kind))


def from_message(data: dict[str, Any]) -> HostNetwork:
    """The state that `to_message` wrote; unknown keys are left out, so that a newer service is understood."""
    return _build(HostNetwork, data)


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in data.items() if name in hints})  # type: ignore[operator]
    if data is None:
        return None
    origin = typing.get_origin(kind)
    if origin is tuple:
        arguments = typing.get_args(kind)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_build(arguments[0], item) for item in data)
        return tuple(data)
    if origin in (typing.Union, types.UnionType):
        inner = next(part for part in typing.get_args(kind) if part is not type(None))
        return _build(inner, data)
    return data


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
