"""Tables beside the catalog: what it is narrowed by, policies of endpoints, limits, and the configuration of domains."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common import ids
from common.db.types import JSON, LongText, Str64, Str255
from identity.db.models import Base


def _key() -> Mapped[str]:
    return mapped_column(primary_key=True, default=ids.new_hex_id)


class EndpointGroup(Base):
    """Endpoints that have something in common. `filters`: any of service_id, region_id, interface, enabled -> value."""

    __tablename__ = 'endpoint_groups'

    id: Mapped[Str64] = _key()
    name: Mapped[Str255]
    description: Mapped[LongText | None]
    filters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ProjectEndpoint(Base):
    """The catalog of the project has this endpoint, and no others but those given likewise."""

    __tablename__ = 'project_endpoints'

    project_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id', ondelete='CASCADE'), primary_key=True)
    endpoint_id: Mapped[Str64] = mapped_column(ForeignKey('endpoints.id', ondelete='CASCADE'), primary_key=True, index=True)


class ProjectEndpointGroup(Base):
    """The catalog of the project has the endpoints of this group."""

    __tablename__ = 'project_endpoint_groups'

    project_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id', ondelete='CASCADE'), primary_key=True)
    endpoint_group_id: Mapped[Str64] = mapped_column(ForeignKey('endpoint_groups.id', ondelete='CASCADE'), primary_key=True, index=True)


class PolicyDocument(Base):
    """A policy that services may fetch; identity stores it and does not read it."""

    __tablename__ = 'policies'

    id: Mapped[Str64] = _key()
    type: Mapped[Str255]
    blob: Mapped[LongText]
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class PolicyAssociation(Base):
    """The policy of an endpoint, of a service, or of a service in a region; `id` is a digest of these three."""

    __tablename__ = 'policy_associations'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    policy_id: Mapped[Str64] = mapped_column(ForeignKey('policies.id', ondelete='CASCADE'), index=True)
    endpoint_id: Mapped[Str64 | None] = mapped_column(ForeignKey('endpoints.id', ondelete='CASCADE'), index=True)
    service_id: Mapped[Str64 | None] = mapped_column(ForeignKey('services.id', ondelete='CASCADE'), index=True)
    region_id: Mapped[Str255 | None] = mapped_column(ForeignKey('regions.id', ondelete='CASCADE'), index=True)


class RegisteredLimit(Base):
    """How much of a resource of a service, in a region or anywhere, a project may have unless a limit says otherwise.

    `of` is a digest of service, region and resource: a unique index does not tell rows without a region apart.
    """

    __tablename__ = 'registered_limits'

    id: Mapped[Str64] = _key()
    of: Mapped[Str64]
    service_id: Mapped[Str64] = mapped_column(ForeignKey('services.id', ondelete='CASCADE'), index=True)
    region_id: Mapped[Str255 | None] = mapped_column(ForeignKey('regions.id', ondelete='CASCADE'), index=True)
    resource_name: Mapped[Str255]
    default_limit: Mapped[int]
    description: Mapped[LongText | None]

    __table_args__ = (UniqueConstraint('of'),)


class Limit(Base):
    """The limit of one project or domain."""

    __tablename__ = 'limits'

    id: Mapped[Str64] = _key()
    registered_limit_id: Mapped[Str64] = mapped_column(ForeignKey('registered_limits.id', ondelete='CASCADE'))
    owner_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id', ondelete='CASCADE'), index=True)
    resource_limit: Mapped[int]
    description: Mapped[LongText | None]

    __table_args__ = (UniqueConstraint('registered_limit_id', 'owner_id'),)


class DomainOption(Base):
    """An option that a domain has set for itself. Sensitive ones are used and never shown."""

    __tablename__ = 'domain_options'

    domain_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id', ondelete='CASCADE'), primary_key=True)
    section: Mapped[Str64] = mapped_column(primary_key=True)
    name: Mapped[Str64] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSON)
