"""Ports that the cloud itself has on networks: whose they are, by their device owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.db import ports as queries

if TYPE_CHECKING:
    from network.work import Work

DHCP = 'network:dhcp'
INTERFACE = 'network:router_interface'
GATEWAY = 'network:router_gateway'
FLOATING = 'network:floatingip'
ROUTER_OWNERS = (INTERFACE, GATEWAY)
AUTO_DELETE = (DHCP,)
"""What goes by itself with its network."""
SERVED = (INTERFACE, GATEWAY, FLOATING)
"""What only routers and floating addresses delete."""


def remove_from(work: Work, network_id: str) -> None:
    """Delete the cloud's own ports on a network that is about to be deleted."""
    found = queries.with_owner(work.session, network_id, AUTO_DELETE)
    work.touched.hosts.update(row.host for row in found)
    queries.delete_all(work.session, [row.id for row in found])
