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
import select
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


class Signals:
    """The signals of a process, caught from the making of this object: before anything is opened that HUP opens anew, since a
    signal that nobody catches ends the process. TERM and INT end it at once until `wait_for_end` is called. For the main thread.

    They are read from a pipe. A handler in Python runs between two instructions of this very thread, which may hold the lock that
    the handler needs to wake it: with an Event a signal at the wrong moment stops the process for good.
    """

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGUSR1, _print_stacks)
        signal.signal(signal.SIGHUP, _come_by_pipe)

    def wait_for_end(self, ready: Callable[[], None] = lambda: None, reload: Callable[[], object] = lambda: None) -> None:
        """Sleep until the process is told to end.

        :param ready: called when it can be told so without harm
        :param reload: called after hang-up signals, also such as came earlier
        """
        signal.signal(signal.SIGTERM, _come_by_pipe)
        signal.signal(signal.SIGINT, _come_by_pipe)
        ready()
        while True:
            select.select([self._reader], [], [])
            told = os.read(self._reader, 4096)
            if signal.SIGTERM in told or signal.SIGINT in told:
                return
            if signal.SIGHUP in told:
                reload()


def _come_by_pipe(number: int, frame: FrameType | None) -> None:
    """Nothing is to be done here: see `signal.set_wakeup_fd`."""


def _print_stacks(number: int, frame: FrameType | None) -> None:
    sys.stderr.write(concurrency.stacks())
    sys.stderr.flush()


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
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # there is nothing yet that could be opened anew
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
