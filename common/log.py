"""Logs: one line an event, as text or JSON, with the ids that tie it to a request. Secrets are struck out.

`bound(ctx, operation=..., resource=...)` says on whose behalf a thread works; every line that it logs carries the ids.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import logging.handlers
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

_CURRENT: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar('pileus_log', default=None)
_SECONDS = '%Y-%m-%d %H:%M:%S'
_FIELDS = ('request_id', 'global_request_id', 'user_id', 'project_id')
_NOT_SHOWN = ('global_request_id', 'service')  # in lines of text, which are long enough
SERVICES = ('identity', 'scheduler', 'image', 'volume', 'network', 'compute', 'metadata')
# A value behind a word that names a secret, in JSON, key=value pairs, headers and URLs.
_SECRETS = (
    re.compile(
        r"""((?:password|passwd|secret|auth_password|x-auth-token|x-subject-token|token|private_key|passcode|receipt)["']?\s*[:=]\s*["']?)([^"'\s,&}]+)""",
        re.IGNORECASE,
    ),
    re.compile(r'(://[^:/@\s]+:)([^@/\s]+)(?=@)'),
    re.compile(r'\b(pl1\.[A-Za-z0-9_-]{4})[A-Za-z0-9_.-]{20,}()'),
)


_HINTS = ('passw', 'secret', 'token', 'private_key', '://', 'pl1.', 'passcode', 'receipt')  # without one of these no pattern can match


def redact(text: str) -> str:
    """The text with what looks like a secret struck out."""
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return text
    for pattern in _SECRETS:
        text = pattern.sub(r'\1***', text)
    return text


@contextlib.contextmanager
def bound(ctx: Any = None, **more: str | None) -> Iterator[None]:
    """Within this block, log lines carry the ids of `ctx` and these."""
    values = dict(_CURRENT.get() or {})
    if ctx is not None:
        values.update({name: value for name in _FIELDS if (value := getattr(ctx, name, None))})
    values.update({name: value for name, value in more.items() if value})
    token = _CURRENT.set(values)
    try:
        yield
    finally:
        _CURRENT.reset(token)


class _Text(logging.Formatter):
    _last = (0, '')

    def format(self, record: logging.LogRecord) -> str:
        ids = ' '.join([f'{name}={value}' for name, value in (_CURRENT.get() or {}).items() if name not in _NOT_SHOWN])
        second, stamp = self._last
        if int(record.created) != second:
            stamp = self.formatTime(record, _SECONDS)
            self._last = (int(record.created), stamp)
        head = f'{stamp}.{int(record.msecs):03d} {record.process} {record.levelname} {record.name}'
        text = f'{head} [{ids or "-"}] {record.getMessage()}'
        if record.exc_info:
            text += '\n' + self.formatException(record.exc_info)
        return redact(text)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            'at': f'{self.formatTime(record, "%Y-%m-%dT%H:%M:%S")}.{int(record.msecs):03d}',
            'level': record.levelname,
            'logger': record.name,
            'pid': record.process,
            'message': redact(record.getMessage()),
            **(_CURRENT.get() or {}),
        }
        if record.exc_info:
            entry['traceback'] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


class _Folder(logging.Handler):
    """A file for each service, for processes that hold several: a line goes to the service that logs it, or on whose
    behalf it is logged (`service` in the record or in `bound`), else to `pileus.log`."""

    def __init__(self, folder: pathlib.Path, formatter: logging.Formatter) -> None:
        super().__init__()
        self._folder, self._formatter = folder, formatter
        self._files: dict[str, logging.Handler] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        name = getattr(record, 'service', None) or (_CURRENT.get() or {}).get('service') or record.name.partition('.')[0]
        name = name if name in SERVICES else 'pileus'
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = _file_handler(self._folder / f'{name}.log', self._formatter)
        file.emit(record)

    def close(self) -> None:
        """See logging.Handler."""
        for file in self._files.values():
            file.close()
        super().close()


def _file_handler(file: pathlib.Path, formatter: logging.Formatter) -> logging.Handler:
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.WatchedFileHandler(file)
    handler.setFormatter(formatter)
    return handler


def setup(level: str = 'INFO', form: str = 'text', file: pathlib.Path | None = None) -> None:
    """Send logs to a file (which a rotation may move away) or to standard error. May be called again."""
    formatter = _Json() if form == 'json' else _Text()
    if file is None:
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter)
    else:
        handler = _file_handler(file, formatter)
    _install(handler, level)


def setup_folder(level: str, form: str, folder: pathlib.Path) -> None:
    """Send logs to a file for each service in a folder. May be called again."""
    folder.mkdir(parents=True, exist_ok=True)
    _install(_Folder(folder, _Json() if form == 'json' else _Text()), level)


def _install(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    least = logging.getLevelName(level)
    _set_level(root, least)
    for noisy in ('amqp', 'kombu', 'urllib3', 'keystoneauth', 'stevedore', 'routes', 'sqlalchemy.engine', 'oslo_policy', 'alembic'):
        _set_level(logging.getLogger(noisy), max(logging.WARNING, least))
    # Our lines tell neither the place in the source nor the thread, and to find them out for each takes a third of its cost.
    logging._srcfile = None
    logging.logThreads = logging.logMultiprocessing = False
    logging.captureWarnings(True)


def _set_level(logger: logging.Logger, level: int) -> None:
    """Set it where it is another. Each time all loggers forget what they know, and a child process would copy the memory of them all."""
    if logger.level != level:
        logger.setLevel(level)
