"""Lets pages of other origins call the API, where the operator names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
REQUEST_HEADERS = (
    'Content-Type, X-Auth-Token, X-Service-Token, X-Subject-Token, X-Project-Id, X-OpenStack-Request-ID, OpenStack-API-Version, '
    'X-OpenStack-Nova-API-Version, Idempotency-Key, If-Match, If-None-Match, Range'
)
ANSWER_HEADERS = 'X-Subject-Token, X-OpenStack-Request-ID, OpenStack-API-Version, X-OpenStack-Nova-API-Version, Location, ETag, Retry-After'


class Cors:
    """WSGI middleware. `origins`: exact origins, or `*`; credentials are never allowed, tokens travel in a header."""

    def __init__(self, app: Any, origins: Iterable[str], max_age: int = 3600) -> None:
        self._app = app
        self._origins = frozenset(origin.rstrip('/') for origin in origins)
        self._max_age = str(max_age)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        origin = environ.get('HTTP_ORIGIN')
        if origin is None or not ('*' in self._origins or origin in self._origins):
            return self._app(environ, start_response)
        shown = '*' if '*' in self._origins else origin
        if environ['REQUEST_METHOD'] == 'OPTIONS' and 'HTTP_ACCESS_CONTROL_REQUEST_METHOD' in environ:
            headers = [
                ('Access-Control-Allow-Origin', shown),
                ('Access-Control-Allow-Methods', METHODS),
                ('Access-Control-Allow-Headers', REQUEST_HEADERS),
                ('Access-Control-Max-Age', self._max_age),
                ('Vary', 'Origin'),
                ('Content-Length', '0'),
            ]
            start_response('200 OK', headers)
            return ()

        def with_cors(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            headers += [('Access-Control-Allow-Origin', shown), ('Access-Control-Expose-Headers', ANSWER_HEADERS), ('Vary', 'Origin')]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return self._app(environ, with_cors)


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], Any]:
    """For PasteDeploy; `origins`: separated by spaces. None: the filter is not there at all."""
    origins = local.get('origins', '').split()
    return lambda app: Cors(app, origins, int(local.get('max_age', '3600'))) if origins else app
