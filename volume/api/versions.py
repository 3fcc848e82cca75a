"""Version documents."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Reply, Resource, VersionSpec

SPEC = VersionSpec('volume', '3.0', '3.44', default='3.0')


def _version(call: Call) -> dict[str, Any]:
    return {
        'id': 'v3.0',
        'status': 'CURRENT',
        'version': str(SPEC.highest),
        'min_version': str(SPEC.lowest),
        'updated': '2018-07-17T00:00:00Z',
        'links': [{'rel': 'self', 'href': call.url('/v3/')}],
        'media-types': [{'base': 'application/json', 'type': 'application/vnd.openstack.volume+json;version=3'}],
    }


def choose_version(call: Call) -> Reply:
    """The versions, as a choice."""
    return Reply({'versions': [_version(call)]}, 300, wrap=False)


def show_version(call: Call) -> Reply:
    """Version 3."""
    return Reply({'versions': [_version(call)]}, wrap=False)


VERSIONS = Resource(
    'versions',
    routes=[
        GET('/', choose_version, open=True, listing=False, ok=300, summary='Choose a version'),
        GET('/v3', show_version, open=True, listing=False, summary='Show version 3'),
    ],
)
