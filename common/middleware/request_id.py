"""Gives each request its id, takes over the id of the chain it belongs to, and answers with it.

Also the outermost net: whatever fails below leaves as a clean 500.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common.api.dialects import dialect_of
from common.errors import PileusError
from common.ids import new_request_id
from common.middleware.live import objects_of
from common.middleware.refuse import refuse

LOG = logging.getLogger(__name__)
_FORM = re.compile(r'req-[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z')
HEADER = 'x-openstack-request-id'


class RequestId:
    """WSGI middleware. Leaves `pileus.request_id` and `pileus.global_request_id` in the environ."""

    def __init__(self, app: Any, service: str) -> None:
        self._app = app
        self._service = service
        own = dialect_of(service).request_id_header
        self._headers = (HEADER, own) if own else (HEADER,)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request_id = environ['pileus.request_id'] = new_request_id()
        given = environ.get('HTTP_X_OPENSTACK_REQUEST_ID')
        environ['pileus.global_request_id'] = given if given and _FORM.match(given) else request_id

        def with_id(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            for name in self._headers:
                headers.append((name, request_id))
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            return self._app(environ, with_id)
        except Exception:
            LOG.exception('request %s failed outside of the application', request_id)
            return refuse(environ, with_id, self._service, PileusError())


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], RequestId]:
    """For PasteDeploy; no options."""
    objects = objects_of(global_conf)
    return lambda app: RequestId(app, objects.service)
