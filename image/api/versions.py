"""Version documents. Minor versions only add; all of them share their calls."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Reply, Resource

NEWEST = 'v2.17'
_SUPPORTED = tuple(f'v2.{minor}' for minor in range(16, -1, -1))
_OLD = ('v1.1', 'v1.0')


def _versions(call: Call) -> list[dict[str, Any]]:
    links = [{'rel': 'self', 'href': call.url('/v2/')}]
    found = [{'id': name, 'status': 'CURRENT' if name == NEWEST else 'SUPPORTED', 'links': links} for name in (NEWEST, *_SUPPORTED)]
    if call.service.options.enable_v1_api:
        links = [{'rel': 'self', 'href': call.url('/v1/')}]
        found += [{'id': name, 'status': 'DEPRECATED', 'links': links} for name in _OLD]
    return found


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
