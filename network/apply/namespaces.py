"""Network namespaces: list, make, delete, enter.

`entered` moves the calling operating system thread, so code inside must not wait for anything (under eventlet another
green thread would find itself in the wrong namespace): open sockets, read and write /proc, and leave.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import Transient
from network.apply import names
from network.apply.host import Host

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f'setns: {os.strerror(number)}')


@contextmanager
def entered(host: Host, namespace: str | None) -> Iterator[None]:
    """The calling thread is in `namespace` while the block runs; None: it stays where it is."""
    if namespace is None:
        yield
        return
    home = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            there = os.open(f'{host.netns_dir}/{namespace}', os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Transient(f'Namespace {namespace} is gone; the next pass makes it again.') from error
        try:
            _setns(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


def present(host: Host) -> set[str]:
    """Our namespaces on this host."""
    try:
        found = {entry.name for entry in Path(host.netns_dir).iterdir()}
    except FileNotFoundError:
        return set()
    return {name for name in found if name.startswith(names.NAMESPACE_PREFIXES)}


def identity(host: Host, namespace: str) -> int | None:
    """Inode of the namespace, another after it was deleted and made again; None: no such (or a stale mount point)."""
    try:
        stat = Path(host.netns_dir, namespace).stat()
    except FileNotFoundError:
        return None
    return stat.st_ino if stat.st_dev != Path(host.netns_dir).stat().st_dev else None


def ensure(host: Host, namespace: str) -> int:
    """Make the namespace if it is not there; its inode."""
    found = identity(host, namespace)
    if found is not None:
        return found
    if Path(host.netns_dir, namespace).exists():
        # A name without a namespace behind it, left by a crash between the two halves of `ip netns add`.
        host.change(f'removed stale name of namespace {namespace}', ['ip', 'netns', 'del', namespace])
    host.change(f'made namespace {namespace}', ['ip', 'netns', 'add', namespace])
    made = identity(host, namespace)
    if made is None:
        raise Transient(f'Namespace {namespace} did not appear.')
    return made


def delete(host: Host, namespace: str) -> None:
    """Delete a namespace; its devices go with it once no process is left in it."""
    if Path(host.netns_dir, namespace).exists():
        host.change(f'deleted namespace {namespace}', ['ip', 'netns', 'del', namespace])
