"""Version documents: what a client reads before anything else."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import GET, Resource
from identity.api.v2.extensions import version_view


def _version(call: Call) -> dict[str, Any]:
    return {
        'id': 'v3.14',
        'status': 'stable',
        'updated': '2020-04-07T00:00:00Z',
        'links': [{'rel': 'self', 'href': call.url('/v3/')}],
        'media-types': [{'base': 'application/json', 'type': 'application/vnd.openstack.identity-v3+json'}],
    }


def list_versions(call: Call) -> Reply:
    """All versions, as a choice."""
    return Reply({'versions': {'values': [_version(call), version_view(call)]}}, 300, wrap=False)


def show_version(call: Call) -> Reply:
    """Version 3."""
    return Reply({'version': _version(call)}, wrap=False)


VERSIONS = Resource(
    'versions',
    routes=[
        GET('/', list_versions, open=True, listing=False, ok=300, summary='List the versions of the API'),
        GET('/v3', show_version, open=True, listing=False, summary='Show version 3'),
    ],
)
