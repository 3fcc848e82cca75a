"""Ports for servers that tests start."""

from __future__ import annotations

import fcntl
import itertools
import os
import pathlib
import random
import socket
import tempfile
from collections.abc import Iterator

_PORTS = range(10240, 32768)  # below those that the kernel gives to outgoing connections, which would take one before it is listened on
_BLOCK = 256  # ports that belong to one process


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
        folder = pathlib.Path(tempfile.gettempdir(), f'pileus-test-ports-{os.getuid()}')
        folder.mkdir(exist_ok=True)
        blocks = list(range(_PORTS.start, _PORTS.stop - _BLOCK + 1, _BLOCK))
        for start in random.sample(blocks, len(blocks)):
            descriptor = os.open(folder / str(start), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self._held.append(descriptor)  # never closed: the block is ours until the process ends
            return range(start, start + _BLOCK)
        raise RuntimeError(f'no free block of ports; their locks are in {folder}')


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
