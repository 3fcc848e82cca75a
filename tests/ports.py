"""Ports for servers that tests start."""

from __future__ import annotations

import fcntl
import itertools
import os
import pathlib
import random
import socket
import tempfile
from collections.abc import Iterator, Sequence

_PORTS = range(10240, 32768)  # below those that the kernel gives to outgoing connections, which would take one before it is listened on
_BLOCK = 256  # ports that belong to one process


def _folder() -> pathlib.Path:
    folder = pathlib.Path(tempfile.gettempdir(), f'pileus-test-ports-{os.getuid()}')
    folder.mkdir(exist_ok=True)
    return folder


class _Mine:
    """The ports of this process. Between the choice of a port and a server's listening on it nobody else may choose it, so processes
    share the ports in blocks: a lock on a file says whose a block is, and goes with the process."""

    def __init__(self) -> None:
        self._held: list[int] = []
        self._owner = 0
        self._ports: Iterator[int] = iter(())

    def next(self) -> int:
        """Another port, none that was chosen a short while ago."""
        if self._owner != os.getpid():  # a forked child has none of its parent's
            self._owner, self._held = os.getpid(), []
            self._ports = itertools.cycle(self._claim())
        return next(self._ports)

    def more(self) -> None:
        """One more block, where all ports of the others are in use."""
        self._ports = itertools.cycle(self._claim())

    def _claim(self) -> range:
        blocks = list(range(_PORTS.start, _PORTS.stop - _BLOCK + 1, _BLOCK))
        for start in random.sample(blocks, len(blocks)):
            if self._lock([start]):
                return range(start, start + _BLOCK)
        raise RuntimeError(f'no free block of ports; their locks are in {_folder()}')

    def offset(self, ports: Sequence[int]) -> int:
        """See `free_offset`."""
        self.next()
        least, most = _PORTS.start - min(ports), _PORTS.stop - 1 - _BLOCK - max(ports)
        for offset in random.sample(range(least, most), most - least):
            places = [port + offset for port in ports]
            blocks = {port - (port - _PORTS.start) % _BLOCK for port in places}
            if self._lock(sorted(blocks)):
                if all(map(_is_free, places)):
                    return offset
                self._release(len(blocks))
        raise RuntimeError(f'no free blocks of ports; their locks are in {_folder()}')

    def _lock(self, blocks: Sequence[int]) -> bool:
        """Make blocks ours until the process ends: all of them, or none where one is somebody's."""
        for number, start in enumerate(blocks):
            descriptor = os.open(_folder() / str(start), os.O_RDWR | os.O_CREAT, 0o600)
            self._held.append(descriptor)  # never closed otherwise
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._release(number + 1)
                return False
        return True

    def _release(self, number: int) -> None:
        for _ in range(number):
            os.close(self._held.pop())


_mine = _Mine()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now, and that no other process of these tests chooses."""
    found: list[int] = []
    for tried in itertools.count(1):
        port = _mine.next()
        if port not in found and _is_free(port):
            found.append(port)
            if len(found) == count:
                return found
        if tried % _BLOCK == 0:
            _mine.more()
    raise AssertionError('unreachable')


def _is_free(port: int) -> bool:
    try:
        socket.create_server(('127.0.0.1', port)).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


def free_offset(ports: Sequence[int]) -> int:
    """A number that, added to each of these ports, gives free ones as `free_ports` does."""
    return _mine.offset(ports)
