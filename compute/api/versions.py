"""Version documents, and the microversions that are really there."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Reply, Resource, VersionSpec

SPEC = VersionSpec('compute', '2.1', '2.79', legacy_header='X-OpenStack-Nova-API-Version')


def minor(call: Call) -> int:
    """The number behind the dot of the version that the request asks for."""
    return call.version.minor if call.version is not None else 1


def _version(call: Call) -> dict[str, Any]:
    return {
        'id': 'v2.1',
        'status': 'CURRENT',
        'version': str(SPEC.highest),
        'min_version': str(SPEC.lowest),
        'updated': '2013-07-23T11:33:21Z',
        'links': [{'rel': 'self', 'href': call.url('/v2.1/')}],
    }


def list_versions(call: Call) -> Reply:
    """All versions."""
    return Reply({'versions': [_version(call)]}, wrap=False)


def show_version(call: Call) -> Reply:
    """Version 2.1."""
    body = _version(call)
    body['media-types'] = [{'base': 'application/json', 'type': 'application/vnd.openstack.compute+json;version=2.1'}]
    body['links'].append({'rel': 'describedby', 'type': 'text/html', 'href': 'https://docs.openstack.org/'})
    return Reply({'version': body}, wrap=False)


VERSIONS = Resource(
    'versions',
    routes=[
        GET('/', list_versions, open=True, listing=False, summary='List the versions'),
        GET('/v2.1', show_version, open=True, listing=False, summary='Show version 2.1'),
    ],
)
