"""The rows from which the desired state of a host is made: read at once, used without a database."""

from __future__ import annotations

import dataclasses
from typing import Any

Pair = tuple[str, str]
"""Subnet id, address."""


@dataclasses.dataclass
class Snapshot:
    """Rows have attributes named as the columns.

    ports: those of the host, guests' and the cloud's own. others: bound ports, wherever they are, on networks that the host
    serves (DHCP, routers). addresses: by port. network_hosts: the hosts that take part in each network. tunnels: address of
    each of those hosts. groups: of the host's ports. rules: of those groups. members: addresses (or networks) behind each
    remote group. floating: by router.
    """

    ports: list[Any] = dataclasses.field(default_factory=list)
    others: list[Any] = dataclasses.field(default_factory=list)
    addresses: dict[str, list[Pair]] = dataclasses.field(default_factory=dict)
    networks: list[Any] = dataclasses.field(default_factory=list)
    subnets: dict[str, list[Any]] = dataclasses.field(default_factory=dict)
    network_hosts: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    tunnels: dict[str, str] = dataclasses.field(default_factory=dict)
    groups: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    rules: dict[str, list[Any]] = dataclasses.field(default_factory=dict)
    members: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    routers: list[Any] = dataclasses.field(default_factory=list)
    floating: dict[str, list[Any]] = dataclasses.field(default_factory=dict)
