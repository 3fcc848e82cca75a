"""Queries about endpoint groups, and about which endpoints the catalog of a project has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from identity.db.catalog import list_endpoints
from identity.db.filter_models import EndpointGroup, ProjectEndpoint, ProjectEndpointGroup
from identity.db.filters import narrowed
from identity.db.models import Endpoint, Project
from identity.db.retry import insert_once

FILTERS = {'name': EndpointGroup.name}


def list_groups(session: Session, wanted: Mapping[str, Any]) -> list[EndpointGroup]:
    """Endpoint groups that fit the filters, by name."""
    return list(session.scalars(narrowed(select(EndpointGroup), FILTERS, wanted).order_by(EndpointGroup.name, EndpointGroup.id)))


def endpoints_of_group(session: Session, group: EndpointGroup) -> list[Endpoint]:
    """The endpoints that fit the filters of a group."""
    return list_endpoints(session, group.filters)


def add_endpoint(session: Session, project_id: str, endpoint_id: str) -> None:
    """Put an endpoint into the catalog of a project; nothing happens when it is there."""
    insert_once(session, insert(ProjectEndpoint).values(project_id=project_id, endpoint_id=endpoint_id))


def add_group(session: Session, project_id: str, group_id: str) -> None:
    """Put a group into the catalog of a project; nothing happens when it is there."""
    insert_once(session, insert(ProjectEndpointGroup).values(project_id=project_id, endpoint_group_id=group_id))


def has_endpoint(session: Session, project_id: str, endpoint_id: str) -> bool:
    """Whether the endpoint was given to the project."""
    return session.get(ProjectEndpoint, (project_id, endpoint_id)) is not None


def has_group(session: Session, project_id: str, group_id: str) -> bool:
    """Whether the group was given to the project."""
    return session.get(ProjectEndpointGroup, (project_id, group_id)) is not None


def remove_endpoint(session: Session, project_id: str, endpoint_id: str) -> bool:
    """Take an endpoint out of the catalog of a project; False when it is not in it."""
    row = ProjectEndpoint
    return bool(session.execute(delete(row).where(row.project_id == project_id, row.endpoint_id == endpoint_id)).rowcount)


def remove_group(session: Session, project_id: str, group_id: str) -> bool:
    """Take a group out of the catalog of a project; False when it is not in it."""
    row = ProjectEndpointGroup
    return bool(session.execute(delete(row).where(row.project_id == project_id, row.endpoint_group_id == group_id)).rowcount)


def groups_of(session: Session, project_id: str) -> list[EndpointGroup]:
    """The groups given to a project."""
    query = select(EndpointGroup).join(ProjectEndpointGroup, ProjectEndpointGroup.endpoint_group_id == EndpointGroup.id)
    return list(session.scalars(query.where(ProjectEndpointGroup.project_id == project_id).order_by(EndpointGroup.name)))


def endpoints_of(session: Session, project_id: str) -> list[Endpoint]:
    """The endpoints given to a project, by themselves or by a group."""
    query = select(Endpoint).join(ProjectEndpoint, ProjectEndpoint.endpoint_id == Endpoint.id)
    found = {one.id: one for one in session.scalars(query.where(ProjectEndpoint.project_id == project_id))}
    for group in groups_of(session, project_id):
        found |= {one.id: one for one in endpoints_of_group(session, group)}
    return sorted(found.values(), key=lambda one: (one.service_id, one.interface, one.id))


def projects_with_endpoint(session: Session, endpoint_id: str) -> list[Project]:
    """The projects whose catalog was given an endpoint."""
    query = select(Project).join(ProjectEndpoint, ProjectEndpoint.project_id == Project.id)
    return list(session.scalars(query.where(ProjectEndpoint.endpoint_id == endpoint_id).order_by(Project.name, Project.id)))


def projects_with_group(session: Session, group_id: str) -> list[Project]:
    """The projects whose catalog was given a group."""
    query = select(Project).join(ProjectEndpointGroup, ProjectEndpointGroup.project_id == Project.id)
    return list(session.scalars(query.where(ProjectEndpointGroup.endpoint_group_id == group_id).order_by(Project.name, Project.id)))


def narrowed_projects(session: Session) -> dict[str, frozenset[str]]:
    """Project id -> ids of the endpoints in its catalog, for the projects that were given any endpoint or group."""
    found: dict[str, set[str]] = {}
    for project_id, endpoint_id in session.execute(select(ProjectEndpoint.project_id, ProjectEndpoint.endpoint_id)):
        found.setdefault(project_id, set()).add(endpoint_id)
    members: dict[str, list[str]] = {}
    query = select(ProjectEndpointGroup.project_id, EndpointGroup)
    for project_id, group in session.execute(query.join(EndpointGroup, ProjectEndpointGroup.endpoint_group_id == EndpointGroup.id)):
        if group.id not in members:
            members[group.id] = [one.id for one in endpoints_of_group(session, group)]
        found.setdefault(project_id, set()).update(members[group.id])
    return {project_id: frozenset(ids) for project_id, ids in found.items()}
