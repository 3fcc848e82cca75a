"""Leases: who holds an operation, and how to tell that a holder is dead before its time runs out.

An owner is `<machine>|<pid>|<start time of the process>|<runner>`. Where /proc exists, a process that has gone (or whose pid was
taken by another one) is known to be dead by every process of the same machine and pid namespace, so a restart resumes at once.
Everywhere else a lease simply runs out.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import pathlib
import socket

LEASE = 30.0
"""Seconds that a lease lasts without renewal."""
TICK = 2.0
"""Seconds between renewals, checks for overtaken operations and sweeps."""

_counter = itertools.count(1)
_alive_here: set[str] = set()


@functools.lru_cache(1)
def _machine() -> str:
    parts = [socket.gethostname()]
    for path in ('/proc/sys/kernel/random/boot_id', '/etc/machine-id'):
        if pathlib.Path(path).is_file():
            parts.append(pathlib.Path(path).read_text().strip())
            break
    namespace = pathlib.Path('/proc/self/ns/pid')
    if namespace.is_symlink():
        parts = [*parts[1:], os.readlink(namespace)]  # noqa: PTH115 - the target is a name, not a path
    return hashlib.sha256('|'.join(parts).encode()).hexdigest()[:16]


def _start_time(pid: int) -> str | None:
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return None
    fields = stat.rpartition(')')[2].split()
    return None if fields[0] in ('Z', 'X') else fields[19]


def new_owner() -> str:
    """The name of a runner of this process, alive until `retire`."""
    pid = os.getpid()
    owner = f'{_machine()}|{pid}|{_start_time(pid) or "0"}|{next(_counter)}'
    _alive_here.add(owner)
    return owner


def retire(owner: str) -> None:
    """The runner of this name has stopped."""
    _alive_here.discard(owner)


def is_dead(owner: str) -> bool:
    """Whether the runner of this name is certainly gone; False if that cannot be told."""
    machine, _, rest = owner.partition('|')
    parts = rest.split('|')
    if len(parts) != 3 or machine != _machine() or parts[1] == '0':
        return False
    if int(parts[0]) == os.getpid() and parts[1] == _start_time(os.getpid()):
        return owner not in _alive_here
    return _start_time(int(parts[0])) != parts[1]


def _forget_parent() -> None:
    _alive_here.clear()


os.register_at_fork(after_in_child=_forget_parent)
