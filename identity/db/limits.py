"""Queries about registered limits and limits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from identity.db.filter_models import Limit, RegisteredLimit
from identity.db.filters import narrowed
from identity.db.models import Project

REGISTERED_FILTERS = {
    'service_id': RegisteredLimit.service_id,
    'region_id': RegisteredLimit.region_id,
    'resource_name': RegisteredLimit.resource_name,
}


class FoundLimit(NamedTuple):
    """A limit, what it limits, and whose it is."""

    limit: Limit
    registered: RegisteredLimit
    owner: Project


def digest_of(service_id: str, region_id: str | None, resource_name: str) -> str:
    """What `RegisteredLimit.of` holds: the same for the same service, region and resource, and for no other."""
    return hashlib.sha256('\0'.join((service_id, region_id or '', resource_name)).encode()).hexdigest()


def list_registered(session: Session, wanted: Mapping[str, Any]) -> list[RegisteredLimit]:
    """Registered limits that fit the filters."""
    query = narrowed(select(RegisteredLimit), REGISTERED_FILTERS, wanted)
    return list(session.scalars(query.order_by(RegisteredLimit.resource_name, RegisteredLimit.id)))


def find_registered(session: Session, service_id: str, region_id: str | None, resource_name: str) -> RegisteredLimit | None:
    """The registered limit of a resource, or None."""
    return session.scalar(select(RegisteredLimit).where(RegisteredLimit.of == digest_of(service_id, region_id, resource_name)))


def is_used(session: Session, registered_limit_id: str) -> bool:
    """Whether any project or domain has a limit of its own instead."""
    return session.scalar(select(Limit.id).where(Limit.registered_limit_id == registered_limit_id).limit(1)) is not None


_FOUND: Any = (
    select(Limit, RegisteredLimit, Project)
    .join(RegisteredLimit, RegisteredLimit.id == Limit.registered_limit_id)
    .join(Project, Project.id == Limit.owner_id)
)


def find(session: Session, limit_id: str) -> FoundLimit | None:
    """A limit with what belongs to it, or None."""
    row = session.execute(_FOUND.where(Limit.id == limit_id)).one_or_none()
    return FoundLimit(*row) if row else None


def list_limits(
    session: Session, wanted: Mapping[str, Any], *, owners: Sequence[str] | None = None, of_domain: str | None = None
) -> list[FoundLimit]:
    """Limits that fit the filters.

    :param owners: only those of these projects and domains
    :param of_domain: only those of this domain and its projects
    """
    query = narrowed(_FOUND, REGISTERED_FILTERS, wanted)
    for name, is_domain in (('project_id', False), ('domain_id', True)):
        if name in wanted:
            query = query.where(Limit.owner_id == wanted[name], Project.is_domain.is_(is_domain))
    if owners is not None:
        query = query.where(Limit.owner_id.in_(owners))
    if of_domain is not None:
        query = query.where(or_(Project.id == of_domain, Project.domain_id == of_domain))
    return [FoundLimit(*row) for row in session.execute(query.order_by(RegisteredLimit.resource_name, Limit.id))]
