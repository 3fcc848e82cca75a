"""Queries about ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from common.db.prepared import prepared
from common.errors import InvalidInput
from network.db import lists
from network.db.models import ALLOCATIONS, MEMBERSHIPS, NETWORKS, PORTS
from network.db.rows import insert_all

_P, _A, _M = PORTS.c, ALLOCATIONS.c, MEMBERSHIPS.c
COLUMNS = {
    **{name: _P[name] for name in ('id', 'name', 'project_id', 'description', 'network_id', 'mac_address', 'admin_state_up', 'status')},
    **{name: _P[name] for name in ('device_id', 'device_owner', 'port_security_enabled', 'revision_number', 'created_at', 'updated_at')},
    'tenant_id': _P.project_id,
    'binding:host_id': _P.host,
    'binding:vnic_type': _P.vnic_type,
}

_ALL = sa.select(PORTS)
_OF_MAC = prepared(sa.select(_P.id).where(_P.network_id == sa.bindparam('b_network'), _P.mac_address == sa.bindparam('b_mac')))
_DELETES = [
    prepared(sa.delete(column.table).where(column.in_(sa.bindparam('b_ports', expanding=True))))
    for column in (_A.port_id, _M.port_id, _P.id)
]
_GROUPS_OF = prepared(
    sa.select(_M.port_id, _M.security_group_id)
    .where(_M.port_id.in_(sa.bindparam('b_ports', expanding=True)))
    .order_by(_M.port_id, _M.security_group_id)
)


def visible(viewer: str | None) -> Any | None:
    """The ports a project sees: its own and those on its networks."""
    if viewer is None:
        return None
    return sa.or_(_P.project_id == viewer, _P.network_id.in_(sa.select(NETWORKS.c.id).where(NETWORKS.c.project_id == viewer)))


def with_fixed_ips(values: Sequence[str]) -> Any:
    """Ports with an address as in `ip_address=10.0.0.4`, `subnet_id=...`, `ip_address_substr=10.0`; all of them about one address.

    Raises InvalidInput for what is none of these.
    """
    wanted: dict[str, list[str]] = {}
    for value in values:
        name, _, what = str(value).partition('=')
        if name.strip() not in ('ip_address', 'subnet_id', 'ip_address_substr') or not what:
            raise InvalidInput(
                f'fixed_ips is ip_address=..., subnet_id=... or ip_address_substr=..., not {str(value)[:60]!r}.', field='fixed_ips'
            )
        wanted.setdefault(name.strip(), []).append(what.strip())
    query = sa.select(_A.port_id)
    if 'ip_address' in wanted:
        query = query.where(_A.ip_address.in_(wanted['ip_address']))
    if 'subnet_id' in wanted:
        query = query.where(_A.subnet_id.in_(wanted['subnet_id']))
    if 'ip_address_substr' in wanted:
        query = query.where(sa.or_(*(_A.ip_address.contains(part, autoescape=True) for part in wanted['ip_address_substr'])))
    return _P.id.in_(query)


def page_of_ports(session: Session, filters: Mapping[str, Any], page: Any, viewer: str | None) -> list[Any]:
    """A page of ports."""
    special: dict[str, Any] = lists.tag_filters(_P.tags)
    special['fixed_ips'] = with_fixed_ips
    special['security_groups'] = lambda values: _P.id.in_(sa.select(_M.port_id).where(_M.security_group_id.in_(values)))
    query = _ALL.where(*lists.conditions(filters, COLUMNS, special))
    return lists.page(session, query, COLUMNS, PORTS, page, visible(viewer))


def groups_of(session: Session, ports: Iterable[str]) -> dict[str, list[str]]:
    """Ids of the security groups of ports, by port."""
    found: dict[str, list[str]] = {}
    for part in chunks(ports):
        for port_id, group_id in session.execute(_GROUPS_OF, {'b_ports': part}).all():
            found.setdefault(port_id, []).append(group_id)
    return found


def set_groups(session: Session, port_id: str, groups: Iterable[str], *, fresh: bool = False) -> None:
    """Let a port be in exactly these groups. `fresh`: it is in none yet."""
    if not fresh:
        session.execute(sa.delete(MEMBERSHIPS).where(_M.port_id == port_id))
    insert_all(session, MEMBERSHIPS, [{'port_id': port_id, 'security_group_id': group_id} for group_id in groups])


def mac_is_used(session: Session, network_id: str, mac: str) -> bool:
    """Whether a port of the network has the MAC address."""
    return session.execute(_OF_MAC, {'b_network': network_id, 'b_mac': mac}).first() is not None


def with_owner(session: Session, network_id: str, owners: Iterable[str]) -> list[Any]:
    """The ports of some device owners on a network."""
    query = sa.select(PORTS).where(_P.network_id == network_id, _P.device_owner.in_(list(owners)))
    return list(session.execute(query.order_by(_P.created_at, _P.id)))


def of_device(session: Session, device_id: str, owners: Iterable[str] | None = None) -> list[Any]:
    """The ports of a device, oldest first."""
    query = sa.select(PORTS).where(_P.device_id == device_id)
    query = query if owners is None else query.where(_P.device_owner.in_(list(owners)))
    return list(session.execute(query.order_by(_P.created_at, _P.id)))


def delete_all(session: Session, ports: Iterable[str]) -> None:
    """Delete ports with their addresses and memberships."""
    for part in chunks(ports):
        for statement in _DELETES:
            session.execute(statement, {'b_ports': part})


def on_host(session: Session, host: str) -> dict[str, Any]:
    """(id, status, device_id, device_owner, admin_state_up) of the ports bound to a host, by id."""
    query = sa.select(_P.id, _P.status, _P.device_id, _P.device_owner, _P.admin_state_up).where(_P.host == host)
    return {row.id: row for row in session.execute(query)}


def set_status(session: Session, host: str, ports: Iterable[str], status: str) -> None:
    """Note how ports are that are still on a host; no new revision, since nobody asked for it."""
    for part in chunks(ports):
        session.execute(sa.update(PORTS).where(_P.id.in_(part), _P.host == host).values(status=status))


def move(session: Session, ports: Iterable[str], host: str, status: str) -> None:
    """Bind the cloud's own ports elsewhere; no new revision, since nobody asked for it."""
    for part in chunks(ports):
        session.execute(sa.update(PORTS).where(_P.id.in_(part)).values(host=host, status=status))
