"""What the machine of a worker tells of itself."""

from __future__ import annotations

import socket
import subprocess

from common.errors import Unavailable

_SECONDS = 5.0
_ELSEWHERE = ('192.0.2.1', 9)  # an address that is nobody's (RFC 5737); nothing is sent there


def uptime() -> str:
    """How long it runs and how busy it is, in the words of uptime(1). Raises Unavailable where that is not installed."""
    try:
        done = subprocess.run(
            ['uptime'], capture_output=True, text=True, timeout=_SECONDS, check=True, env={'PATH': '/usr/bin:/bin', 'LC_ALL': 'C'}
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable('The host does not tell how long it runs.', admin_detail=str(error)) from error
    return done.stdout.strip()


def address() -> str:
    """The IPv4 address with which it would speak to the world; of a machine without a route the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_ELSEWHERE)
            return str(sock.getsockname()[0])
        except OSError:
            return '127.0.0.1'
