"""Version documents. Announced is what is there: 2.0 to 2.3 share the calls that exist so far."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Reply, Resource

NEWEST = 'v2.9'
_SUPPORTED = ('v2.8', 'v2.7', 'v2.6', 'v2.5', 'v2.4', 'v2.3', 'v2.2', 'v2.1', 'v2.0')


def _versions(call: Call) -> list[dict[str, Any]]:
    links = [{'rel': 'self', 'href': call.url('/v2/')}]
    return [{'id': name, 'status': 'CURRENT' if name == NEWEST else 'SUPPORTED', 'links': links} for name in (NEWEST, *_SUPPORTED)]


def choose_version(call: Call) -> Reply:
    """The versions, as a choice."""
    return Reply({'versions': _versions(call)}, 300, wrap=False)


def list_versions(call: Call) -> Reply:
    """The versions."""
    return Reply({'versions': _versions(call)}, wrap=False)


VERSIONS = Resource(
    'versions',
    routes=[
        GET('/', choose_version, open=True, listing=False, ok=300, summary='Choose a version'),
        GET('/versions', list_versions, open=True, listing=False, summary='List the versions'),
    ],
)
