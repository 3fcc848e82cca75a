"""keystone's errors: `{"error": {"code": 404, "message": "...", "title": "Not Found"}}`."""

from __future__ import annotations

from common.api.faults import Formatted, finished, message_of
from common.api.statuses import phrase
from common.errors import PileusError


def format(error: PileusError, request_id: str, accept: str = '') -> Formatted:
    """The error in keystone's form."""
    return finished(
        error.status, error, {'error': {'code': error.status, 'message': message_of(error, request_id), 'title': phrase(error.status)}}
    )
