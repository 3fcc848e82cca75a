"""Which routes of the identity service the client libraries ask in tests, and which they know nothing of."""

from __future__ import annotations

import contextlib
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
import requests

Route = tuple[str, str]
"""A method, and a path with its parameters in braces."""


@contextlib.contextmanager
def recorded() -> Iterator[set[Route]]:
    """(method, path) of every request within the block that did not fail; of libraries and plain ones alike, all of them use `requests`."""
    found: set[Route] = set()
    send = requests.Session.send

    def recording(self: Any, request: Any, **rest: Any) -> Any:
        answer = send(self, request, **rest)
        if answer.status_code < 400:
            found.add((request.method, urllib.parse.unquote(urllib.parse.urlsplit(request.url).path)))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, 'send', recording)
        yield found


def routes_of(cloud: Any, version: str) -> set[Route]:
    """Every route of version `v2.0` or `v3` (those of neither are counted with v3); not the hidden second spellings."""
    bound = [one.route for one in cloud.runtime.parts['identity'].apis[0].application().router.bound]
    found = {(route.method, route.path) for route in bound if not route.hidden}
    return {(method, path) for method, path in found if path.startswith('/v2.0') == (version == 'v2.0')}


def not_asked(wanted: set[Route], asked: set[Route]) -> set[Route]:
    """Those routes that no request was for."""
    literal = {path for _, path in wanted if '{' not in path}
    left = set()
    for method, path in wanted:
        form = re.compile(re.sub(r'\{[^}]*\}', '[^/]+', path.rstrip('/')) + '/?')
        if not any(m == method and form.fullmatch(p) and (p == path or p not in literal) for m, p in asked):
            left.add((method, path))
    return left


def _grants() -> list[str]:
    places = ['projects/{project_id}', 'domains/{domain_id}', 'system']
    actors = ['users/{user_id}', 'groups/{group_id}']
    plain = [f'GET /v3/{place}/{actor}/roles/{{role_id}}' for place in places for actor in actors]
    below = [f'GET /v3/OS-INHERIT/{place}/{actor}/roles/{{role_id}}/inherited_to_projects' for place in places[:2] for actor in actors]
    return [*plain, *below]


_POLICY, _CONFIG = '/v3/policies/{policy_id}/OS-ENDPOINT-POLICY', '/v3/domains/{domain_id}/config'
_ACCESS = '/v3/users/{user_id}/OS-OAUTH1/access_tokens'
_ONE_GROUP, _ONE_OPTION = f'{_CONFIG}/{{group}}', f'{_CONFIG}/{{group}}/{{option}}'
_REASONS = {
    'both libraries check with HEAD': [
        *_grants(),
        'GET /v3/groups/{group_id}/users/{user_id}',
        'GET /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}',
        f'GET {_POLICY}/endpoints/{{endpoint_id}}',
        f'GET {_POLICY}/services/{{service_id}}',
        f'GET {_POLICY}/services/{{service_id}}/regions/{{region_id}}',
    ],
    'both libraries check with GET': ['HEAD /v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy', f'HEAD {_CONFIG}'],
    'both libraries know only the whole configuration of a domain, and no defaults': [
        *(f'{method} {path}' for method in ('GET', 'HEAD', 'PATCH', 'DELETE') for path in (_ONE_GROUP, _ONE_OPTION)),
        *(f'GET /v3/domains/config{part}/default' for part in ('', '/{group}', '/{group}/{option}')),
    ],
    'the libraries show the roles of a trust as a part of it': [
        'GET /v3/OS-TRUST/trusts/{trust_id}/roles',
        *(f'{method} /v3/OS-TRUST/trusts/{{trust_id}}/roles/{{role_id}}' for method in ('GET', 'HEAD')),
    ],
    'neither library lists what programs may do in the name of a user': [
        f'GET {_ACCESS}',
        *(f'{method} {_ACCESS}/{{access_token_id}}' for method in ('GET', 'DELETE')),
        f'GET {_ACCESS}/{{access_token_id}}/roles',
        f'GET {_ACCESS}/{{access_token_id}}/roles/{{role_id}}',
    ],
    'the libraries read the catalog in their token': ['GET /v3/auth/catalog'],
    'the libraries make regions with POST, with an id as well': ['PUT /v3/regions/{region_id}'],
    'tools of operators ask, not libraries': ['GET /v3/OS-REVOKE/events', 'GET /v3/limits/model', 'POST /v3/s3tokens'],
    'only our own services ask': [
        *(
            f'GET /v3/pileus/{name}'
            for name in ('token-keys', 'token-claims', 'revocations', 'access-rules/{digest}', 'role-sets/{digest}')
        ),
    ],
}
WITHOUT_A_LIBRARY: dict[Route, str] = {
    (method, path): reason for reason, routes in _REASONS.items() for method, path in (route.split(' ') for route in routes)
}
"""The routes of v3 for which neither openstacksdk nor python-keystoneclient has a call, and why; plain requests ask them."""
