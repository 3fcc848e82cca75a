"""Queries about routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from network.db import lists
from network.db.models import ALLOCATIONS, PORTS, ROUTERS, SUBNETS

_R, _P, _A, _S = ROUTERS.c, PORTS.c, ALLOCATIONS.c, SUBNETS.c
COLUMNS = {
    **{
        name: _R[name]
        for name in ('id', 'name', 'project_id', 'description', 'admin_state_up', 'revision_number', 'created_at', 'updated_at')
    },
    'tenant_id': _R.project_id,
}
_OWNERS = ('network:router_interface', 'network:router_gateway')


def page(session: Session, filters: Mapping[str, Any], wanted: Any, viewer: str | None) -> list[Any]:
    """A page of routers."""
    special: dict[str, Any] = lists.tag_filters(_R.tags)
    special['status'] = lambda values: sa.true() if 'ACTIVE' in values else sa.false()
    query = sa.select(ROUTERS).where(*lists.conditions(filters, COLUMNS, special))
    return lists.page(session, query, COLUMNS, ROUTERS, wanted, None if viewer is None else _R.project_id == viewer)


def legs(session: Session, router_id: str) -> list[Any]:
    """(port_id, network_id, device_owner, subnet_id, ip_address, cidr, ip_version, gateway_ip) of each address of a router."""
    query = (
        sa.select(
            _P.id.label('port_id'), _P.network_id, _P.device_owner, _A.subnet_id, _A.ip_address, _S.cidr, _S.ip_version, _S.gateway_ip
        )
        .join(ALLOCATIONS, _A.port_id == _P.id)
        .join(SUBNETS, _S.id == _A.subnet_id)
        .where(_P.device_id == router_id, _P.device_owner.in_(_OWNERS))
        .order_by(_P.created_at, _P.id, _A.position)
    )
    return list(session.execute(query))


def leading(session: Session, subnet_id: str, external_network_id: str) -> list[Any]:
    """Routers with an interface in a subnet and a gateway on an external network: (router, address of the interface)."""
    query = (
        sa.select(ROUTERS, _A.ip_address.label('interface_ip'))
        .join(PORTS, sa.and_(_P.device_id == _R.id, _P.device_owner == 'network:router_interface'))
        .join(ALLOCATIONS, _A.port_id == _P.id)
        .where(_A.subnet_id == subnet_id, _R.external_network_id == external_network_id)
        .order_by(_R.id)
    )
    return list(session.execute(query))
