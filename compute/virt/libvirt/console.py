"""The serial console's log, which virtlogd writes and turns over when it is long."""

from __future__ import annotations

import pathlib

_MOST = 100 * 1024
_OLD = 3  # files that virtlogd keeps: console.log.0 is the newest of them


def read(path: pathlib.Path, lines: int | None) -> str:
    """The last lines, or the last 100 KiB; empty when nothing was written yet."""
    data = b''
    for place in (path, *(path.with_name(f'{path.name}.{number}') for number in range(_OLD))):
        if len(data) >= _MOST:
            break
        data = _tail(place, _MOST - len(data)) + data
    text = data.decode(errors='replace').replace('\0', '')
    if lines is None:
        return text
    return ''.join(text.splitlines(keepends=True)[-lines:]) if lines > 0 else ''


def _tail(path: pathlib.Path, most: int) -> bytes:
    try:
        with path.open('rb') as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            return file.read(most)
    except FileNotFoundError:
        return b''
