"""Agents, and which hosts a change concerns."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from network.db.models import AGENTS, MEMBERSHIPS, PORTS, ROUTERS, RULES

SERVING = ('network:dhcp', 'network:router_interface', 'network:router_gateway')


def _hosts(session: Session, query: Any) -> set[str]:
    return {host for (host,) in session.execute(query.where(PORTS.c.host != '').distinct())}


def of_networks(session: Session, networks: Iterable[str]) -> set[str]:
    """Hosts that something of these networks is on."""
    found: set[str] = set()
    for part in chunks(networks):
        found |= _hosts(session, sa.select(PORTS.c.host).where(PORTS.c.network_id.in_(part)))
    return found


def serving(session: Session, networks: Iterable[str]) -> set[str]:
    """Hosts with the DHCP server or a router of these networks."""
    found: set[str] = set()
    for part in chunks(networks):
        found |= _hosts(session, sa.select(PORTS.c.host).where(PORTS.c.network_id.in_(part), PORTS.c.device_owner.in_(SERVING)))
    return found


def with_groups(session: Session, groups: Iterable[str]) -> set[str]:
    """Hosts with ports in these groups."""
    found: set[str] = set()
    for part in chunks(groups):
        query = sa.select(PORTS.c.host).join(MEMBERSHIPS, MEMBERSHIPS.c.port_id == PORTS.c.id)
        found |= _hosts(session, query.where(MEMBERSHIPS.c.security_group_id.in_(part)))
    return found


def allowing(session: Session, groups: Iterable[str]) -> set[str]:
    """Hosts with ports that let members of these groups in."""
    found: set[str] = set()
    for part in chunks(groups):
        letting = sa.select(RULES.c.security_group_id).where(RULES.c.remote_group_id.in_(part))
        query = sa.select(PORTS.c.host).join(MEMBERSHIPS, MEMBERSHIPS.c.port_id == PORTS.c.id)
        found |= _hosts(session, query.where(MEMBERSHIPS.c.security_group_id.in_(letting)))
    return found


def takes_part(session: Session, network_id: str, host: str, but_port: str) -> bool:
    """Whether another port of the network is on the host."""
    query = sa.select(PORTS.c.id).where(PORTS.c.network_id == network_id, PORTS.c.host == host, PORTS.c.id != but_port)
    return session.execute(query.limit(1)).first() is not None


def raise_revisions(session: Session, hosts: Iterable[str]) -> None:
    """These hosts must look again. In the order of their names, so that two transactions do not wait for each other in a ring."""
    for part in chunks(sorted(hosts)):
        session.execute(sa.update(AGENTS).where(AGENTS.c.host.in_(part)).values(desired_revision=AGENTS.c.desired_revision + 1))


# -- agents


def agent_of(session: Session, host: str) -> Any | None:
    """The agent of a host."""
    return session.execute(sa.select(AGENTS).where(AGENTS.c.host == host)).first()


def all_agents(session: Session) -> list[Any]:
    """All agents, by host."""
    return list(session.execute(sa.select(AGENTS).order_by(AGENTS.c.host)))


def able(session: Session, since: datetime.datetime) -> list[str]:
    """Hosts that serve networks, are not administratively down, and were heard of since."""
    query = sa.select(AGENTS.c.host).where(
        AGENTS.c.serves_networks.is_(True), AGENTS.c.admin_state_up.is_(True), AGENTS.c.heartbeat_at >= since
    )
    return [host for (host,) in session.execute(query.order_by(AGENTS.c.host))]


def revision_of(session: Session, host: str) -> int | None:
    """The desired revision of a host; None: it was never heard of."""
    return session.execute(sa.select(AGENTS.c.desired_revision).where(AGENTS.c.host == host)).scalar()


def beat(session: Session, host: str, now: datetime.datetime, **values: Any) -> bool:
    """Note that an agent lives; whether it is known."""
    query = sa.update(AGENTS).where(AGENTS.c.host == host).values(heartbeat_at=now, **values)
    return session.execute(query).rowcount == 1  # type: ignore[attr-defined]


def change(session: Session, agent_id: str, **values: Any) -> None:
    """Change columns of an agent."""
    session.execute(sa.update(AGENTS).where(AGENTS.c.id == agent_id).values(**values))


def load_of(session: Session) -> dict[str, int]:
    """How many routers and DHCP servers each host has."""
    found: dict[str, int] = {}
    routers = sa.select(ROUTERS.c.host, sa.func.count()).where(ROUTERS.c.host != '').group_by(ROUTERS.c.host)
    servers = (
        sa.select(PORTS.c.host, sa.func.count()).where(PORTS.c.device_owner == 'network:dhcp', PORTS.c.host != '').group_by(PORTS.c.host)
    )
    for query in (routers, servers):
        for host, number in session.execute(query):
            found[host] = found.get(host, 0) + int(number)
    return found
