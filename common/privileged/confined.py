"""Running a command on what users made: without privileges, bounded in memory, time and what it may write, behind everybody else.

The command works in a folder of its own and names files by their names there. Whoever starts as root becomes `nobody` for it; the
folder is entered before, so what is above it may be closed to `nobody`.
"""

from __future__ import annotations

import os
import pathlib
import pwd
import stat
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from common.clock import monotonic
from common.errors import PileusError
from common.privileged.commands import ALLOWED, FOLDERS, find
from common.privileged.run import FRUGAL, CommandFailed, CommandMissing, Completed

NOBODY = 'nobody'
_LOOK = 0.25  # seconds between two calls of `while_waiting`
_LONGEST = 1 << 20  # characters of output that are kept
_BOUNDS = {'core': 0, 'stack': 2 << 20}  # bytes; each thread reserves as much for its stack, see `run.FRUGAL`


class TookTooLong(PileusError):
    """A confined command did not end in its time. It was killed."""

    status = 504
    code = 'took_too_long'


def give_away(folder: pathlib.Path) -> None:
    """Give a folder or file to whoever confined commands run as; nothing happens where we are not root."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(NOBODY)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def take_back(path: pathlib.Path, *, mode: int = 0o640) -> None:
    """Make a file that a confined command has written ours, durably.

    The command may have been taken over by the data it worked on: a link that it left, which would lead to a file of ours, is refused,
    and with the folder of the file goes what it would need to put one there later.

    :raises: PileusError when it is anything but a plain file with one name
    """
    if os.geteuid() == 0:
        os.chown(path.parent, os.geteuid(), os.getegid())
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise PileusError('A confined command has left no plain file.', admin_detail=f'{path}: {error}') from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise PileusError(
                'A confined command has left no plain file.', admin_detail=f'{path}: mode {found.st_mode:o}, {found.st_nlink} names'
            )
        os.fchown(descriptor, os.geteuid(), os.getegid())
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def run_confined(
    command: Sequence[str],
    folder: pathlib.Path,
    *,
    limits: dict[str, int],
    timeout: float,
    while_waiting: Callable[[], object] = lambda: None,
) -> Completed:
    """Run a command in a folder and wait for it.

    :param command: name and arguments; the name is one of `commands.ALLOWED`. File names are relative to the folder
    :param limits: bounds of prlimit(1): 'as', 'fsize' and 'core' in bytes, 'cpu' in seconds, 'nofile'
    :param timeout: seconds, after which it is killed
    :param while_waiting: called several times a second; what it raises ends the command and is passed on
    :raises: CommandFailed, TookTooLong, CommandMissing, PileusError when it may not run
    """
    name = command[0]
    if name not in ALLOWED:
        raise PileusError(f'The command {name} is not in the list of allowed commands.')
    path = find(name)
    if path is None:
        raise CommandMissing(f'The command {name} is not installed on the host.')
    bounds = [f'--{kind}={most}' for kind, most in {**_BOUNDS, **limits}.items()]
    words = ['nice', '-n', '15', 'prlimit', *bounds, '--', path, *command[1:]]
    given: dict[str, Any] = {'env': {'PATH': FOLDERS, 'LC_ALL': 'C', 'HOME': '/nonexistent', **FRUGAL}, 'cwd': folder, 'close_fds': True}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(NOBODY)
        given |= {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}
    done = _wait(words, name, timeout, while_waiting, given)
    if done.status != 0:
        raise CommandFailed(name, done.status, done.stderr)
    return done


def _wait(words: list[str], name: str, timeout: float, while_waiting: Callable[[], object], given: dict[str, Any]) -> Completed:
    end = monotonic() + timeout
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **given
    ) as process:
        try:
            while True:
                try:
                    stdout, stderr = process.communicate(timeout=max(0.01, min(_LOOK, end - monotonic())))
                    return Completed(process.returncode, _text(stdout), _text(stderr))
                except subprocess.TimeoutExpired:
                    if monotonic() >= end:
                        raise TookTooLong(f'The command {name} did not end within {timeout:.0f} s.') from None
                    while_waiting()
        except BaseException:
            process.kill()
            raise


def _text(data: bytes) -> str:
    return data[-_LONGEST:].decode(errors='replace')
