"""Which addresses this service may be sent to by a URL that a user has given.

A user who names a URL makes the service ask on his behalf, from where the service stands: its own loopback, the networks of the
operator, the metadata of the machine it runs on. Only addresses of the public Internet are taken, and what the operator allows.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.config import ConfigError

if TYPE_CHECKING:
    from image.conf import ImageOptions

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network('64:ff9b::/96')
# RFC 6890, and an address of nobody else's: where some clouds keep what they tell their guests, of whom this service may be one.
_OF_PLATFORMS = (ipaddress.IPv4Network('192.0.0.0/24'), ipaddress.IPv4Network('168.63.129.16/32'))


class AddressRules:
    """What `[image] allowed_networks`, `denied_hosts`, `import_allowed_ports` and `import_allowed_schemes` say.

    :raises: ConfigError for a value that cannot be read
    """

    def __init__(self, allowed: Sequence[str], denied: Sequence[str], ports: Sequence[str], schemes: Sequence[str]) -> None:
        self._allowed = [_network('allowed_networks', text) for text in allowed]
        named = [text.strip().lower().rstrip('.') for text in denied if text.strip()]
        self._denied_names = [text for text in named if _as_network(text) is None]
        self._denied = [network for text in named if (network := _as_network(text)) is not None]
        self._ports = [_port_range(text) for text in ports]
        self.schemes = tuple(scheme.lower() for scheme in schemes)

    def allows_port(self, port: int) -> bool:
        """Whether a URL may name this port."""
        return any(first <= port <= last for first, last in self._ports)

    def denies_name(self, host: str) -> bool:
        """Whether the operator has named this host, or a domain above it as `.example.org`."""
        return any(host == name or (name.startswith('.') and (host.endswith(name) or host == name[1:])) for name in self._denied_names)

    def allows(self, text: str) -> bool:
        """Whether to connect to an address, written as getaddrinfo gives it.

        An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo) is judged by both.
        """
        address = ipaddress.ip_address(text.partition('%')[0])
        faces = [address, *_hidden(address)]
        if any(_within(face, self._denied) for face in faces):
            return False
        if _within(address, self._allowed):
            return True
        return all(_within(face, self._allowed) or _is_public(face) for face in faces[1:] or faces)


def _hidden(address: Address) -> list[Address]:
    """The IPv4 addresses that packets to this IPv6 address would reach."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64 or int(address) >> 32 == 0:  # `::a.b.c.d` is deprecated, not forgotten by every kernel
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    return []


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:  # deprecated (RFC 3879), not forgotten by every network
        return False
    if _within(address, _OF_PLATFORMS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _as_network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _network(option: str, text: str) -> Network:
    found = _as_network(text.strip())
    if found is None:
        raise ConfigError(f'[image] {option}: {text!r} is not a network like 192.0.2.0/24.')
    return found


def _port_range(text: str) -> tuple[int, int]:
    first, dash, last = text.strip().partition('-')
    if not first.isdigit() or (dash and not last.isdigit()):
        raise ConfigError(f'[image] import_allowed_ports: {text!r} is neither a port nor a range like 8000-8100.')
    return int(first), int(last if dash else first)


@functools.lru_cache(maxsize=16)
def _rules(*texts: tuple[str, ...]) -> AddressRules:
    return AddressRules(*texts)


def rules_of(options: ImageOptions) -> AddressRules:
    """The rules of these options, read once."""
    return _rules(
        tuple(options.allowed_networks),
        tuple(options.denied_hosts),
        tuple(options.import_allowed_ports),
        tuple(options.import_allowed_schemes),
    )
