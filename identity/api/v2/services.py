"""Services and endpoints of version 2.0. An endpoint there has a URL for each interface; version 3 has one endpoint for each."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, Resource
from common.api.types import Bool, Obj, Str
from common.errors import InvalidInput, NotFound
from identity import catalog
from identity.api.v2.catalog import first_id, grouped
from identity.api.v2.shared import ADMINISTER
from identity.api.views import with_extra
from identity.db.models import Endpoint, Service

_KEY = 'OS-KSADM:service'
_INTERFACES = ('public', 'internal', 'admin')


def _service_view(service: Service) -> dict[str, Any]:
    shown = {
        'id': service.id,
        'type': service.type,
        'name': service.name or '',
        'description': service.description,
        'enabled': service.enabled,
    }
    return {**service.extra, **shown}


def list_services(call: Call) -> Reply:
    """All services."""
    return Reply({f'{_KEY}s': [_service_view(service) for service in catalog.list_services(call.service, {})]}, wrap=False)


def create_service(call: Call) -> Reply:
    """Make a service."""
    values = with_extra(call.body[_KEY], ('type', 'name', 'description', 'enabled'))
    return Reply({_KEY: _service_view(catalog.create_service(call.service, values))}, wrap=False)


def show_service(call: Call) -> Reply:
    """One service."""
    return Reply({_KEY: _service_view(catalog.get_service(call.service, call.params['service_id']))}, wrap=False)


def delete_service(call: Call) -> None:
    """Remove a service and its endpoints."""
    catalog.delete_service(call.service, call.params['service_id'])


def _endpoint_view(service_id: str, region: str | None, interfaces: dict[str, Endpoint]) -> dict[str, Any]:
    urls = {f'{name}url': interfaces[name].url if name in interfaces else None for name in _INTERFACES}
    enabled = any(endpoint.enabled for endpoint in interfaces.values())
    return {'id': first_id(interfaces, lambda one: one.id), 'service_id': service_id, 'region': region, 'enabled': enabled, **urls}


def _all_endpoints(call: Call) -> list[tuple[str, str | None, dict[str, Endpoint]]]:
    by_service: dict[str, list[Endpoint]] = {}
    for endpoint in catalog.list_endpoints(call.service, {}):
        by_service.setdefault(endpoint.service_id, []).append(endpoint)
    return [
        (service_id, region, interfaces)
        for service_id, endpoints in by_service.items()
        for region, interfaces in grouped((one.region_id, one.interface, one) for one in endpoints)
    ]


def list_endpoints(call: Call) -> Reply:
    """All endpoints."""
    return Reply({'endpoints': [_endpoint_view(*found) for found in _all_endpoints(call)]}, wrap=False)


def create_endpoint(call: Call) -> Reply:
    """Make an endpoint: one of version 3 for each URL."""
    given = call.body['endpoint']
    urls = {name: given[f'{name}url'] for name in _INTERFACES if given.get(f'{name}url')}
    if 'public' not in urls:
        raise InvalidInput('An endpoint has a publicurl.', field='publicurl')
    for url in urls.values():
        catalog.url_parameters(url)
    common = {'service_id': given['service_id'], 'region_id': given.get('region') or None, 'enabled': given.get('enabled') is not False}
    made = {name: catalog.create_endpoint(call.service, {**common, 'interface': name, 'url': url}) for name, url in urls.items()}
    return Reply({'endpoint': _endpoint_view(given['service_id'], common['region_id'], made)}, wrap=False)


def delete_endpoint(call: Call) -> None:
    """Remove an endpoint with all its interfaces. Raises NotFound."""
    endpoint_id = call.params['endpoint_id']
    for _, _, interfaces in _all_endpoints(call):
        if first_id(interfaces, lambda one: one.id) == endpoint_id:
            for endpoint in interfaces.values():
                catalog.delete_endpoint(call.service, endpoint.id)
            return
    raise NotFound('endpoint', endpoint_id)


_URL = Str(8192) | None
_SERVICE = Obj({'type': Str(255, 1), 'name': Str(255) | None, 'description': Str(65535) | None}, required=['type'], extra='allow')
_ENDPOINT = Obj(
    {'service_id': Str(64), 'region': Str(255) | None, 'publicurl': _URL, 'internalurl': _URL, 'adminurl': _URL, 'enabled': Bool | None},
    required=['service_id'],
    extra='allow',
)
SERVICES_V2 = Resource(
    'services',
    routes=[
        GET('/v2.0/OS-KSADM/services', list_services, policy=ADMINISTER, wrap=False, listing=False),
        POST('/v2.0/OS-KSADM/services', create_service, policy=ADMINISTER, wrap=False, body=Obj({_KEY: _SERVICE}, required=[_KEY])),
        GET('/v2.0/OS-KSADM/services/{service_id}', show_service, policy=ADMINISTER, wrap=False),
        DELETE('/v2.0/OS-KSADM/services/{service_id}', delete_service, policy=ADMINISTER),
        GET('/v2.0/endpoints', list_endpoints, policy=ADMINISTER, wrap=False, listing=False),
        POST('/v2.0/endpoints', create_endpoint, policy=ADMINISTER, wrap=False, body=Obj({'endpoint': _ENDPOINT}, required=['endpoint'])),
        DELETE('/v2.0/endpoints/{endpoint_id}', delete_endpoint, policy=ADMINISTER),
    ],
)
