"""Users and groups as plain values: the same whatever backend they live in."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any


@dataclasses.dataclass(slots=True)
class UserRecord:
    """A user. `password_hash` and what follows are empty where the backend keeps passwords to itself."""

    id: str
    domain_id: str
    name: str
    enabled: bool = True
    default_project_id: str | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    failed_logins: int = 0
    failed_at: datetime.datetime | None = None
    password_hash: str | None = dataclasses.field(default=None, repr=False)
    password_created_at: datetime.datetime | None = None
    password_expires_at: datetime.datetime | None = None


@dataclasses.dataclass(slots=True)
class GroupRecord:
    """A group of users."""

    id: str
    domain_id: str
    name: str
    description: str = ''
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class DomainRef:
    """Id, name and state of a domain."""

    id: str
    name: str
    enabled: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectRef:
    """Id, name and state of a project and of its domain. For a project that acts as a domain, `domain` is itself."""

    id: str
    name: str
    enabled: bool
    is_domain: bool
    domain: DomainRef


@dataclasses.dataclass(frozen=True, slots=True)
class RoleRef:
    """Id and name of a role."""

    id: str
    name: str
