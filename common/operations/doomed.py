"""A child process that carries an operation and is killed at a chosen record: the part of `testing.py` that forks."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import threading
import traceback

from common.clock import monotonic
from common.operations.trial import Make, Points, drive

_FORKS, _IDLE_SECONDS, _CHILD_SECONDS = 5, 8.0, 120.0
_ENDED_WELL, _BROKE = 71, 70


def killed_at(make: Make, folder: pathlib.Path, points: list[str], index: int) -> bool:
    """Fork, carry the operation in the child, and see it killed (SIGKILL) at the point of this index.

    False where the operation came to its end without that point, which is one that may be missing (see `Points.may_be_missing`).
    A thread of this process may hold a lock of a C library (SQLite has one) at the instant of the fork, which then nobody in
    the child ever releases. Such a child is ended and another one made, a few times at most.
    """
    note = folder.with_name(f'{folder.name}.error')
    note.unlink(missing_ok=True)
    for _ in range(_FORKS):
        status = _end_of(_fork(make, folder, points, index, note))
        if status is None:
            shutil.rmtree(folder)
            folder.mkdir()
            continue
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return True
        ended_well = os.WIFEXITED(status) and os.WEXITSTATUS(status) == _ENDED_WELL
        if ended_well and Points.may_be_missing(points, index):
            return False
        reason = note.read_text() if note.exists() else 'it left no word'
        raise AssertionError(f'the child was to die {points[index]}, but ended with status {status}: {reason}')
    raise AssertionError(f'{_FORKS} children that were to die {points[index]} did nothing for {_IDLE_SECONDS:.0f} s each')


def _fork(make: Make, folder: pathlib.Path, points: list[str], index: int, note: pathlib.Path) -> int:
    child = os.fork()
    if child == 0:
        status = _BROKE
        try:
            trial = make(folder)
            operation_id = trial.start()
            trial.ops.store.hooks = Points(points, index, lambda: os.kill(os.getpid(), signal.SIGKILL))
            record = drive(trial, operation_id)
            note.write_text(f'the operation ended {record.state}: {record.fault}; the points it came to: {trial.ops.store.hooks.seen}')
            status = _ENDED_WELL if record.state == 'done' else _BROKE
        except BaseException:
            note.write_text(traceback.format_exc())
            raise
        finally:
            os._exit(status)
    return child


def _end_of(child: int) -> int | None:
    """The status that a child ended with; None for one that had to be ended, because its first thread used no processor time for long.

    Time by the clock alone says little: the machine may be busy with other things.
    """
    now = monotonic()
    end, idle_since, used = now + _CHILD_SECONDS, now, -1
    while now < end and now - idle_since < _IDLE_SECONDS:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        spent = _processor_time(child)
        if spent != used:
            idle_since, used = now, spent
        threading.Event().wait(0.005)
        now = monotonic()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _processor_time(child: int) -> int:
    """The nanoseconds that the first thread of a process has run or could have run; 0 where /proc does not say."""
    try:
        fields = pathlib.Path(f'/proc/{child}/task/{child}/schedstat').read_text().split()
    except OSError:
        return 0
    return int(fields[0]) + int(fields[1])
