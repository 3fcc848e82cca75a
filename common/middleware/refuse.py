"""Answering instead of the application, in its own format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from common.api.faults import formatter
from common.api.statuses import status_line
from common.errors import PileusError
from common.ids import new_request_id


def refuse(environ: dict[str, Any], start_response: Callable[..., Any], service: str, error: PileusError) -> Iterable[bytes]:
    """Send an error as the service's clients expect it."""
    request_id = environ.get('pileus.request_id') or new_request_id()
    status, headers, body = formatter(service)(error, request_id, environ.get('HTTP_ACCEPT', ''))
    start_response(status_line(status), headers)
    return () if environ.get('REQUEST_METHOD') == 'HEAD' else (body,)
