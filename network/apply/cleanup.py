"""Removing everything of ours from a host, known by its prefix alone; what the agent remembers of the host is put back."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from common.errors import PileusError
from network.apply import dnsmasq, ipsets, links, namespaces, processes, sysctl
from network.apply.filtering import FAMILIES
from network.apply.host import Host
from network.apply.tables import Loader


def cleanup(host: Host) -> list[str]:
    """Remove namespaces (with the processes in them), devices, rules and address sets of ours, restore the host's settings.

    Returns what was done, in words; what could not be done is in `host.problems`. Doing it again does nothing.
    """
    host.take_changes()
    _attempt(host, lambda: _end_servers(host))
    for namespace in sorted(namespaces.present(host)):
        _attempt(host, lambda n=namespace: _end_namespace(host, n))
    _attempt(host, lambda: _delete_devices(host))
    loader = Loader(host)
    for family in FAMILIES:
        _attempt(host, lambda f=family: loader.load(f, {}))
    _attempt(host, lambda: _destroy_sets(host))
    _attempt(host, lambda: sysctl.restore(host))
    for name in ('cuts.json', 'desired.json'):
        (host.state_dir / name).unlink(missing_ok=True)
    for kind in dnsmasq.KINDS:
        shutil.rmtree(host.state_dir / kind, ignore_errors=True)
    return host.take_changes()


def _attempt(host: Host, action: Callable[[], object]) -> None:
    """What fails must not keep the rest from being cleaned."""
    try:
        action()
    except (PileusError, OSError) as error:
        host.problem(getattr(error, 'admin_detail', None) or str(error))


def _end_servers(host: Host) -> None:
    """End every dnsmasq that runs on our files, in whatever namespace it is."""
    marks = tuple(f'--conf-file={host.state_dir}/{kind}/'.encode() for kind in dnsmasq.KINDS)
    _end(host, [p for p in processes.everyone() if any(word.startswith(marks) for word in processes.command_line(p))])


def _end_namespace(host: Host, namespace: str) -> None:
    inode = namespaces.identity(host, namespace)
    if inode is not None:
        _end(host, [p for p in processes.everyone() if processes.namespace_of(p) == inode])
    namespaces.delete(host, namespace)


def _end(host: Host, found: list[int]) -> None:
    for process in found:
        host.note(f'ended process {process}')
    processes.end(found)


def _delete_devices(host: Host) -> None:
    links.converge(host, lambda present: links.plan([], present), links.read(host))


def _destroy_sets(host: Host) -> None:
    found = ipsets.parse(host.read(['ipset', 'save']))
    if found:
        host.change('removed address sets', ['ipset', 'restore'], stdin=''.join(f'destroy {name}\n' for name in sorted(found)))
