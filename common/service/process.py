"""The life of a process: TERM and INT end it gracefully, HUP reloads, USR1 prints what every thread does.

`Supervisor` is the parent of several such processes: it forks them after everything is imported, so that they share that
memory, and starts again what dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import gc
import json
import logging
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from common.clock import monotonic
from common.service import concurrency, memory

LOG = logging.getLogger(__name__)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_LIVED_LONG_ENOUGH = 10.0
_LONGEST_PAUSE = 10.0
_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def wait_for_end(reload: Callable[[], None] | None = None) -> None:
    """Sleep until the process is told to end. Runs in the main thread."""
    ended = threading.Event()
    hung_up = threading.Event()
    any_of = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        any_of.set()

    def print_stacks(number: int, frame: FrameType | None) -> None:
        sys.stderr.write(concurrency.stacks())
        sys.stderr.flush()

    def hang_up(number: int, frame: FrameType | None) -> None:
        hung_up.set()
        any_of.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGUSR1, print_stacks)
    signal.signal(signal.SIGHUP, hang_up)
    while not ended.is_set():
        any_of.wait(60.0)
        any_of.clear()
        if hung_up.is_set():
            hung_up.clear()
            if reload is not None:
                reload()


def set_name(name: str) -> None:
    """Give this process a name that `ps -o comm` and `top` show (15 characters of it)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def tell_ready(descriptor: int | None = None) -> None:
    """Say that the process is ready: to whoever holds the other end of a pipe, and to systemd where it asks."""
    if descriptor is not None:
        os.write(descriptor, b'ready\n')
        os.close(descriptor)
    address = os.environ.get('NOTIFY_SOCKET')
    if address:
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, contextlib.suppress(OSError):
            notify.sendto(b'READY=1', '\0' + address[1:] if address.startswith('@') else address)


@dataclasses.dataclass
class Child:
    """A process to keep alive. `run` is called in it, with a function to be called once when it is ready; when it returns,
    the process ends."""

    name: str
    run: Callable[[Callable[[], None]], None]
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    ready: int = -1  # the end of a pipe that the child writes to


class Supervisor:
    """Starts children, starts again those that die, ends them all when it is told to end.

    :param book: file that always holds the process ids by name
    :param grace: seconds between asking a child to end and ending it
    """

    def __init__(self, children: Sequence[Child], book: pathlib.Path | None = None, grace: float = 20.0) -> None:
        self.children = list(children)
        self._book, self._grace = book, grace
        self._ending = False
        self._waiting_for_ready = True

    def run(self, on_ready: Callable[[], None]) -> int:
        """Until told to end. Must be called while the process has one thread. Returns the exit status."""
        others = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
        if others:
            LOG.error('threads would be lost in the children: %s', ', '.join(others))
        gc.collect()
        memory.fill_holes()
        gc.freeze()  # what is imported is not looked at by collections in the children, and so stays shared
        gc.enable()
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        for child in self.children:
            self._start(child)
        while not self._ending:
            self._await_ready(on_ready)
            due = [child.due for child in self.children if not child.pid]
            patience = 0.05 if self._waiting_for_ready else 60.0
            if due:
                patience = min(patience, max(0.0, min(due) - monotonic()))
            got = signal.sigtimedwait(_WATCHED, patience)
            if got is not None:
                self._on_signal(got.si_signo)
            self._bury()
            for child in self.children:
                if not child.pid and not self._ending and child.due <= monotonic():
                    self._start(child)
        return self._end()

    def _await_ready(self, on_ready: Callable[[], None]) -> None:
        if not self._waiting_for_ready:
            return
        for child in self.children:
            if child.ready >= 0 and child.pid:
                with contextlib.suppress(BlockingIOError):
                    if os.read(child.ready, 16):
                        os.close(child.ready)
                        child.ready = -1
        if all(child.pid and child.ready < 0 for child in self.children):
            self._waiting_for_ready = False
            on_ready()

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._ending = True
        elif number == signal.SIGUSR1:
            sys.stderr.write(concurrency.stacks())
            self._signal_all(number)
        elif number == signal.SIGHUP:
            self._signal_all(number)

    def _signal_all(self, number: int) -> None:
        for child in self.children:
            if child.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, number)

    def _start(self, child: Child) -> None:
        parent = os.getpid()
        if child.ready >= 0:
            os.close(child.ready)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be(child, parent, reader, writer)
        os.close(writer)
        child.pid, child.started, child.ready = pid, monotonic(), reader
        self._write_book()
        LOG.info('%s is process %d', child.name, pid)

    def _be(self, child: Child, parent: int, reader: int, writer: int) -> None:
        """The child's whole life."""
        status = 1
        try:
            os.close(reader)
            for other in self.children:
                if other.ready >= 0:
                    with contextlib.suppress(OSError):
                        os.close(other.ready)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            end_with_parent(parent)
            set_name(f'pl-{child.name}')
            child.run(lambda: _write_and_close(writer))
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            LOG.exception('%s ends', child.name)
        finally:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _bury(self) -> None:
        for pid, status in _ended():
            child = next((one for one in self.children if one.pid == pid), None)
            if child is None:
                continue
            lived = monotonic() - child.started
            child.failures = 0 if lived > _LIVED_LONG_ENOUGH else child.failures + 1
            pause = 0.0 if child.failures == 0 else min(0.1 * 2 ** (child.failures - 1), _LONGEST_PAUSE)
            child.pid, child.due = 0, monotonic() + pause
            if not self._ending:
                LOG.error('%s (process %d) %s after %.1f s; starting it again in %.1f s', child.name, pid, _words(status), lived, pause)
            self._write_book()

    def _write_book(self) -> None:
        if self._book is None:
            return
        new = self._book.with_suffix('.new')
        new.write_text(json.dumps({'supervisor': os.getpid(), **{child.name: child.pid for child in self.children if child.pid}}))
        new.replace(self._book)

    def _end(self) -> int:
        self._signal_all(signal.SIGTERM)
        end = monotonic() + self._grace
        while any(child.pid for child in self.children):
            left = end - monotonic()
            if left <= 0:
                for child in self.children:
                    if child.pid:
                        LOG.error('%s (process %d) did not end in time and is killed', child.name, child.pid)
                self._signal_all(signal.SIGKILL)
                end = monotonic() + self._grace
            got = signal.sigtimedwait(_WATCHED, max(0.05, min(left, 1.0)))
            if got is not None and got.si_signo == signal.SIGUSR1:
                self._signal_all(signal.SIGUSR1)
            self._bury()
        if self._book is not None:
            self._book.unlink(missing_ok=True)
        return 0


def _write_and_close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, b'ready\n')
        os.close(descriptor)


def _ended() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _words(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f'was killed by signal {os.WTERMSIG(status)}'
    return f'ended with status {os.waitstatus_to_exitcode(status)}'
