"""What the machine of a worker tells of itself."""

from __future__ import annotations

import pathlib
import socket

from common.privileged.confined import run_confined

_ELSEWHERE = ('192.0.2.1', 9)  # an address that is nobody's (RFC 5737); nothing is sent there


def uptime() -> str:
    """How long it runs and how busy it is, in the words of uptime(1). Raises CommandFailed, CommandMissing, TookTooLong."""
    return run_confined(['uptime'], pathlib.Path('/'), limits={'cpu': 5}, timeout=5.0).stdout.strip()


def address() -> str:
    """The IPv4 address with which it would speak to the world; of a machine without a route the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_ELSEWHERE)
            return str(sock.getsockname()[0])
        except OSError:
            return '127.0.0.1'
