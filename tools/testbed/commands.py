"""Running the commands that make hosts."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess

from common.clock import monotonic, sleep


class TestbedError(Exception):
    """A host could not be made; the message has the words of the command that failed."""


def run(*command: str, seconds: float = 30.0, check: bool = True) -> str:
    """What a command writes; its failure is a TestbedError unless `check` is off."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise TestbedError(f'{" ".join(command)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}')
    return done.stdout


def started_at(pid: int) -> int | None:
    """Start time of a process in clock ticks; None when it is gone. With the number it names a process for good."""
    try:
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == 'Z' else int(fields[19])


def end(pid: int, started: int, seconds: float = 10.0) -> None:
    """Ask a process to end, and make it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if started_at(pid) != started:
            return
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        limit = monotonic() + seconds
        while started_at(pid) == started and monotonic() < limit:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            sleep(0.05)
