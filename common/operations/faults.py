"""Faults: why an operation failed, said for the user in at most 255 characters, with figures and details apart."""

from __future__ import annotations

import re
import traceback
from typing import Any

from common import clock
from common.errors import DeadlineExceeded, PileusError, TooManyRequests, Transient, Unavailable
from common.operations.record import Record

LIMIT = 255
"""Old clients cut a fault's message here."""
PASSING: tuple[type[BaseException], ...] = (Transient, Unavailable, TooManyRequests, DeadlineExceeded, ConnectionError, TimeoutError)
"""Errors after which a step is tried again."""
_TRIED = re.compile(r'; tried before: ([^;)]*)\)$')
UNEXPECTED = 'The operation met an unexpected condition. Try again, and give the request id to the operator.'


def shorten(text: str, limit: int = LIMIT) -> str:
    """The text, cut at a word within the limit."""
    text = ' '.join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 3]
    return (cut.rsplit(' ', 1)[0] if ' ' in cut[limit // 2 :] else cut) + '...'


def for_users(fault: dict[str, Any]) -> str:
    """The message of a fault (as `make_fault` gives it) without the names of hosts: how many it was tried on, and not which."""
    text = str(fault.get('message') or 'The operation failed.')
    tried = [str(one['host']) for one in fault.get('tried') or () if one.get('host')]
    text = _TRIED.sub(lambda names: f'; tried before on {names[1].count(",") + 1} other hosts)', text)
    for host in sorted({*tried, str(fault.get('host') or '')} - {''}, key=len, reverse=True):
        name = rf'{re.escape(host)}(?![\w.-])'
        text = re.sub(rf'(?<![\w.-]){name}', 'the host', re.sub(rf'Host {name}', 'The host', re.sub(rf' on {name}', '', text)))
    return text[:LIMIT]


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
