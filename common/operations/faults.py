"""Faults: why an operation failed, said for the user in at most 255 characters, with figures and details apart."""

from __future__ import annotations

import traceback
from typing import Any

from common import clock
from common.errors import DeadlineExceeded, PileusError, TooManyRequests, Transient, Unavailable
from common.operations.record import Record

LIMIT = 255
"""Old clients cut a fault's message here."""
PASSING: tuple[type[BaseException], ...] = (Transient, Unavailable, TooManyRequests, DeadlineExceeded, ConnectionError, TimeoutError)
"""Errors after which a step is tried again."""
UNEXPECTED = 'The operation met an unexpected condition. Try again, and give the request id to the operator.'


def shorten(text: str, limit: int = LIMIT) -> str:
    """The text, cut at a word within the limit."""
    text = ' '.join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 3]
    return (cut.rsplit(' ', 1)[0] if ' ' in cut[limit // 2 :] else cut) + '...'


def user_message(error: BaseException) -> str:
    """What a user may read of an error: its message if it is one of ours, a general sentence otherwise."""
    return error.message if isinstance(error, PileusError) and type(error) is not PileusError else UNEXPECTED


def admin_detail(error: BaseException) -> str:
    """What only an administrator may read: class, text, and for unexpected errors the last frames."""
    if isinstance(error, PileusError):
        return error.admin_detail or f'{type(error).__name__}: {error.message}'
    frames = traceback.format_exception(error, limit=-4)
    return ''.join(frames)[-4000:]


def tried(record: Record, step: str, error: BaseException) -> dict[str, Any]:
    """One attempt, for the list of what was tried."""
    return {'host': record.host, 'step': step, 'message': shorten(user_message(error))}


def make_fault(record: Record, step: str, error: BaseException) -> dict[str, Any]:
    """The fault of an operation that fails at `step` with `error`: code, message (<= 255), step, host, tried, details, admin_detail."""
    attempts = [*record.memory.get('tried', ()), tried(record, step, error)]
    details = dict(error.details) if isinstance(error, PileusError) else {}
    return {
        'code': error.code if isinstance(error, PileusError) else 'internal',
        'status': error.status if isinstance(error, PileusError) else 500,
        'message': _sentence(user_message(error), step, record.host, attempts[:-1]),
        'step': step,
        'host': record.host,
        'tried': attempts,
        'details': details,
        'admin_detail': admin_detail(error),
        'operation': record.kind,
        'at': clock.iso(clock.now(), micro=True),
    }


def _sentence(message: str, step: str, host: str | None, before: list[dict[str, Any]]) -> str:
    message = shorten(message)
    where = f' (step {step}' + (f' on {host}' if host else '') + ')'
    others = [str(a['host']) for a in before if a.get('host') and a['host'] != host]
    if others:
        where = where[:-1] + f'; tried before: {", ".join(dict.fromkeys(others))})'
    if len(message) + len(where) <= LIMIT:
        return message + where
    short = f' (step {step})'
    return message + short if len(message) + len(short) <= LIMIT else message
