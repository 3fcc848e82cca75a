"""The statements of the scheduler."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common import clock
from common.db.chunks import chunks
from common.db.prepared import prepared
from common.errors import Conflict
from scheduler.db.models import Claim, Decision, Group, HostRow

HOSTS = HostRow.__table__
CLAIMS = Claim.__table__
DECISIONS = Decision.__table__
GROUPS = Group.__table__
_B = sa.bindparam

_TAKE = prepared(
    sa.update(HOSTS)
    .where(
        HOSTS.c.id == _B('b_id'),
        HOSTS.c.used_vcpus + _B('b_vcpus', type_=sa.BigInteger) <= HOSTS.c.capacity_vcpus,
        HOSTS.c.used_ram + _B('b_ram', type_=sa.BigInteger) <= HOSTS.c.capacity_ram,
        HOSTS.c.used_disk + _B('b_disk', type_=sa.BigInteger) <= HOSTS.c.capacity_disk,
        HOSTS.c.enabled.is_(True),
    )
    .values(
        used_vcpus=HOSTS.c.used_vcpus + _B('b_vcpus', type_=sa.BigInteger),
        used_ram=HOSTS.c.used_ram + _B('b_ram', type_=sa.BigInteger),
        used_disk=HOSTS.c.used_disk + _B('b_disk', type_=sa.BigInteger),
        generation=HOSTS.c.generation + 1,
        changed_at=_B('b_now', type_=HOSTS.c.changed_at.type),
    )
)
_GIVE = prepared(
    sa.update(HOSTS)
    .where(HOSTS.c.id == _B('b_id'))
    .values(
        used_vcpus=HOSTS.c.used_vcpus - _B('b_vcpus', type_=sa.BigInteger),
        used_ram=HOSTS.c.used_ram - _B('b_ram', type_=sa.BigInteger),
        used_disk=HOSTS.c.used_disk - _B('b_disk', type_=sa.BigInteger),
        generation=HOSTS.c.generation + 1,
        changed_at=_B('b_now', type_=HOSTS.c.changed_at.type),
    )
)
_CLAIM = prepared(sa.select(CLAIMS).where(CLAIMS.c.consumer == _B('b_consumer'), CLAIMS.c.role == _B('b_role')))
_DELETE_CLAIM = prepared(sa.delete(CLAIMS).where(CLAIMS.c.id == _B('b_id')))
_INSERT_CLAIM, _INSERT_DECISION = prepared(sa.insert(CLAIMS)), prepared(sa.insert(DECISIONS))


class AlreadyHeld(Conflict):
    """The consumer has a claim in this role; another request was faster."""

    code = 'already_held'


def take(session: Session, host_id: int, amounts: Mapping[str, int]) -> bool:
    """Count room of a host as used, if it is (still) there."""
    values = {'b_id': host_id, 'b_now': clock.now(), **{f'b_{name}': amount for name, amount in amounts.items()}}
    return session.execute(_TAKE, values).rowcount == 1  # type: ignore[attr-defined]


def give(session: Session, claim: Any) -> None:
    """Give the room of a claim back."""
    values = {'b_id': claim.host_id, 'b_now': clock.now(), 'b_vcpus': claim.vcpus, 'b_ram': claim.ram, 'b_disk': claim.disk}
    session.execute(_GIVE, values)


def find_claim(session: Session, consumer: str, role: str = 'main') -> Any | None:
    """The claim of a consumer in a role, as a row, or None."""
    return session.execute(_CLAIM, {'b_consumer': consumer, 'b_role': role}).one_or_none()


def add_claim(session: Session, values: Mapping[str, Any]) -> None:
    """Write a claim. Raises AlreadyHeld, and the transaction is lost, if the consumer has one in this role."""
    try:
        session.execute(_INSERT_CLAIM, dict(values))
    except IntegrityError as error:
        raise AlreadyHeld(f'{values["consumer"]} holds a claim already.') from error


def delete_claim(session: Session, claim: Any) -> bool:
    """Delete a claim; False if another transaction was faster."""
    return session.execute(_DELETE_CLAIM, {'b_id': claim.id}).rowcount == 1  # type: ignore[attr-defined]


def rename_role(session: Session, claim: Any, role: str) -> None:
    """Give a claim another role."""
    session.execute(sa.update(CLAIMS).where(CLAIMS.c.id == claim.id).values(role=role))


def hosts_of(session: Session, consumers: Iterable[str], kind: str, group: str | None = None) -> list[tuple[str, str, str | None]]:
    """(consumer, host name, group) of the claims of these consumers, and of the members of a group."""
    whose: Any = CLAIMS.c.consumer.in_(list(consumers))
    if group is not None:
        whose = sa.or_(whose, CLAIMS.c.group_id == group)
    rows = session.execute(sa.select(CLAIMS.c.consumer, CLAIMS.c.host, CLAIMS.c.group_id).where(whose, CLAIMS.c.kind == kind))
    return [(row.consumer, row.host, row.group_id) for row in rows]


def lock_group(session: Session, group: str) -> None:
    """Let no other claim of this group be made until this transaction ends. On SQLite the writer's lock does it."""
    if session.get_bind().dialect.name == 'sqlite':
        return
    query = sa.select(GROUPS.c.id).where(GROUPS.c.id == group).with_for_update()
    if session.execute(query).first() is None:
        try:
            with session.begin_nested():
                session.execute(sa.insert(GROUPS).values(id=group))
        except IntegrityError:
            session.execute(query).first()


def all_hosts(session: Session, since: datetime.datetime | None = None, ids: Sequence[int] | None = None) -> list[Any]:
    """Host rows: all, those changed since then, or these."""
    query = sa.select(HOSTS)
    if since is not None:
        query = query.where(HOSTS.c.changed_at >= since)
    if ids is not None:
        query = query.where(HOSTS.c.id.in_(ids))
    return list(session.execute(query))


def seen_times(session: Session) -> dict[int, datetime.datetime]:
    """When each host was last heard of."""
    return {row.id: row.seen_at for row in session.execute(sa.select(HOSTS.c.id, HOSTS.c.seen_at))}


def write_seen(session: Session, ids: Sequence[int], at: datetime.datetime) -> None:
    """Note heartbeats."""
    for some in chunks(ids):
        session.execute(sa.update(HOSTS).where(HOSTS.c.id.in_(some)).values(seen_at=at))


def find_host(session: Session, kind: str, name: str) -> Any | None:
    """The row of a host, or None."""
    return session.execute(sa.select(HOSTS).where(HOSTS.c.kind == kind, HOSTS.c.name == name)).one_or_none()


def find_hosts(session: Session, kind: str, names: Sequence[str]) -> dict[str, Any]:
    """Rows of hosts by name."""
    rows = session.execute(sa.select(HOSTS).where(HOSTS.c.kind == kind, HOSTS.c.name.in_(names)))
    return {row.name: row for row in rows}


def add_hosts(session: Session, values: Sequence[Mapping[str, Any]]) -> None:
    """Write new hosts."""
    session.execute(sa.insert(HOSTS), list(values))


def change_host(session: Session, host_id: int, values: Mapping[str, Any]) -> None:
    """Change a host; others will notice."""
    now = clock.now()
    session.execute(
        sa.update(HOSTS).where(HOSTS.c.id == host_id).values({**values, 'generation': HOSTS.c.generation + 1, 'changed_at': now})
    )


def delete_host(session: Session, host_id: int) -> None:
    """Forget a host."""
    session.execute(sa.delete(HOSTS).where(HOSTS.c.id == host_id))


def count_claims(session: Session, host_id: int) -> int:
    """How many claims a host has."""
    return int(session.execute(sa.select(sa.func.count()).select_from(CLAIMS).where(CLAIMS.c.host_id == host_id)).scalar_one())


def claimed(session: Session) -> dict[int, tuple[int, int, int]]:
    """(vCPUs, memory, disk) claimed on each host, summed from the claims."""
    columns = [sa.func.coalesce(sa.func.sum(CLAIMS.c[name]), 0) for name in ('vcpus', 'ram', 'disk')]
    rows = session.execute(sa.select(CLAIMS.c.host_id, *columns).group_by(CLAIMS.c.host_id))
    return {int(host): (int(vcpus), int(ram), int(disk)) for host, vcpus, ram, disk in rows}


def add_decision(session: Session, values: Mapping[str, Any]) -> None:
    """Write a decision down."""
    session.execute(_INSERT_DECISION, dict(values))


def decisions_of(session: Session, consumer: str | None = None, request: str | None = None, limit: int = 50) -> list[Any]:
    """Decisions for a consumer or within a request, newest first."""
    query = sa.select(DECISIONS)
    if consumer is not None:
        query = query.where(DECISIONS.c.consumer == consumer)
    if request is not None:
        query = query.where(sa.or_(DECISIONS.c.global_request_id == request, DECISIONS.c.request_id == request))
    return list(session.execute(query.order_by(DECISIONS.c.id.desc()).limit(limit)))


def prune_decisions(session: Session, before: datetime.datetime) -> int:
    """Forget old decisions."""
    return int(session.execute(sa.delete(DECISIONS).where(DECISIONS.c.at < before)).rowcount)  # type: ignore[attr-defined]
