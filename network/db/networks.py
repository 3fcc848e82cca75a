"""Queries about networks and subnets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from common.db.prepared import prepared
from network.db import lists
from network.db.models import ALLOCATIONS, NETWORKS, PORTS, SUBNETS

_N, _S = NETWORKS.c, SUBNETS.c
NETWORK_COLUMNS = {
    **{name: _N[name] for name in ('id', 'name', 'project_id', 'description', 'admin_state_up', 'shared', 'mtu', 'is_default')},
    **{name: _N[name] for name in ('port_security_enabled', 'revision_number', 'created_at', 'updated_at')},
    'tenant_id': _N.project_id,
    'router:external': _N.external,
    'provider:network_type': _N.network_type,
    'provider:physical_network': _N.physical_network,
    'provider:segmentation_id': _N.segmentation_id,
}
SUBNET_COLUMNS = {
    **{name: _S[name] for name in ('id', 'name', 'project_id', 'description', 'network_id', 'ip_version', 'cidr', 'gateway_ip')},
    **{name: _S[name] for name in ('enable_dhcp', 'ipv6_ra_mode', 'ipv6_address_mode', 'revision_number', 'created_at', 'updated_at')},
    'subnetpool_id': _S.subnetpool_id,
    'tenant_id': _S.project_id,
}
# Statements are made once: that takes longer than the query.
_SUBNETS_OF = prepared(sa.select(SUBNETS).where(_S.network_id == sa.bindparam('b_network')).order_by(_S.created_at, _S.id))
_SUBNET_IDS = prepared(
    sa.select(_S.network_id, _S.id).where(_S.network_id.in_(sa.bindparam('b_networks', expanding=True))).order_by(_S.created_at, _S.id)
)
_OPEN = sa.or_(_N.shared.is_(True), _N.external.is_(True))


def visible_networks(viewer: str | None) -> Any | None:
    """The networks a project sees: its own, shared and external ones."""
    return None if viewer is None else sa.or_(_N.project_id == viewer, _OPEN)


def visible_subnets(viewer: str | None) -> Any | None:
    """The subnets a project sees: its own and those of networks that are its own, shared or external."""
    if viewer is None:
        return None
    return sa.or_(_S.project_id == viewer, _S.network_id.in_(sa.select(_N.id).where(sa.or_(_N.project_id == viewer, _OPEN))))


def page_of_networks(session: Session, filters: Mapping[str, Any], page: Any, viewer: str | None) -> list[Any]:
    """A page of networks."""
    special: dict[str, Any] = lists.tag_filters(_N.tags)
    special['status'] = lambda values: sa.true() if 'ACTIVE' in values else sa.false()
    special['subnets'] = lambda values: _N.id.in_(sa.select(_S.network_id).where(_S.id.in_(values)))
    query = sa.select(NETWORKS).where(*lists.conditions(filters, NETWORK_COLUMNS, special))
    return lists.page(session, query, NETWORK_COLUMNS, NETWORKS, page, visible_networks(viewer))


def page_of_subnets(session: Session, filters: Mapping[str, Any], page: Any, viewer: str | None) -> list[Any]:
    """A page of subnets."""
    filters = dict(filters)
    special: dict[str, Any] = lists.tag_filters(_S.tags)
    of_open = {'shared': _N.shared, 'router:external': _N.external}
    for name, column in of_open.items():
        special[name] = lambda values, column=column: _S.network_id.in_(sa.select(_N.id).where(column.in_(values)))
    query = sa.select(SUBNETS).where(*lists.conditions(filters, SUBNET_COLUMNS, special))
    return lists.page(session, query, SUBNET_COLUMNS, SUBNETS, page, visible_subnets(viewer))


def used_keys(session: Session, keys: Iterable[str]) -> set[str]:
    """Those of the segment keys that networks have."""
    return {key for (key,) in session.execute(sa.select(_N.segment_key).where(_N.segment_key.in_(list(keys))))}


def used_numbers(session: Session, kind: str, physical: str | None) -> set[int]:
    """The numbers of all segments of a kind."""
    query = sa.select(_N.segmentation_id).where(_N.network_type == kind)
    query = query.where(_N.physical_network == physical) if physical else query
    return {int(number) for (number,) in session.execute(query) if number is not None}


def subnets_of(session: Session, network_id: str) -> list[Any]:
    """The subnets of a network, oldest first."""
    return list(session.execute(_SUBNETS_OF, {'b_network': network_id}))


def subnet_ids(session: Session, networks: Iterable[str]) -> dict[str, list[str]]:
    """Ids of subnets by network."""
    found: dict[str, list[str]] = {}
    for part in chunks(networks):
        for network_id, subnet_id in session.execute(_SUBNET_IDS, {'b_networks': part}):
            found.setdefault(network_id, []).append(subnet_id)
    return found


def used_by_others(session: Session, network_id: str, project_id: str) -> bool:
    """Whether another project has ports or subnets on the network; those that belong to nobody do not count."""
    for table in (PORTS, SUBNETS):
        query = sa.select(table.c.id).where(table.c.network_id == network_id, table.c.project_id.not_in([project_id, '']))
        if session.execute(query.limit(1)).first() is not None:
            return True
    return False


def owners_on(session: Session, network_id: str) -> dict[str, int]:
    """How many ports of each device owner are on a network."""
    query = sa.select(PORTS.c.device_owner, sa.func.count()).where(PORTS.c.network_id == network_id).group_by(PORTS.c.device_owner)
    return {owner: int(number) for owner, number in session.execute(query)}


def users_of_subnet(session: Session, subnet_id: str) -> list[Any]:
    """(port_id, device_owner, device_id, ip_address) of all addresses of a subnet."""
    query = sa.select(ALLOCATIONS.c.port_id, PORTS.c.device_owner, PORTS.c.device_id, ALLOCATIONS.c.ip_address)
    return list(session.execute(query.join(PORTS, PORTS.c.id == ALLOCATIONS.c.port_id).where(ALLOCATIONS.c.subnet_id == subnet_id)))


def usage_of_addresses(session: Session, networks: Iterable[str]) -> dict[str, int]:
    """How many addresses of each subnet of these networks are in use."""
    found: dict[str, int] = {}
    for part in chunks(networks):
        query = sa.select(ALLOCATIONS.c.subnet_id, sa.func.count()).where(ALLOCATIONS.c.network_id.in_(part))
        found.update((subnet_id, int(number)) for subnet_id, number in session.execute(query.group_by(ALLOCATIONS.c.subnet_id)))
    return found


def delete_network(session: Session, network_id: str) -> None:
    """Remove a network with its subnets; nothing may be on it any more."""
    session.execute(sa.delete(SUBNETS).where(_S.network_id == network_id))
    session.execute(sa.delete(NETWORKS).where(_N.id == network_id))


def subnets_of_all(session: Session, networks: Iterable[str]) -> dict[str, list[Any]]:
    """Subnets by network."""
    found: dict[str, list[Any]] = {}
    for part in chunks(networks):
        for subnet in session.execute(sa.select(SUBNETS).where(_S.network_id.in_(part)).order_by(_S.created_at, _S.id)):
            found.setdefault(subnet.network_id, []).append(subnet)
    return found
