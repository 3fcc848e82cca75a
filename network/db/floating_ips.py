"""Queries about floating addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from common.db.prepared import prepared
from network.db import lists
from network.db.models import FLOATING_IPS

_F = FLOATING_IPS.c
COLUMNS = {
    **{
        name: _F[name] for name in ('id', 'project_id', 'description', 'floating_ip_address', 'floating_network_id', 'port_id', 'router_id')
    },
    **{name: _F[name] for name in ('fixed_ip_address', 'status', 'revision_number', 'created_at', 'updated_at')},
    'tenant_id': _F.project_id,
}

_OF_PORT = prepared(sa.select(FLOATING_IPS).where(_F.port_id == sa.bindparam('b_port')))


def page(session: Session, filters: Mapping[str, Any], wanted: Any, viewer: str | None) -> list[Any]:
    """A page of floating addresses."""
    query = sa.select(FLOATING_IPS).where(*lists.conditions(filters, COLUMNS, lists.tag_filters(_F.tags)))
    return lists.page(session, query, COLUMNS, FLOATING_IPS, wanted, None if viewer is None else _F.project_id == viewer)


def of_port(session: Session, port_id: str) -> list[Any]:
    """The floating addresses that lead to a port."""
    return list(session.execute(_OF_PORT, {'b_port': port_id}))


def of_ports(session: Session, ports: Iterable[str]) -> list[Any]:
    """The floating addresses that lead to any of these ports."""
    return [row for part in chunks(ports) for row in session.execute(sa.select(FLOATING_IPS).where(_F.port_id.in_(part)))]


def of_router(session: Session, router_id: str) -> list[Any]:
    """The floating addresses that a router translates."""
    return list(session.execute(sa.select(FLOATING_IPS).where(_F.router_id == router_id)))


def leading_nowhere(session: Session, network_id: str) -> list[Any]:
    """The floating addresses of an external network that lead to no port."""
    return list(session.execute(sa.select(FLOATING_IPS).where(_F.floating_network_id == network_id, _F.port_id.is_(None))))
