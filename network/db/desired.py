"""Reading what a host's desired state is made of: about a dozen queries, however many ports there are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from network.db import addresses as allocations
from network.db.models import AGENTS, ALLOCATIONS, FLOATING_IPS, MEMBERSHIPS, NETWORKS, PORTS, ROUTERS, RULES, SUBNETS
from network.desired.snapshot import Snapshot

_P, _A, _M, _R = PORTS.c, ALLOCATIONS.c, MEMBERSHIPS.c, RULES.c
_SERVING = ('network:dhcp', 'network:router_interface')


def networks_on(session: Session, host: str) -> set[str]:
    """Ids of the networks that something on the host is in."""
    return {network_id for (network_id,) in session.execute(sa.select(_P.network_id).where(_P.host == host).distinct())}


def load(session: Session, host: str) -> Snapshot:
    """The rows for a host."""
    found = Snapshot(ports=list(session.execute(sa.select(PORTS).where(_P.host == host))))
    ids = {port.network_id for port in found.ports}
    served = {port.network_id for port in found.ports if port.device_owner in _SERVING}
    found.networks = _in(session, NETWORKS, NETWORKS.c.id, ids)
    for subnet in _in(session, SUBNETS, SUBNETS.c.network_id, ids):
        found.subnets.setdefault(subnet.network_id, []).append(subnet)
    found.others = _bound(session, served)
    found.addresses = allocations.of_ports(session, [port.id for port in (*found.ports, *found.others)])
    _load_hosts(session, found, ids)
    _load_groups(session, found)
    found.routers = list(session.execute(sa.select(ROUTERS).where(ROUTERS.c.host == host)))
    for floating in _in(session, FLOATING_IPS, FLOATING_IPS.c.router_id, {router.id for router in found.routers}):
        found.floating.setdefault(floating.router_id, []).append(floating)
    return found


def _in(session: Session, table: Any, column: Any, values: set[str]) -> list[Any]:
    return [row for part in chunks(sorted(values)) for row in session.execute(sa.select(table).where(column.in_(part)))]


def _bound(session: Session, networks: set[str]) -> list[Any]:
    fields = [
        _P[name] for name in ('id', 'network_id', 'mac_address', 'device_id', 'device_owner', 'project_id', 'host', 'extra_dhcp_opts')
    ]
    found: list[Any] = []
    for part in chunks(sorted(networks)):
        found += session.execute(sa.select(*fields).where(_P.network_id.in_(part), _P.host != ''))
    return found


def _load_hosts(session: Session, found: Snapshot, networks: set[str]) -> None:
    for part in chunks(sorted(networks)):
        query = sa.select(_P.network_id, _P.host).where(_P.network_id.in_(part), _P.host != '').distinct()
        for network_id, host in session.execute(query):
            found.network_hosts.setdefault(network_id, set()).add(host)
    named = {host for hosts in found.network_hosts.values() for host in hosts}
    for part in chunks(sorted(named)):
        query = sa.select(AGENTS.c.host, AGENTS.c.tunnel_ip).where(AGENTS.c.host.in_(part), AGENTS.c.tunnel_ip.is_not(None))
        found.tunnels.update((host, tunnel_ip) for host, tunnel_ip in session.execute(query) if tunnel_ip)


def _load_groups(session: Session, found: Snapshot) -> None:
    guests = [port.id for port in found.ports if not port.device_owner.startswith('network:')]
    for part in chunks(guests):
        for port_id, group_id in session.execute(sa.select(_M.port_id, _M.security_group_id).where(_M.port_id.in_(part))):
            found.groups.setdefault(port_id, []).append(group_id)
    named = {group for groups in found.groups.values() for group in groups}
    for rule in _in(session, RULES, _R.security_group_id, named):
        found.rules.setdefault(rule.security_group_id, []).append(rule)
    remote = {rule.remote_group_id for rules in found.rules.values() for rule in rules if rule.remote_group_id}
    found.members = _members(session, remote)


def _members(session: Session, groups: set[str]) -> dict[str, set[str]]:
    """The addresses of the bound ports in each group, with those that their owners allow them besides."""
    found: dict[str, set[str]] = {group: set() for group in groups}
    for part in chunks(sorted(groups)):
        held = sa.select(_M.security_group_id, _A.ip_address).join(PORTS, _P.id == _M.port_id).join(ALLOCATIONS, _A.port_id == _P.id)
        for group_id, address in session.execute(held.where(_M.security_group_id.in_(part), _P.host != '')):
            found[group_id].add(address)
        allowed = sa.select(_M.security_group_id, _P.allowed_address_pairs).join(PORTS, _P.id == _M.port_id)
        allowed = allowed.where(_M.security_group_id.in_(part), _P.host != '', _P.allowed_address_pairs.is_not(None))
        for group_id, pairs in session.execute(allowed):
            found[group_id].update(address for _, address in pairs)
    return found
