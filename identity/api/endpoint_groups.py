"""Endpoint groups."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field
from common.api.resource import DELETE, GET, HEAD, PATCH, POST, Resource
from common.api.types import Obj, Str
from identity import endpoint_groups
from identity.api import access
from identity.api.endpoints import endpoint_view
from identity.api.views import paged, self_link, text_filters
from identity.db.filter_models import EndpointGroup

SEE = access.reader_rule('identity:endpoint_groups:show', 'See endpoint groups')
CHANGE = access.admin_rule('identity:endpoint_groups:update', 'Make, change and delete endpoint groups')


def group_view(call: Call, group: EndpointGroup) -> dict[str, Any]:
    """An endpoint group as the API shows it."""
    return {
        'id': group.id,
        'name': group.name,
        'description': group.description,
        'filters': group.filters,
        'links': self_link(call, f'OS-EP-FILTER/endpoint_groups/{group.id}'),
    }


def list_groups(call: Call) -> Reply:
    """Endpoint groups that fit the filters."""
    return paged(call, endpoint_groups.list_all(call.service, call.filters), lambda group: group_view(call, group))


def create_group(call: Call) -> dict[str, Any]:
    """Make an endpoint group."""
    return group_view(call, endpoint_groups.create(call.service, call.body))


def show_group(call: Call) -> dict[str, Any]:
    """One endpoint group."""
    return group_view(call, endpoint_groups.get(call.service, call.params['endpoint_group_id']))


def check_group(call: Call) -> None:
    """Whether there is such a group."""
    endpoint_groups.get(call.service, call.params['endpoint_group_id'])


def update_group(call: Call) -> dict[str, Any]:
    """Change an endpoint group; filters are merged. The `openstack` client sends null where it changes none."""
    return group_view(call, endpoint_groups.update(call.service, call.params['endpoint_group_id'], call.body))


def delete_group(call: Call) -> None:
    """Remove an endpoint group."""
    endpoint_groups.delete(call.service, call.params['endpoint_group_id'])


def list_endpoints(call: Call) -> list[dict[str, Any]]:
    """The endpoints that fit the group's filters."""
    found = endpoint_groups.endpoints_of_group(call.service, call.params['endpoint_group_id'])
    return [endpoint_view(call, endpoint) for endpoint in found]


_ALL = '/v3/OS-EP-FILTER/endpoint_groups'
_ONE = f'{_ALL}/{{endpoint_group_id}}'
ENDPOINT_GROUPS = Resource(
    'endpoint_groups',
    'endpoint_group',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('name', Str(255, 1, pattern=r'\S'), REQUIRED),
        Field('description', Str(65535) | None),
        Field('filters', Obj | None, REQUIRED),
    ],
    filters=text_filters('name'),
    routes=[
        GET(_ALL, list_groups, policy=SEE),
        POST(_ALL, create_group, policy=CHANGE, ok=201),
        GET(_ONE, show_group, policy=SEE),
        HEAD(_ONE, check_group, policy=SEE, body=None),
        PATCH(_ONE, update_group, policy=CHANGE),
        DELETE(_ONE, delete_group, policy=CHANGE),
        GET(f'{_ONE}/endpoints', list_endpoints, policy=SEE, collection='endpoints'),
    ],
)
