"""Tables of the identity service.

A domain is a row of `projects` with `is_domain`; its own `domain_id` is the empty string, so that one unique index keeps
names of domains apart. A project at the top has its domain as parent. Likewise a role of no domain has `domain_id` ''.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, ids
from common.db.types import JSON, BigKey, LongText, Str16, Str64, Str255, declarative_base_for

Base = declarative_base_for('identity')

NO_DOMAIN = ''


def _key() -> Mapped[str]:
    return mapped_column(primary_key=True, default=ids.new_hex_id)


class Project(Base):
    """A project or a domain."""

    __tablename__ = 'projects'

    id: Mapped[Str64] = _key()
    name: Mapped[Str64]
    domain_id: Mapped[Str64]
    parent_id: Mapped[Str64 | None] = mapped_column(ForeignKey('projects.id'), index=True)
    is_domain: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    description: Mapped[LongText] = mapped_column(default='')
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    __table_args__ = (UniqueConstraint('domain_id', 'name'),)


class ProjectTag(Base):
    """A tag of a project or domain."""

    __tablename__ = 'project_tags'

    project_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id', ondelete='CASCADE'), primary_key=True)
    name: Mapped[Str255] = mapped_column(primary_key=True)


class User(Base):
    """A user of the SQL backend, and what is remembered about failed logins."""

    __tablename__ = 'users'

    id: Mapped[Str64] = _key()
    domain_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id'))
    name: Mapped[Str255]
    enabled: Mapped[bool] = mapped_column(default=True)
    default_project_id: Mapped[Str64 | None] = mapped_column(index=True)
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    failed_logins: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime.datetime | None]

    __table_args__ = (UniqueConstraint('domain_id', 'name'),)


class Password(Base):
    """A password of a user; the newest is the one in force, older ones are its history."""

    __tablename__ = 'passwords'

    id: Mapped[BigKey]
    user_id: Mapped[Str64] = mapped_column(ForeignKey('users.id', ondelete='CASCADE'))
    hash: Mapped[Str255]
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime.datetime | None]

    __table_args__ = (Index(None, 'user_id', 'id'),)


class Group(Base):
    """A group of users of the SQL backend."""

    __tablename__ = 'groups'

    id: Mapped[Str64] = _key()
    domain_id: Mapped[Str64] = mapped_column(ForeignKey('projects.id'))
    name: Mapped[Str64]
    description: Mapped[LongText] = mapped_column(default='')
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    __table_args__ = (UniqueConstraint('domain_id', 'name'),)


class GroupMember(Base):
    """A user in a group."""

    __tablename__ = 'group_members'

    user_id: Mapped[Str64] = mapped_column(ForeignKey('users.id', ondelete='CASCADE'), primary_key=True)
    group_id: Mapped[Str64] = mapped_column(ForeignKey('groups.id', ondelete='CASCADE'), primary_key=True, index=True)


class Role(Base):
    """A role; one that belongs to a domain only stands for the roles it implies."""

    __tablename__ = 'roles'

    id: Mapped[Str64] = _key()
    name: Mapped[Str255]
    domain_id: Mapped[Str64] = mapped_column(default=NO_DOMAIN)
    description: Mapped[LongText | None]
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    __table_args__ = (UniqueConstraint('domain_id', 'name'),)


class ImpliedRole(Base):
    """Whoever has the prior role has the implied one too."""

    __tablename__ = 'implied_roles'

    prior_role_id: Mapped[Str64] = mapped_column(ForeignKey('roles.id', ondelete='CASCADE'), primary_key=True)
    implied_role_id: Mapped[Str64] = mapped_column(ForeignKey('roles.id', ondelete='CASCADE'), primary_key=True, index=True)


class Assignment(Base):
    """A role of a user or group on a project, a domain, or the system.

    `actor_kind`: user, group. `target_kind`: project, domain, system (its `target_id` is `system`). An inherited one holds
    for the projects below the target and not for the target. Users and groups may live in another backend: no foreign key.
    """

    __tablename__ = 'assignments'

    actor_id: Mapped[Str64] = mapped_column(primary_key=True)
    target_id: Mapped[Str64] = mapped_column(primary_key=True)
    role_id: Mapped[Str64] = mapped_column(ForeignKey('roles.id', ondelete='CASCADE'), primary_key=True, index=True)
    target_kind: Mapped[Str16] = mapped_column(primary_key=True)
    actor_kind: Mapped[Str16] = mapped_column(primary_key=True)
    inherited: Mapped[bool] = mapped_column(primary_key=True, default=False)

    __table_args__ = (Index(None, 'target_id', 'target_kind'),)


class Region(Base):
    """A region; its id is chosen by whoever makes it."""

    __tablename__ = 'regions'

    id: Mapped[Str255] = _key()
    description: Mapped[LongText] = mapped_column(default='')
    parent_region_id: Mapped[Str255 | None] = mapped_column(ForeignKey('regions.id'), index=True)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Service(Base):
    """A service of the catalog."""

    __tablename__ = 'services'

    id: Mapped[Str64] = _key()
    type: Mapped[Str255]
    name: Mapped[Str255 | None]
    description: Mapped[LongText | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Endpoint(Base):
    """Where a service can be reached. `interface`: public, internal, admin."""

    __tablename__ = 'endpoints'

    id: Mapped[Str64] = _key()
    service_id: Mapped[Str64] = mapped_column(ForeignKey('services.id', ondelete='CASCADE'), index=True)
    interface: Mapped[Str16]
    region_id: Mapped[Str255 | None] = mapped_column(ForeignKey('regions.id'), index=True)
    url: Mapped[LongText]
    enabled: Mapped[bool] = mapped_column(default=True)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RevocationEvent(Base):
    """Tokens that are void before their time; see `common.tokens.revocations`."""

    __tablename__ = 'revocations'

    id: Mapped[BigKey]
    issued_before: Mapped[datetime.datetime]
    expires_at: Mapped[datetime.datetime] = mapped_column(index=True)
    matches: Mapped[dict[str, Any]] = mapped_column(JSON)

    # An id is never used twice: services ask for what came after the last one they know.
    __table_args__ = {'sqlite_autoincrement': True}
