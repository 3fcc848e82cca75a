"""Which endpoints the catalog of a project has (OS-EP-FILTER)."""

from __future__ import annotations

from typing import Any

from common.api.call import Call
from common.api.resource import DELETE, GET, HEAD, PUT, Resource
from identity import endpoint_groups
from identity.api import access
from identity.api.endpoint_groups import group_view
from identity.api.endpoints import endpoint_view
from identity.api.projects import project_view
from identity.api.views import self_link
from identity.db.models import Project

SEE = access.reader_rule('identity:endpoint_filter:show', 'See which endpoints the catalog of a project has')
CHANGE = access.admin_rule('identity:endpoint_filter:update', 'Choose the endpoints of the catalog of a project')


def _projects(call: Call, found: list[Project]) -> list[dict[str, Any]]:
    return [project_view(call, project, []) for project in found]


def list_endpoints(call: Call) -> list[dict[str, Any]]:
    """The endpoints given to a project."""
    return [endpoint_view(call, endpoint) for endpoint in endpoint_groups.endpoints_of(call.service, call.params['project_id'])]


def list_groups(call: Call) -> list[dict[str, Any]]:
    """The endpoint groups given to a project."""
    return [group_view(call, group) for group in endpoint_groups.groups_of(call.service, call.params['project_id'])]


def list_projects_with_endpoint(call: Call) -> list[dict[str, Any]]:
    """The projects that were given an endpoint."""
    return _projects(call, endpoint_groups.projects_with(call.service, endpoint_id=call.params['endpoint_id']))


def list_projects_with_group(call: Call) -> list[dict[str, Any]]:
    """The projects that were given a group."""
    return _projects(call, endpoint_groups.projects_with(call.service, group_id=call.params['endpoint_group_id']))


def give_endpoint(call: Call) -> None:
    """Put an endpoint into the catalog of a project."""
    endpoint_groups.give_endpoint(call.service, call.params['project_id'], call.params['endpoint_id'])


def check_endpoint(call: Call) -> None:
    """Whether the project was given the endpoint."""
    endpoint_groups.check_endpoint(call.service, call.params['project_id'], call.params['endpoint_id'])


def take_endpoint(call: Call) -> None:
    """Take an endpoint out of the catalog of a project."""
    endpoint_groups.take_endpoint(call.service, call.params['project_id'], call.params['endpoint_id'])


def give_group(call: Call) -> None:
    """Put a group into the catalog of a project."""
    endpoint_groups.give_group(call.service, call.params['project_id'], call.params['endpoint_group_id'])


def show_group(call: Call) -> dict[str, Any]:
    """That the project was given the group."""
    project_id, group_id = call.params['project_id'], call.params['endpoint_group_id']
    endpoint_groups.check_group(call.service, project_id, group_id)
    links = self_link(call, f'OS-EP-FILTER/endpoint_groups/{group_id}/projects/{project_id}')
    return {'endpoint_group_id': group_id, 'project_id': project_id, 'links': links}


def check_group(call: Call) -> None:
    """Whether the project was given the group."""
    endpoint_groups.check_group(call.service, call.params['project_id'], call.params['endpoint_group_id'])


def take_group(call: Call) -> None:
    """Take a group out of the catalog of a project."""
    endpoint_groups.take_group(call.service, call.params['project_id'], call.params['endpoint_group_id'])


_BASE = '/v3/OS-EP-FILTER'
_ENDPOINT = f'{_BASE}/projects/{{project_id}}/endpoints/{{endpoint_id}}'
_GROUP = f'{_BASE}/endpoint_groups/{{endpoint_group_id}}/projects/{{project_id}}'
ENDPOINT_FILTER = Resource(
    'endpoints',
    'endpoint',
    routes=[
        GET(f'{_BASE}/projects/{{project_id}}/endpoints', list_endpoints, policy=SEE),
        GET(f'{_BASE}/projects/{{project_id}}/endpoint_groups', list_groups, policy=SEE, collection='endpoint_groups'),
        GET(f'{_BASE}/endpoints/{{endpoint_id}}/projects', list_projects_with_endpoint, policy=SEE, collection='projects'),
        GET(f'{_BASE}/endpoint_groups/{{endpoint_group_id}}/projects', list_projects_with_group, policy=SEE, collection='projects'),
        PUT(_ENDPOINT, give_endpoint, policy=CHANGE, ok=204, body=None),
        GET(_ENDPOINT, check_endpoint, policy=SEE, ok=204, hidden=True),
        HEAD(_ENDPOINT, check_endpoint, policy=SEE, ok=204, body=None),
        DELETE(_ENDPOINT, take_endpoint, policy=CHANGE),
        PUT(_GROUP, give_group, policy=CHANGE, ok=204, body=None),
        GET(_GROUP, show_group, policy=SEE, member='project_endpoint_group'),
        HEAD(_GROUP, check_group, policy=SEE, body=None),
        DELETE(_GROUP, take_group, policy=CHANGE),
    ],
)
