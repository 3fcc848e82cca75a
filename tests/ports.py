"""Ports for servers that tests start."""

from __future__ import annotations

import contextlib
import random
import socket

_PORTS = range(10240, 32768)  # below those that the kernel gives to outgoing connections, which would take one before it is listened on


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(_PORTS, 100 + count):
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(('127.0.0.1', port)))
                found.append(port)
            if len(found) == count:
                return found
        raise RuntimeError('no free ports on loopback')


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
