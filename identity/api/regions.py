"""Regions."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import CREATE_ONLY, Field
from common.api.resource import DELETE, GET, PATCH, POST, PUT, Resource
from common.api.types import Str
from common.errors import InvalidInput
from common.policy import ANYONE, Rule
from identity import catalog
from identity.api import access
from identity.api.views import paged, self_link, with_extra
from identity.db.models import Region

SEE = Rule('identity:regions:list', ANYONE, 'See regions')
CREATE = access.admin_rule('identity:regions:create', 'Create a region')
UPDATE = access.admin_rule('identity:regions:update', 'Change a region')
DELETE_ = access.admin_rule('identity:regions:delete', 'Delete a region')
_KNOWN = ('description', 'parent_region_id')


def region_view(call: Call, region: Region) -> dict[str, Any]:
    """A region as the API shows it."""
    return {
        **region.extra,
        'id': region.id,
        'description': region.description,
        'parent_region_id': region.parent_region_id,
        'links': self_link(call, f'regions/{region.id}'),
    }


def list_regions(call: Call) -> Reply:
    """Regions that fit the filters."""
    return paged(call, catalog.list_regions(call.service, call.filters), lambda region: region_view(call, region))


def create_region(call: Call) -> dict[str, Any]:
    """Make a region; without an id it gets one."""
    return region_view(call, catalog.create_region(call.service, with_extra(call.body, _KNOWN)))


def create_region_with_id(call: Call) -> dict[str, Any]:
    """Make the region with the id of the path."""
    region_id = call.params['region_id']
    if call.body.get('id') not in (None, region_id):
        raise InvalidInput('The region id of the body is not that of the URL.', field='id')
    return region_view(call, catalog.create_region(call.service, {**with_extra(call.body, _KNOWN), 'id': region_id}))


def show_region(call: Call) -> dict[str, Any]:
    """One region."""
    return region_view(call, catalog.get_region(call.service, call.params['region_id']))


def update_region(call: Call) -> dict[str, Any]:
    """Change a region."""
    values = with_extra(call.body, _KNOWN)
    values.pop('id', None)
    if 'description' in values:
        values['description'] = values['description'] or ''
    return region_view(call, catalog.update_region(call.service, call.params['region_id'], values))


def delete_region(call: Call) -> None:
    """Remove a region."""
    catalog.delete_region(call.service, call.params['region_id'])


REGIONS = Resource(
    'regions',
    'region',
    fields=[
        Field('id', Str(255) | None, CREATE_ONLY),
        Field('description', Str(65535) | None),
        Field('parent_region_id', Str(255) | None),
    ],
    filters=['parent_region_id'],
    routes=[
        GET('/v3/regions', list_regions, policy=SEE),
        POST('/v3/regions', create_region, policy=CREATE, ok=201),
        GET('/v3/regions/{region_id}', show_region, policy=SEE),
        PUT('/v3/regions/{region_id}', create_region_with_id, policy=CREATE, ok=201, create=True),
        PATCH('/v3/regions/{region_id}', update_region, policy=UPDATE),
        DELETE('/v3/regions/{region_id}', delete_region, policy=DELETE_),
    ],
)
