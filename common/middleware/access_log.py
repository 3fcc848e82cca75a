"""One line per request: who, what, how it ended, how long it took."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.middleware.live import objects_of

LOG = logging.getLogger('pileus.access')
_LONGEST_PATH = 500
# Version 2.0 of the identity API has tokens in its addresses.
_TOKEN_IN_PATH = re.compile(r'(?<=/tokens/)[^/?]{33,}')
# What clients put there by mistake, or sign links with.
_SECRET_IN_QUERY = re.compile(r'([?&][^=&?]*(?:token|secret|password|passcode|signature|verifier)=)[^&]+', re.IGNORECASE)


class AccessLog:
    """WSGI middleware. The line is written when the answer begins; a long download is not waited for."""

    def __init__(self, app: Any, service: str, quiet: Iterable[str] = ('/healthcheck', '/metrics')) -> None:
        self._app = app
        self._service = service
        self._quiet = frozenset(quiet)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get('PATH_INFO') in self._quiet or not LOG.isEnabledFor(logging.INFO):
            return self._app(environ, start_response)
        began = clock.monotonic()
        seen: list[str] = []

        def remember(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seen.append(status)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            return self._app(environ, remember)
        finally:
            self._write(environ, seen[-1][:3] if seen else '-', clock.monotonic() - began)

    def _write(self, environ: dict[str, Any], status: str, seconds: float) -> None:
        ctx = environ.get('pileus.context')
        query = environ.get('QUERY_STRING')
        path = environ.get('PATH_INFO', '') + ('?' + query if query else '')
        LOG.info(
            '%s %s %s %s %.1fms request=%s global=%s user=%s project=%s from=%s',
            self._service,
            environ.get('REQUEST_METHOD'),
            printable(path),
            status,
            seconds * 1000,
            environ.get('pileus.request_id', '-'),
            environ.get('pileus.global_request_id', '-'),
            (ctx and ctx.user_id) or '-',
            (ctx and ctx.project_id) or '-',
            environ.get('REMOTE_ADDR', '-'),
            extra={'service': self._service},
        )


def printable(text: str) -> str:
    """A path that can neither forge a line of its own in the log nor bring a token into it."""
    short = (_TOKEN_IN_PATH.sub('...', text) if '/tokens/' in text else text)[:_LONGEST_PATH]
    if '=' in short:
        short = _SECRET_IN_QUERY.sub(r'\1...', short)
    return short if short.isprintable() else repr(short)


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], AccessLog]:
    """For PasteDeploy; `quiet`: paths that are not logged, separated by spaces."""
    objects = objects_of(global_conf)
    quiet = local.get('quiet', '/healthcheck /metrics').split()
    return lambda app: AccessLog(app, objects.service, quiet)
