"""Status lines of HTTP."""

from __future__ import annotations

import http

_LINES = {status.value: f'{status.value} {status.phrase}' for status in http.HTTPStatus}


def status_line(status: int) -> str:
    """`404 Not Found` from 404."""
    return _LINES.get(status) or f'{status} Unknown'


def phrase(status: int) -> str:
    """`Not Found` from 404."""
    return status_line(status).partition(' ')[2]
