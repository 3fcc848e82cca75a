"""nova's errors: `{"itemNotFound": {"code": 404, "message": "..."}}`, the name chosen by the status."""

from __future__ import annotations

from common.api.faults import Formatted, finished, message_of
from common.errors import PileusError

NAMES = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    405: 'badMethod',
    409: 'conflictingRequest',
    413: 'overLimit',
    415: 'badMediaType',
    429: 'overLimit',
    501: 'notImplemented',
    503: 'serviceUnavailable',
}


def format(error: PileusError, request_id: str, accept: str = '') -> Formatted:
    """The error in nova's form."""
    return named(error.status, error, message_of(error, request_id))


def named(status: int, error: PileusError, message: str) -> Formatted:
    """The body under the name of the status; cinder's is alike."""
    inner: dict[str, object] = {'code': status, 'message': message}
    more: list[tuple[str, str]] = []
    if status in (413, 429):
        wait = inner['retryAfter'] = error.headers.get('Retry-After', '0')
        more = [] if 'Retry-After' in error.headers else [('Retry-After', wait)]
    return finished(status, error, {NAMES.get(status, 'computeFault'): inner}, more)
