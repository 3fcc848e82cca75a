"""cinder's errors: nova's form, but a quota that is used up is 413."""

from __future__ import annotations

from common.api.faults import Formatted, message_of
from common.api.faults.compute import named
from common.errors import OverQuota, PileusError


def format(error: PileusError, request_id: str, accept: str = '') -> Formatted:
    """The error in cinder's form."""
    status = 413 if isinstance(error, OverQuota) else error.status
    return named(status, error, message_of(error, request_id))
