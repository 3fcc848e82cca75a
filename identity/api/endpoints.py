"""Endpoints: where the services are."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Bool, Enum, Str
from identity import catalog
from identity.api import access
from identity.api.views import paged, self_link, with_extra
from identity.db.models import Endpoint

SEE = access.reader_rule('identity:endpoints:list', 'See endpoints')
CREATE = access.admin_rule('identity:endpoints:create', 'Create an endpoint')
UPDATE = access.admin_rule('identity:endpoints:update', 'Change an endpoint')
DELETE_ = access.admin_rule('identity:endpoints:delete', 'Delete an endpoint')
_KNOWN = ('service_id', 'interface', 'region_id', 'region', 'url', 'enabled')


def endpoint_view(call: Call, endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as the API shows it; `region` is the older name of `region_id`."""
    return {
        **endpoint.extra,
        'id': endpoint.id,
        'service_id': endpoint.service_id,
        'interface': endpoint.interface,
        'region_id': endpoint.region_id,
        'region': endpoint.region_id,
        'url': endpoint.url,
        'enabled': endpoint.enabled,
        'links': self_link(call, f'endpoints/{endpoint.id}'),
    }


def _values(call: Call) -> dict[str, Any]:
    values = with_extra(call.body, _KNOWN)
    values.pop('id', None)
    if 'region' in values:
        values.setdefault('region_id', values.pop('region'))
    values.pop('region', None)
    return values


def list_endpoints(call: Call) -> Reply:
    """Endpoints that fit the filters."""
    return paged(call, catalog.list_endpoints(call.service, call.filters), lambda endpoint: endpoint_view(call, endpoint))


def create_endpoint(call: Call) -> dict[str, Any]:
    """Make an endpoint."""
    return endpoint_view(call, catalog.create_endpoint(call.service, _values(call)))


def show_endpoint(call: Call) -> dict[str, Any]:
    """One endpoint."""
    return endpoint_view(call, catalog.get_endpoint(call.service, call.params['endpoint_id']))


def update_endpoint(call: Call) -> dict[str, Any]:
    """Change an endpoint."""
    return endpoint_view(call, catalog.update_endpoint(call.service, call.params['endpoint_id'], _values(call)))


def delete_endpoint(call: Call) -> None:
    """Remove an endpoint."""
    catalog.delete_endpoint(call.service, call.params['endpoint_id'])


ENDPOINTS = Resource(
    'endpoints',
    'endpoint',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('service_id', Str(64), REQUIRED),
        Field('interface', Enum('admin', 'internal', 'public'), REQUIRED),
        Field('region_id', Str(255) | None),
        Field('region', Str(255) | None, help='Older name of region_id'),
        Field('url', Str(8192, 1, pattern=r'^\S+$'), REQUIRED),
        Field('enabled', Bool(strict=True)),
    ],
    filters=[Filter('interface', Str), 'service_id', Filter('region_id', Str), Filter('enabled', Bool)],
    routes=[
        GET('/v3/endpoints', list_endpoints, policy=SEE),
        POST('/v3/endpoints', create_endpoint, policy=CREATE, ok=201),
        GET('/v3/endpoints/{endpoint_id}', show_endpoint, policy=SEE),
        PATCH('/v3/endpoints/{endpoint_id}', update_endpoint, policy=UPDATE),
        DELETE('/v3/endpoints/{endpoint_id}', delete_endpoint, policy=DELETE_),
    ],
)
