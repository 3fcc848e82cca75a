"""Tables of the volume service."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db.quotas import quota_tables
from common.db.types import JSON, LongText, Str64, Uuid, declarative_base_for
from common.operations.tables import operation_tables

Base = declarative_base_for('volume')


class Volume(Base):
    """One volume. `size` in GiB; `status` as the API shows it, see `volume.volume_states`."""

    __tablename__ = 'volumes'

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    project_id: Mapped[Str64]
    user_id: Mapped[Str64 | None]
    name: Mapped[str | None]
    description: Mapped[LongText | None]
    size: Mapped[int]
    status: Mapped[str] = mapped_column(String(32))
    availability_zone: Mapped[str | None]
    bootable: Mapped[bool] = mapped_column(default=False)
    multiattach: Mapped[bool] = mapped_column(default=False)
    volume_type_id: Mapped[Uuid | None] = mapped_column(ForeignKey('volume_types.id'))
    snapshot_id: Mapped[Uuid | None]
    source_volid: Mapped[Uuid | None]
    host: Mapped[str | None]
    # The CHAP secret of the volume's export; nobody but the worker and the connector of an attachment gets it.
    export_secret: Mapped[Str64]
    volume_metadata: Mapped[dict[str, str]] = mapped_column('metadata', JSON, default=dict)
    image_metadata: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    fault: Mapped[LongText | None]
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index('ix_volumes_project_id_created_at', 'project_id', 'created_at'),
        Index('ix_volumes_created_at_id', 'created_at', 'id'),
    )


class Snapshot(Base):
    """A volume as it was at one moment. `volume_size` in GiB; `status`: creating, available, deleting, error, error_deleting."""

    __tablename__ = 'snapshots'

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    project_id: Mapped[Str64]
    user_id: Mapped[Str64 | None]
    # No foreign key: a deletion in progress may outlive that of the volume.
    volume_id: Mapped[Uuid] = mapped_column(index=True)
    name: Mapped[str | None]
    description: Mapped[LongText | None]
    volume_size: Mapped[int]
    status: Mapped[str] = mapped_column(String(32))
    host: Mapped[str | None]
    snapshot_metadata: Mapped[dict[str, str]] = mapped_column('metadata', JSON, default=dict)
    fault: Mapped[LongText | None]
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index('ix_snapshots_project_id_created_at', 'project_id', 'created_at'),
        Index('ix_snapshots_created_at_id', 'created_at', 'id'),
    )


class Attachment(Base):
    """A volume's use by a server. `status`: reserved, attaching, attached."""

    __tablename__ = 'attachments'

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    volume_id: Mapped[Uuid] = mapped_column(ForeignKey('volumes.id', ondelete='CASCADE'), index=True)
    instance_id: Mapped[Uuid | None] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(String(32))
    mode: Mapped[str] = mapped_column(String(8), default='rw')
    host_name: Mapped[str | None]
    mountpoint: Mapped[str | None]
    connector: Mapped[dict[str, Any] | None]
    connection_info: Mapped[dict[str, Any] | None]
    attached_at: Mapped[datetime.datetime | None]
    created_at: Mapped[datetime.datetime]


class VolumeType(Base):
    """A kind of volume that an operator offers."""

    __tablename__ = 'volume_types'

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    is_public: Mapped[bool] = mapped_column(default=True)
    extra_specs: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime.datetime]


class VolumeTypeAccess(Base):
    """A project that may use a type which is not public."""

    __tablename__ = 'volume_type_access'

    type_id: Mapped[Uuid] = mapped_column(ForeignKey('volume_types.id', ondelete='CASCADE'), primary_key=True)
    project_id: Mapped[Str64] = mapped_column(primary_key=True)
    created_at: Mapped[datetime.datetime]


class VolumeHost(Base):
    """A host with a volume worker, and what its pool said last. Sizes in GiB."""

    __tablename__ = 'volume_hosts'

    name: Mapped[str] = mapped_column(primary_key=True)
    availability_zone: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None]
    total_gib: Mapped[float] = mapped_column(default=0.0)
    free_gib: Mapped[float] = mapped_column(default=0.0)
    provisioned_gib: Mapped[float] = mapped_column(default=0.0)
    seen_at: Mapped[datetime.datetime]


TABLES = operation_tables(Base.metadata)
QUOTAS = quota_tables(Base.metadata)
