"""`GET /healthcheck`: whether this process can serve. `?detail` lists each check."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.middleware.live import objects_of

LOG = logging.getLogger(__name__)
PATH = '/healthcheck'
Check = Callable[[], str | None]


class Health:
    """WSGI middleware that answers the path by itself. 200 if every check passes, else 503."""

    def __init__(self, app: Any, checks: Mapping[str, Check] | Callable[[], Mapping[str, Check]], path: str = PATH) -> None:
        self._app = app
        self._checks = checks
        self._path = path

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get('PATH_INFO') != self._path:
            return self._app(environ, start_response)
        if environ['REQUEST_METHOD'] not in ('GET', 'HEAD'):
            start_response('405 Method Not Allowed', [('Allow', 'GET, HEAD'), ('Content-Length', '0')])
            return ()
        found = self._run()
        healthy = all(check['healthy'] for check in found.values())
        if 'detail' in environ.get('QUERY_STRING', '') or 'application/json' in environ.get('HTTP_ACCEPT', ''):
            body, kind = json.dumps({'healthy': healthy, 'checks': found}).encode(), 'application/json'
        else:
            bad = ', '.join(name for name, check in found.items() if not check['healthy'])
            body, kind = b'OK' if healthy else f'Not well: {bad}'.encode(), 'text/plain; charset=UTF-8'
        headers = [('Content-Type', kind), ('Content-Length', str(len(body))), ('Cache-Control', 'no-store')]
        start_response('200 OK' if healthy else '503 Service Unavailable', headers)
        return () if environ['REQUEST_METHOD'] == 'HEAD' else (body,)

    def _run(self) -> dict[str, dict[str, Any]]:
        """Each check's outcome. The problem itself goes to the log, since anybody may ask for the state."""
        found = {}
        for name, check in (self._checks() if callable(self._checks) else self._checks).items():
            began = clock.monotonic()
            try:
                problem = check()
            except Exception:
                LOG.exception('health check %s failed', name)
                problem = 'failed'
            if problem:
                LOG.warning('health check %s: %s', name, problem)
            found[name] = {'healthy': not problem, 'milliseconds': round((clock.monotonic() - began) * 1000, 1)}
        return found


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], Health]:
    """For PasteDeploy; `path`: where it answers."""
    objects = objects_of(global_conf)
    return lambda app: Health(app, lambda: objects.checks, local.get('path', PATH))
