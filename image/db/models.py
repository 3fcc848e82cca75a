"""Tables of the image service. Deleted images leave no row: their history is in the request events."""

from __future__ import annotations

import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from common.db.types import declarative_base_for
from common.operations.tables import operation_tables

Base = declarative_base_for('image')


class Image(Base):
    """One image. `status`: queued, saving, uploading, importing, active, deactivated."""

    __tablename__ = 'images'

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(30), default='queued')
    visibility: Mapped[str] = mapped_column(String(20), default='shared')
    owner: Mapped[str | None] = mapped_column(String(64), index=True)
    container_format: Mapped[str | None] = mapped_column(String(20))
    disk_format: Mapped[str | None] = mapped_column(String(20))
    min_disk: Mapped[int] = mapped_column(default=0)
    min_ram: Mapped[int] = mapped_column(default=0)
    protected: Mapped[bool] = mapped_column(default=False)
    os_hidden: Mapped[bool] = mapped_column(default=False)
    size: Mapped[int | None] = mapped_column(BigInteger)
    virtual_size: Mapped[int | None] = mapped_column(BigInteger)
    checksum: Mapped[str | None] = mapped_column(String(32))
    os_hash_algo: Mapped[str | None] = mapped_column(String(64))
    os_hash_value: Mapped[str | None] = mapped_column(String(128))
    # Who is sending data now, or has staged it, and until when it is taken to be alive: empty once all is there.
    upload_id: Mapped[str | None] = mapped_column(String(36))
    upload_until: Mapped[datetime.datetime | None]
    # Bytes of the project's limits that are kept for data on their way: in all stores together, and in the staging area.
    reserved_size: Mapped[int] = mapped_column(BigInteger, default=0, server_default='0')
    reserved_stage: Mapped[int] = mapped_column(BigInteger, default=0, server_default='0')
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]

    __table_args__ = (
        Index('ix_images_created_at_id', 'created_at', 'id'),
        Index('ix_images_visibility', 'visibility'),
        Index('ix_images_status', 'status'),  # the sweeps look for the few that are saving, uploading, importing
    )


class ImageProperty(Base):
    """A custom property of an image."""

    __tablename__ = 'image_properties'

    image_id: Mapped[str] = mapped_column(ForeignKey('images.id', ondelete='CASCADE'), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ImageTag(Base):
    """A tag of an image."""

    __tablename__ = 'image_tags'

    image_id: Mapped[str] = mapped_column(ForeignKey('images.id', ondelete='CASCADE'), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)


class ImageMember(Base):
    """A project that a shared image is offered to. `status`: pending, accepted, rejected."""

    __tablename__ = 'image_members'

    image_id: Mapped[str] = mapped_column(ForeignKey('images.id', ondelete='CASCADE'), primary_key=True)
    member: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(20), default='pending')
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]

    __table_args__ = (Index('ix_image_members_member', 'member'),)


operation_tables(Base.metadata)
