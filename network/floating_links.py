"""Where floating addresses lead: what ports, routers and subnets have to know of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.errors import Conflict
from network.db import floating_ips as queries
from network.db import rows
from network.db.models import FLOATING_IPS, ROUTERS

if TYPE_CHECKING:
    from network.work import Work


def changed(work: Work, router_id: str | None, port: tuple[str, str] | None) -> None:
    """Note that a router translates otherwise now, and that the addresses of a port (id, device) changed."""
    if router_id:
        router = rows.get(work.session, ROUTERS, router_id)
        work.touched.hosts.add(router.host if router is not None else '')
    if port is not None and port[1]:
        work.touched.events.add(port)


def unlink(work: Work, floating: Any, device_id: str = '') -> Any:
    """Let a floating address lead nowhere."""
    changed(work, floating.router_id, (floating.port_id, device_id) if floating.port_id else None)
    return rows.update(work.session, FLOATING_IPS, floating, port_id=None, fixed_ip_address=None, router_id=None, status='DOWN')


def unlink_port(work: Work, port_id: str, lost: Iterable[str] | None = None) -> None:
    """Let those that lead to a port, or only to some of its addresses, lead nowhere before these are gone."""
    for floating in queries.of_port(work.session, port_id):
        if lost is None or floating.fixed_ip_address in lost:
            unlink(work, floating)


def check_addresses_free(work: Work, port: Any, addresses: Iterable[str]) -> None:
    """Raises Conflict where a floating address leads to one of these addresses of the port."""
    lost = set(addresses)
    for floating in queries.of_port(work.session, port.id):
        if floating.fixed_ip_address in lost:
            message = (
                f'Floating IP {floating.floating_ip_address} leads to {floating.fixed_ip_address} of port {port.id}; disassociate it first.'
            )
            raise Conflict(message, code='floating_ip_in_use')
