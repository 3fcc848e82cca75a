"""Counts and times requests by route, and shows them at `GET /metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.metrics import Metrics
from common.middleware.live import objects_of

PATH = '/metrics'


class RequestMetrics:
    """WSGI middleware. The label is the route's template, never the path: the number of series stays bounded."""

    def __init__(self, app: Any, service: str, metrics: Metrics, path: str = PATH) -> None:
        self._app = app
        self._service = service
        self._metrics = metrics
        self._path = path

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get('PATH_INFO') == self._path and environ['REQUEST_METHOD'] in ('GET', 'HEAD'):
            return self._show(environ, start_response)
        began = clock.monotonic()
        seen: list[str] = []

        def remember(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seen.append(status[:3])
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            return self._app(environ, remember)
        finally:
            route = environ.get('pileus.route')
            method, path = (route.method, route.path) if route is not None else ('-', '-')
            self._metrics.request(self._service, method, path, seen[-1] if seen else '500', clock.monotonic() - began)

    def _show(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body, kind = self._metrics.exposition()
        start_response('200 OK', [('Content-Type', kind), ('Content-Length', str(len(body)))])
        return () if environ['REQUEST_METHOD'] == 'HEAD' else (body,)


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], RequestMetrics]:
    """For PasteDeploy; `path`: where the figures are shown."""
    objects = objects_of(global_conf)
    return lambda app: RequestMetrics(app, objects.service, objects.metrics, local.get('path', PATH))
