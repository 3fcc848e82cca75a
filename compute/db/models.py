"""Tables of the compute service."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common.db.quotas import quota_tables
from common.db.types import JSON, BigKey, LongText, Str32, Str64, Uuid, declarative_base_for
from common.operations.tables import operation_tables

Base = declarative_base_for('compute')


class Flavor(Base):
    """A size of servers. Memory and swap in MiB, disks in GiB."""

    __tablename__ = 'flavors'

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    vcpus: Mapped[int]
    memory_mib: Mapped[int]
    root_gib: Mapped[int]
    ephemeral_gib: Mapped[int] = mapped_column(default=0)
    swap_mib: Mapped[int] = mapped_column(default=0)
    rxtx_factor: Mapped[float] = mapped_column(default=1.0)
    is_public: Mapped[bool] = mapped_column(default=True)
    description: Mapped[LongText | None]
    extra_specs: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime.datetime]


class FlavorAccess(Base):
    """A project that may use a flavor that is not public."""

    __tablename__ = 'flavor_access'

    flavor_id: Mapped[str] = mapped_column(ForeignKey('flavors.id', ondelete='CASCADE'), primary_key=True)
    project_id: Mapped[Str64] = mapped_column(primary_key=True)


class KeyPair(Base):
    """A public key of a user."""

    __tablename__ = 'keypairs'

    id: Mapped[BigKey]
    user_id: Mapped[Str64]
    name: Mapped[str]
    type: Mapped[str] = mapped_column(String(16), default='ssh')
    public_key: Mapped[LongText]
    fingerprint: Mapped[str]
    created_at: Mapped[datetime.datetime]

    __table_args__ = (UniqueConstraint('user_id', 'name'),)


class Server(Base):
    """A server. `vm_state` and `task_state` are explained in `compute.server_states`.

    `flavor` is the flavor as it was when the server was made. `network_info` is a list of ports as `compute.network_info`
    writes them. `requested` keeps what the user asked for and the boot operation needs. `deleted`: gone for users; the row
    stays until its host is clean, and for the history.
    """

    __tablename__ = 'servers'

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    project_id: Mapped[Str64]
    user_id: Mapped[Str64]
    name: Mapped[str]
    hostname: Mapped[str]
    description: Mapped[str | None]
    vm_state: Mapped[Str32]
    task_state: Mapped[Str32 | None]
    power_state: Mapped[int] = mapped_column(default=0)
    host: Mapped[str | None]
    availability_zone: Mapped[str | None]
    requested_zone: Mapped[str | None]
    image_id: Mapped[Uuid | None]
    flavor_id: Mapped[str]
    flavor: Mapped[dict[str, Any]] = mapped_column(JSON)
    vcpus: Mapped[int]
    memory_mib: Mapped[int]
    root_gib: Mapped[int]
    key_name: Mapped[str | None]
    key_type: Mapped[str | None] = mapped_column(String(16))
    public_key: Mapped[LongText | None]
    user_data: Mapped[LongText | None]
    config_drive: Mapped[bool] = mapped_column(default=False)
    server_metadata: Mapped[dict[str, str]] = mapped_column('metadata', JSON, default=dict)
    tags: Mapped[list[Any]] = mapped_column(JSON, default=list)
    network_info: Mapped[list[Any]] = mapped_column(JSON, default=list)
    requested: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    access_ip_v4: Mapped[str | None] = mapped_column(String(39))
    access_ip_v6: Mapped[str | None] = mapped_column(String(39))
    disk_config: Mapped[str] = mapped_column(String(16), default='MANUAL')
    reservation_id: Mapped[Str32 | None]
    launch_index: Mapped[int] = mapped_column(default=0)
    locked: Mapped[bool] = mapped_column(default=False)
    locked_reason: Mapped[str | None]
    progress: Mapped[int] = mapped_column(default=0)
    fault: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    deleted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime | None]
    launched_at: Mapped[datetime.datetime | None]
    terminated_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index('ix_servers_project_id_deleted_created_at', 'project_id', 'deleted', 'created_at'),
        Index('ix_servers_deleted_created_at', 'deleted', 'created_at', 'id'),
        Index('ix_servers_host', 'host'),
    )


class ServerVolume(Base):
    """A volume of a server. `status`: attaching, attached, detaching. `boot_index` 0: the root disk. How it is reached is in no table
    of ours: that holds credentials, and whoever needs it asks the volume service.
    """

    __tablename__ = 'server_volumes'

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    server_id: Mapped[Uuid] = mapped_column(ForeignKey('servers.id', ondelete='CASCADE'), index=True)
    volume_id: Mapped[Uuid] = mapped_column(index=True)
    attachment_id: Mapped[Uuid | None]
    device: Mapped[Str32 | None]
    tag: Mapped[str | None]
    boot_index: Mapped[int | None]
    status: Mapped[Str32]
    delete_on_termination: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime.datetime]

    __table_args__ = (UniqueConstraint('server_id', 'volume_id'),)


TABLES = operation_tables(Base.metadata)
QUOTAS = quota_tables(Base.metadata)
