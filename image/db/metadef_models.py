"""Tables of metadata definitions: what properties an image, a flavor, a volume ... may carry, and what they mean.

Objects, properties and tags are rows of one table: they differ only in what they hold, which is a JSON document of theirs.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common.db.types import UuidKey
from image.db.models import Base


class MetadefNamespace(Base):
    """A named set of definitions. `visibility`: public, private."""

    __tablename__ = 'metadef_namespaces'

    id: Mapped[UuidKey]
    namespace: Mapped[str] = mapped_column(String(80), unique=True)
    display_name: Mapped[str | None] = mapped_column(String(80))
    description: Mapped[str | None] = mapped_column(Text)
    visibility: Mapped[str] = mapped_column(String(20))
    protected: Mapped[bool]
    owner: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]

    __table_args__ = (Index('ix_metadef_namespaces_owner', 'owner'),)


class MetadefEntry(Base):
    """Something in a namespace. `kind`: object, property, tag. `body`: what it holds beside its name."""

    __tablename__ = 'metadef_entries'

    id: Mapped[UuidKey]
    namespace_id: Mapped[str] = mapped_column(ForeignKey('metadef_namespaces.id', ondelete='CASCADE'))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80))
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]

    __table_args__ = (UniqueConstraint('namespace_id', 'kind', 'name'),)


class MetadefResourceType(Base):
    """A kind of thing that definitions may be for, in Heat's way of naming: OS::Nova::Flavor."""

    __tablename__ = 'metadef_resource_types'

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]


class MetadefAssociation(Base):
    """A namespace is meant for a resource type, where its properties are written with `prefix`."""

    __tablename__ = 'metadef_associations'

    namespace_id: Mapped[str] = mapped_column(ForeignKey('metadef_namespaces.id', ondelete='CASCADE'), primary_key=True)
    resource_type: Mapped[str] = mapped_column(ForeignKey('metadef_resource_types.name'), primary_key=True)
    prefix: Mapped[str | None] = mapped_column(String(80))
    properties_target: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]

    __table_args__ = (Index('ix_metadef_associations_resource_type', 'resource_type'),)
