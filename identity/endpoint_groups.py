"""Endpoint groups, and catalogs that are narrowed project by project.

A project that was given no endpoint and no group has the whole catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.db import one_or_404
from common.errors import InvalidInput, NotFound
from common.ids import new_hex_id
from identity import projects
from identity.db import endpoint_groups as rows
from identity.db.filter_models import EndpointGroup
from identity.db.models import Endpoint, Project
from identity.db.retry import retried
from identity.service import IdentityService

_FILTERS = frozenset({'service_id', 'region_id', 'interface', 'enabled'})
_INTERFACES = frozenset({'public', 'internal', 'admin'})


def _check_filters(filters: Mapping[str, Any] | None) -> None:
    if filters is None:
        raise InvalidInput('An endpoint group has filters; an empty object fits every endpoint.', field='filters')
    for name in filters:
        if name not in _FILTERS:
            raise InvalidInput(
                f'Attribute {name} is not one that endpoints are filtered by: {", ".join(sorted(_FILTERS))}.', field='filters'
            )
    if filters.get('interface', 'public') not in _INTERFACES:
        raise InvalidInput(f'The interface of an endpoint is one of {", ".join(sorted(_INTERFACES))}.', field='filters')


def list_all(service: IdentityService, wanted: Mapping[str, Any]) -> list[EndpointGroup]:
    """Endpoint groups that fit the filters."""
    with service.read() as session:
        return rows.list_groups(session, wanted)


def get(service: IdentityService, group_id: str) -> EndpointGroup:
    """One endpoint group. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, EndpointGroup, group_id, 'endpoint group')


@retried
def create(service: IdentityService, values: Mapping[str, Any]) -> EndpointGroup:
    """Make an endpoint group. Raises InvalidInput (filters)."""
    _check_filters(values['filters'])
    group = EndpointGroup(id=new_hex_id(), name=values['name'], description=values.get('description'), filters=dict(values['filters']))
    with service.write() as session:
        session.add(group)
    return group


@retried
def update(service: IdentityService, group_id: str, values: Mapping[str, Any]) -> EndpointGroup:
    """Change an endpoint group; filters are merged, null changes none of them. Raises NotFound, InvalidInput."""
    _check_filters(values.get('filters') or {})
    with service.write() as session:
        group = one_or_404(session, EndpointGroup, group_id, 'endpoint group')
        for name in ('name', 'description'):
            if name in values:
                setattr(group, name, values[name])
        if values.get('filters') is not None:
            group.filters = {**group.filters, **values['filters']}
    return group


@retried
def delete(service: IdentityService, group_id: str) -> None:
    """Remove an endpoint group, from the catalogs too. Raises NotFound."""
    with service.write() as session:
        session.delete(one_or_404(session, EndpointGroup, group_id, 'endpoint group'))


def endpoints_of_group(service: IdentityService, group_id: str) -> list[Endpoint]:
    """The endpoints that fit a group's filters. Raises NotFound."""
    with service.read() as session:
        return rows.endpoints_of_group(session, one_or_404(session, EndpointGroup, group_id, 'endpoint group'))


# What the catalog of a project has


@retried
def give_endpoint(service: IdentityService, project_id: str, endpoint_id: str) -> None:
    """Put an endpoint into the catalog of a project. Raises NotFound."""
    with service.write() as session:
        projects.find(session, project_id)
        one_or_404(session, Endpoint, endpoint_id, 'endpoint')
        rows.add_endpoint(session, project_id, endpoint_id)


@retried
def give_group(service: IdentityService, project_id: str, group_id: str) -> None:
    """Put a group into the catalog of a project. Raises NotFound."""
    with service.write() as session:
        projects.find(session, project_id)
        one_or_404(session, EndpointGroup, group_id, 'endpoint group')
        rows.add_group(session, project_id, group_id)


def check_endpoint(service: IdentityService, project_id: str, endpoint_id: str) -> None:
    """Raises NotFound unless the endpoint was given to the project."""
    with service.read() as session:
        projects.find(session, project_id)
        one_or_404(session, Endpoint, endpoint_id, 'endpoint')
        if not rows.has_endpoint(session, project_id, endpoint_id):
            raise NotFound(message=f'Endpoint {endpoint_id} is not associated with project {project_id}.')


def check_group(service: IdentityService, project_id: str, group_id: str) -> EndpointGroup:
    """The group, if it was given to the project. Raises NotFound."""
    with service.read() as session:
        projects.find(session, project_id)
        group = one_or_404(session, EndpointGroup, group_id, 'endpoint group')
        if not rows.has_group(session, project_id, group_id):
            raise NotFound(message=f'Endpoint group {group_id} is not associated with project {project_id}.')
        return group


@retried
def take_endpoint(service: IdentityService, project_id: str, endpoint_id: str) -> None:
    """Take an endpoint out of the catalog of a project. Raises NotFound."""
    with service.write() as session:
        if not rows.remove_endpoint(session, project_id, endpoint_id):
            raise NotFound(message=f'Endpoint {endpoint_id} is not associated with project {project_id}.')


@retried
def take_group(service: IdentityService, project_id: str, group_id: str) -> None:
    """Take a group out of the catalog of a project. Raises NotFound."""
    with service.write() as session:
        if not rows.remove_group(session, project_id, group_id):
            raise NotFound(message=f'Endpoint group {group_id} is not associated with project {project_id}.')


def endpoints_of(service: IdentityService, project_id: str) -> list[Endpoint]:
    """The endpoints given to a project, by themselves or by a group. Raises NotFound."""
    with service.read() as session:
        projects.find(session, project_id)
        return rows.endpoints_of(session, project_id)


def groups_of(service: IdentityService, project_id: str) -> list[EndpointGroup]:
    """The groups given to a project. Raises NotFound."""
    with service.read() as session:
        projects.find(session, project_id)
        return rows.groups_of(session, project_id)


def projects_with(service: IdentityService, *, endpoint_id: str = '', group_id: str = '') -> list[Project]:
    """The projects that were given an endpoint, or a group. Raises NotFound."""
    with service.read() as session:
        if endpoint_id:
            one_or_404(session, Endpoint, endpoint_id, 'endpoint')
            return rows.projects_with_endpoint(session, endpoint_id)
        one_or_404(session, EndpointGroup, group_id, 'endpoint group')
        return rows.projects_with_group(session, group_id)
