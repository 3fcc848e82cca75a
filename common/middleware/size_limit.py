"""Refuses bodies that are larger than any request has a reason to be, before anything reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common.api.body import too_large
from common.errors import InvalidInput
from common.middleware.live import number, objects_of
from common.middleware.refuse import refuse

MAX_BYTES = 1024 * 1024
EXEMPT = ('application/octet-stream',)


class SizeLimit:
    """WSGI middleware. Content types that routes read as a stream are exempt: those routes have limits of their own."""

    def __init__(self, app: Any, service: str, max_bytes: int = MAX_BYTES, exempt: Iterable[str] = EXEMPT) -> None:
        self._app = app
        self._service = service
        self._max_bytes = max_bytes
        self._exempt = frozenset(exempt)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        announced = environ.get('CONTENT_LENGTH')
        if announced and environ.get('CONTENT_TYPE') not in self._exempt:
            if not (announced.isascii() and announced.isdigit()):
                error = InvalidInput('Content-Length must be a whole number.', field='Content-Length')
                return refuse(environ, start_response, self._service, error)
            if len(announced) > 18 or int(announced) > self._max_bytes:
                return refuse(environ, start_response, self._service, too_large(self._max_bytes))
        return self._app(environ, start_response)


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], SizeLimit]:
    """For PasteDeploy; `max_bytes`, `exempt` (content types, separated by spaces)."""
    objects = objects_of(global_conf)
    most = int(number(local.get('max_bytes', str(MAX_BYTES)), 'max_bytes', 1))
    exempt = local.get('exempt', ' '.join(EXEMPT)).split()
    return lambda app: SizeLimit(app, objects.service, most, exempt)
