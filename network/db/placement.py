"""Queries of placement: what runs on no living host."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from network.db.models import PORTS, ROUTERS, SUBNETS

_P, _R, _S = PORTS.c, ROUTERS.c, SUBNETS.c


def routers_not_on(session: Session, alive: Iterable[str]) -> list[str]:
    """Routers that have something to do and are on none of these hosts."""
    working = sa.select(_P.device_id).where(_P.device_owner.in_(('network:router_interface', 'network:router_gateway')))
    query = sa.select(_R.id).where(_R.host.not_in(list(alive)), _R.id.in_(working))
    return [router_id for (router_id,) in session.execute(query.order_by(_R.created_at))]


def networks_not_served_by(session: Session, alive: Iterable[str]) -> list[str]:
    """Networks with a subnet that wants DHCP, whose DHCP server is on none of these hosts."""
    wanting = sa.or_(_S.ip_version == 4, _S.ipv6_address_mode.in_(('dhcpv6-stateful', 'dhcpv6-stateless')))
    served = sa.select(_P.network_id).where(_P.device_owner == 'network:dhcp', _P.host.in_(list(alive)))
    query = sa.select(_S.network_id).where(_S.enable_dhcp.is_(True), wanting, _S.network_id.not_in(served))
    return [network_id for (network_id,) in session.execute(query.distinct())]


def set_router_host(session: Session, router_id: str, host: str) -> None:
    """Say where a router runs; no change that its owner made, so it has no new revision."""
    session.execute(sa.update(ROUTERS).where(_R.id == router_id).values(host=host))


def routers_on(session: Session, host: str) -> list[str]:
    """Ids of the routers on a host."""
    return [router_id for (router_id,) in session.execute(sa.select(_R.id).where(_R.host == host).order_by(_R.id))]


def networks_served_by(session: Session, host: str) -> list[str]:
    """Ids of the networks whose DHCP server is on a host."""
    query = sa.select(_P.network_id).where(_P.device_owner == 'network:dhcp', _P.host == host)
    return [network_id for (network_id,) in session.execute(query.order_by(_P.network_id))]
