"""Running a command of the allow-list."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from common.clock import monotonic
from common.errors import PileusError, Transient
from common.privileged.commands import ALLOWED, FOLDERS, find

_LOOK = 0.5  # seconds between two calls of `while_waiting`
FRUGAL = {'MALLOC_ARENA_MAX': '1'}
"""For commands whose addresses are bounded: each thread reserves an arena of 64 MiB otherwise, and some reach the bound by that alone."""


class CommandFailed(Transient):
    """A command ended with another status than zero. The message names the command only; its words are in `admin_detail`."""

    code = 'command_failed'

    def __init__(self, command: str, status: int, stderr: str) -> None:
        super().__init__(
            f'The command {command} failed on the host.', admin_detail=f'{command} ended with {status}: {stderr.strip()[-500:]}'
        )
        self.status = status
        self.stderr = stderr


class CommandMissing(PileusError):
    """A command is not installed: trying again does not help."""

    code = 'command_missing'


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    """What a command wrote, and how it ended."""

    status: int
    stdout: str
    stderr: str


def run(
    command: Sequence[str],
    *,
    stdin: str | None = None,
    timeout: float = 30.0,
    check: bool = True,
    netns: str | None = None,
    environment: dict[str, str] | None = None,
    limits: dict[str, int] | None = None,
    while_waiting: Callable[[], object] | None = None,
) -> Completed:
    """Run a command as root and wait for it.

    :param command: name and arguments; the name is one of `commands.ALLOWED`, looked up in the system's own folders
    :param stdin: text for its standard input, the way for secrets
    :param netns: a network namespace to run it in
    :param limits: bounds of prlimit(1), for commands that read what users made: 'as' and 'fsize' in bytes, 'cpu' in seconds
    :param while_waiting: called twice a second while the command runs; what it raises ends the command and is passed on
    :raises: CommandFailed with `check`, Transient when it takes too long, PileusError when it may not run, CommandMissing when
        it is not installed
    """
    name = command[0]
    if name not in ALLOWED:
        raise PileusError(f'The command {name} is not in the list of allowed commands.')
    path = find(name)
    if path is None:
        raise CommandMissing(f'The command {name} is not installed on the host.')
    words = [path, *command[1:]]
    if limits:
        words = ['prlimit', *(f'--{kind}={most}' for kind, most in limits.items()), '--', *words]
    if netns is not None:
        words = [find('ip') or 'ip', 'netns', 'exec', netns, *words]
    if os.geteuid() != 0:
        words = [find('sudo') or 'sudo', '-n', *words]
    given: dict[str, Any] = {'text': True, 'env': {'PATH': FOLDERS, 'LC_ALL': 'C', **(environment or {})}}
    if limits:
        given['env'] |= FRUGAL
    try:
        if while_waiting is None:
            quiet = subprocess.DEVNULL if stdin is None else None
            done = subprocess.run(words, input=stdin, capture_output=True, timeout=timeout, check=False, stdin=quiet, **given)
        else:
            done = _attended(words, stdin, timeout, while_waiting, given)
    except subprocess.TimeoutExpired as error:
        raise Transient(f'The command {name} did not end within {timeout:.0f} s on the host.') from error
    if check and done.returncode != 0:
        raise CommandFailed(name, done.returncode, done.stderr)
    return Completed(done.returncode, done.stdout, done.stderr)


def _attended(
    words: list[str], stdin: str | None, timeout: float, while_waiting: Callable[[], object], given: dict[str, Any]
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run; whatever ends the wait early ends the process."""
    end = monotonic() + timeout
    source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with subprocess.Popen(words, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **given) as process:
        try:
            while True:
                try:
                    stdout, stderr = process.communicate(stdin, timeout=max(0.0, min(_LOOK, end - monotonic())))
                    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)
                except subprocess.TimeoutExpired:
                    if monotonic() >= end:
                        raise
                    stdin = None  # it is on its way; to give it twice is an error
                    while_waiting()
        except BaseException:
            process.kill()
            raise
