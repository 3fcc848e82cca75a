"""Services of the catalog."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Bool, Str
from identity import catalog
from identity.api import access
from identity.api.views import paged, self_link, text_filters, with_extra
from identity.db.models import Service

SEE = access.reader_rule('identity:services:list', 'See services')
CREATE = access.admin_rule('identity:services:create', 'Create a service')
UPDATE = access.admin_rule('identity:services:update', 'Change a service')
DELETE_ = access.admin_rule('identity:services:delete', 'Delete a service')
_KNOWN = ('type', 'name', 'description', 'enabled')


def service_view(call: Call, service: Service) -> dict[str, Any]:
    """A service as the API shows it; a description only where it has one."""
    shown = {
        **service.extra,
        'id': service.id,
        'type': service.type,
        'name': service.name or '',
        'enabled': service.enabled,
        'links': self_link(call, f'services/{service.id}'),
    }
    if service.description is not None:
        shown['description'] = service.description
    return shown


def list_services(call: Call) -> Reply:
    """Services that fit the filters."""
    return paged(call, catalog.list_services(call.service, call.filters), lambda service: service_view(call, service))


def create_service(call: Call) -> dict[str, Any]:
    """Make a service."""
    return service_view(call, catalog.create_service(call.service, with_extra(call.body, _KNOWN)))


def show_service(call: Call) -> dict[str, Any]:
    """One service."""
    return service_view(call, catalog.get_service(call.service, call.params['service_id']))


def update_service(call: Call) -> dict[str, Any]:
    """Change a service."""
    values = with_extra(call.body, _KNOWN)
    values.pop('id', None)
    return service_view(call, catalog.update_service(call.service, call.params['service_id'], values))


def delete_service(call: Call) -> None:
    """Remove a service with its endpoints."""
    catalog.delete_service(call.service, call.params['service_id'])


SERVICES = Resource(
    'services',
    'service',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('type', Str(255, 1), REQUIRED),
        Field('name', Str(255) | None),
        Field('description', Str(65535) | None),
        Field('enabled', Bool(strict=True)),
    ],
    filters=[*text_filters('name', 'type'), Filter('enabled', Bool)],
    routes=[
        GET('/v3/services', list_services, policy=SEE),
        POST('/v3/services', create_service, policy=CREATE, ok=201),
        GET('/v3/services/{service_id}', show_service, policy=SEE),
        PATCH('/v3/services/{service_id}', update_service, policy=UPDATE),
        DELETE('/v3/services/{service_id}', delete_service, policy=DELETE_),
    ],
)
