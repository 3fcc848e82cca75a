"""Queries about addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from common.db.prepared import prepared
from network.db.models import ALLOCATIONS
from network.db.rows import insert_all

_A = ALLOCATIONS.c
# Statements are made once: that takes longer than the query.
_OF_SUBNET = sa.select(_A.ip_address).where(_A.subnet_id == sa.bindparam('b_subnet'))
_USED = prepared(_OF_SUBNET)
_USED_AMONG = prepared(_OF_SUBNET.where(_A.ip_address.in_(sa.bindparam('b_addresses', expanding=True))))
_OF_PORT = prepared(sa.select(_A.subnet_id, _A.ip_address).where(_A.port_id == sa.bindparam('b_port')).order_by(_A.position))
_OF_PORTS = prepared(
    sa.select(_A.port_id, _A.subnet_id, _A.ip_address)
    .where(_A.port_id.in_(sa.bindparam('b_ports', expanding=True)))
    .order_by(_A.port_id, _A.position)
)


def used(session: Session, subnet_id: str, candidates: Iterable[str] | None = None) -> set[str]:
    """Addresses of a subnet that are in use; only among the candidates, if given."""
    if candidates is None:
        found = session.execute(_USED, {'b_subnet': subnet_id})
    else:
        found = session.execute(_USED_AMONG, {'b_subnet': subnet_id, 'b_addresses': list(candidates)})
    return {address for (address,) in found}


def add(session: Session, network_id: str, port_id: str, addresses: Sequence[tuple[str, str]], first: int = 0) -> None:
    """Give (subnet, address) pairs to a port."""
    rows = [
        {'subnet_id': subnet_id, 'ip_address': address, 'port_id': port_id, 'network_id': network_id, 'position': first + n}
        for n, (subnet_id, address) in enumerate(addresses)
    ]
    insert_all(session, ALLOCATIONS, rows)


def replace(session: Session, network_id: str, port_id: str, addresses: Sequence[tuple[str, str]]) -> None:
    """Let a port have exactly these."""
    session.execute(sa.delete(ALLOCATIONS).where(_A.port_id == port_id))
    add(session, network_id, port_id, addresses)


def of_port(session: Session, port_id: str) -> list[tuple[str, str]]:
    """(subnet, address) pairs of a port, in order."""
    return [(subnet_id, address) for subnet_id, address in session.execute(_OF_PORT, {'b_port': port_id})]


def of_ports(session: Session, ports: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """(subnet, address) pairs by port: one query for each 500 ports."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part in chunks(ports):
        for port_id, subnet_id, address in session.execute(_OF_PORTS, {'b_ports': part}).all():
            found.setdefault(port_id, []).append((subnet_id, address))
    return found


def holder(session: Session, subnet_id: str, address: str) -> str | None:
    """The port that has an address."""
    return session.execute(sa.select(_A.port_id).where(_A.subnet_id == subnet_id, _A.ip_address == address)).scalar()


def in_subnet(session: Session, subnet_id: str) -> bool:
    """Whether any address of a subnet is in use."""
    return session.execute(sa.select(_A.port_id).where(_A.subnet_id == subnet_id).limit(1)).first() is not None


def release_subnet(session: Session, subnet_id: str) -> None:
    """Take all addresses of a subnet back."""
    session.execute(sa.delete(ALLOCATIONS).where(_A.subnet_id == subnet_id))
