"""Version documents: how clients find out what a service speaks, in each service's own form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from common.api.call import Reply
from common.api.resource import GET, Resource

if TYPE_CHECKING:
    from common.api.call import Call

GLANCE_MINORS = (9, 7, 6, 5, 4, 3, 2, 1, 0)


def discovery_resource(service: str, resources: Iterable[Resource]) -> Resource | None:
    """The open version routes of a service, None for one that has none. Paths that `resources` serve already are left out."""
    taken = {route.path.rstrip('/') or '/' for resource in resources for route in resource.routes if route.method == 'GET'}
    found = [(path, handler, ok) for path, handler, ok in _ROUTES.get(service, ()) if path not in taken]
    if not found:
        return None
    routes = [GET(path, handler, open=True, wrap=False, listing=False, ok=ok, hidden=True) for path, handler, ok in found]
    return Resource('versions', noun='version', routes=routes)


def _self(call: Call, path: str) -> dict[str, str]:
    return {'rel': 'self', 'href': call.url(path)}


def _media(kind: str, version: str = '') -> list[dict[str, str]]:
    return [{'base': 'application/json', 'type': f'application/vnd.openstack.{kind}+json{version}'}]


def _range(call: Call) -> dict[str, str]:
    spec = call.app.versions
    return {'version': spec.maximum, 'min_version': spec.minimum} if spec else {'version': '', 'min_version': ''}


def _identity(call: Call) -> dict[str, Any]:
    return {
        'id': 'v3.14',
        'status': 'stable',
        'updated': '2020-04-07T00:00:00Z',
        'links': [_self(call, '/v3/')],
        'media-types': _media('identity-v3'),
    }


def _identity_all(call: Call) -> Any:
    return Reply({'versions': {'values': [_identity(call)]}}, headers={'Location': call.url('/v3/')})


def _identity_one(call: Call) -> Any:
    return {'version': _identity(call)}


def _compute(call: Call) -> dict[str, Any]:
    return {'id': 'v2.1', 'status': 'CURRENT', **_range(call), 'updated': '2013-07-23T11:33:21Z', 'links': [_self(call, '/v2.1/')]}


def _compute_all(call: Call) -> Any:
    return {'versions': [_compute(call)]}


def _compute_one(call: Call) -> Any:
    return {'version': {**_compute(call), 'media-types': _media('compute', ';version=2.1')}}


def _volume_all(call: Call) -> Any:
    described = {
        'id': 'v3.0',
        'status': 'CURRENT',
        **_range(call),
        'updated': '2023-08-31T00:00:00Z',
        'links': [_self(call, '/v3/')],
        'media-types': _media('volume', ';version=3'),
    }
    return {'versions': [described]}


def _network_all(call: Call) -> Any:
    return {'versions': [{'id': 'v2.0', 'status': 'CURRENT', 'links': [_self(call, '/v2.0/')]}]}


def _network_one(call: Call) -> Any:
    """neutron lists its collections here."""
    known = {resource.plural: resource for resource in call.app.resources if resource.singular}
    found = [
        {'name': resource.singular, 'collection': plural, 'links': [_self(call, f'/v2.0/{plural.replace("_", "-")}')]}
        for plural, resource in sorted(known.items())
        if any(route.path == f'/v2.0/{plural.replace("_", "-")}' for route in resource.routes)
    ]
    return {'resources': found}


def _image_all(call: Call) -> Any:
    newest = GLANCE_MINORS[0]
    return {
        'versions': [
            {'id': f'v2.{minor}', 'status': 'CURRENT' if minor == newest else 'SUPPORTED', 'links': [_self(call, '/v2/')]}
            for minor in GLANCE_MINORS
        ]
    }


_ROUTES: dict[str, tuple[tuple[str, Callable[[Call], Any], int], ...]] = {
    'identity': (('/', _identity_all, 300), ('/v3', _identity_one, 200)),
    'compute': (('/', _compute_all, 200), ('/v2.1', _compute_one, 200)),
    'volume': (('/', _volume_all, 300), ('/v3', _volume_all, 200)),
    'network': (('/', _network_all, 200), ('/v2.0', _network_one, 200)),
    'image': (('/', _image_all, 300), ('/versions', _image_all, 200)),
}
