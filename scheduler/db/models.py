"""Models of the scheduler. Amounts are vCPUs, MiB of memory, GiB of disk."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db import declarative_base_for
from common.db.types import BIG, JSON, TIME, BigInt, BigKey, Str16, Str64, Uuid

Base = declarative_base_for('scheduler')


class HostRow(Base):
    """A host of a kind. `used_*` is the sum of its claims, changed only in the transaction that writes a claim.

    `changed_at` moves with every change but heartbeats, so that other scheduler processes can follow.
    """

    __tablename__ = 'hosts'
    __table_args__ = (sa.UniqueConstraint('kind', 'name'),)

    id: Mapped[BigKey]
    kind: Mapped[Str16]
    name: Mapped[str]
    zone: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None]
    hypervisor: Mapped[Str64 | None]
    architecture: Mapped[Str64 | None]
    traits: Mapped[list[str]] = mapped_column(JSON, default=list)
    capabilities: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    aggregates: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    vcpus: Mapped[BigInt]
    ram: Mapped[BigInt]
    disk: Mapped[BigInt]
    reserved_vcpus: Mapped[BigInt] = mapped_column(BIG, default=0)
    reserved_ram: Mapped[BigInt] = mapped_column(BIG, default=0)
    reserved_disk: Mapped[BigInt] = mapped_column(BIG, default=0)
    ratio_vcpus: Mapped[float | None]
    ratio_ram: Mapped[float | None]
    ratio_disk: Mapped[float | None]
    capacity_vcpus: Mapped[BigInt]
    capacity_ram: Mapped[BigInt]
    capacity_disk: Mapped[BigInt]
    used_vcpus: Mapped[BigInt] = mapped_column(BIG, default=0)
    used_ram: Mapped[BigInt] = mapped_column(BIG, default=0)
    used_disk: Mapped[BigInt] = mapped_column(BIG, default=0)
    generation: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime.datetime] = mapped_column(TIME, default=clock.now)
    changed_at: Mapped[datetime.datetime] = mapped_column(TIME, default=clock.now, index=True)
    created_at: Mapped[datetime.datetime] = mapped_column(TIME, default=clock.now)
    operator_set: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Names of the values that an operator has set, which reports leave alone."""


class Claim(Base):
    """Room of a host that a consumer (a server or a volume) has. One per consumer and role."""

    __tablename__ = 'claims'
    __table_args__ = (sa.UniqueConstraint('consumer', 'role'),)

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    consumer: Mapped[Str64]
    role: Mapped[Str16] = mapped_column(default='main')
    host_id: Mapped[BigInt] = mapped_column(BIG, sa.ForeignKey('hosts.id'), index=True)
    kind: Mapped[Str16]
    host: Mapped[str]
    project: Mapped[Str64 | None]
    group_id: Mapped[Str64 | None] = mapped_column(index=True)
    vcpus: Mapped[BigInt]
    ram: Mapped[BigInt]
    disk: Mapped[BigInt]
    created_at: Mapped[datetime.datetime] = mapped_column(TIME, default=clock.now)


class Group(Base):
    """A server group that was asked for: the row that claims of its members queue on."""

    __tablename__ = 'groups'

    id: Mapped[Str64] = mapped_column(primary_key=True)


class Decision(Base):
    """What was decided for a consumer and why; `host` is empty for a refusal."""

    __tablename__ = 'decisions'

    id: Mapped[BigKey]
    consumer: Mapped[Str64] = mapped_column(index=True)
    kind: Mapped[Str16]
    host: Mapped[str | None]
    project: Mapped[Str64 | None]
    request_id: Mapped[Str64 | None]
    global_request_id: Mapped[Str64 | None] = mapped_column(index=True)
    request: Mapped[dict[str, Any]]
    explanation: Mapped[dict[str, Any]]
    message: Mapped[str]
    duration: Mapped[float]
    at: Mapped[datetime.datetime] = mapped_column(TIME, default=clock.now, index=True)
