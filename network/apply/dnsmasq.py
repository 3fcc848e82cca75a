"""Processes of dnsmasq: a DHCP server per network, a router advertiser per router with IPv6.

dnsmasq detaches itself and outlives the agent. It is ours if its command line names our configuration file, and it is
well if it runs in the namespace as it is now. New hosts and options are read on a signal; only another configuration
restarts it.
"""

from __future__ import annotations

import dataclasses
import grp
import hashlib
import os
import pwd
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from network.apply import leases, names, namespaces, processes
from network.apply.dhcp_files import DhcpFiles, DhcpOptions
from network.apply.host import Host
from network.desired.model import Dhcp

DHCP, ADVERTISER = 'dhcp', 'ra'
KINDS = {DHCP: 'DHCP server of network', ADVERTISER: 'advertiser of router'}


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A dnsmasq that should run. `kind`: DHCP or ADVERTISER; `owner`: id of the network or router."""

    kind: str
    owner: str
    namespace: str

    @property
    def label(self) -> str:
        """What it is, in words."""
        return f'{KINDS[self.kind]} {self.owner}'


def folder(host: Host, owner: str, kind: str = DHCP) -> Path:
    """Where the files of a server live."""
    return host.state_dir / kind / owner


def options_for(host: Host, dns_servers: tuple[str, ...] = (), lease_seconds: int = 86400) -> DhcpOptions:
    """As whom dnsmasq runs: a user without rights where it can read our files again later, else root."""
    for kind in KINDS:
        base = host.state_dir / kind
        base.mkdir(parents=True, exist_ok=True)
        base.chmod(0o755)
    for user in ('dnsmasq', 'nobody'):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        if _others_may_enter(host.state_dir / DHCP):
            return DhcpOptions(user, grp.getgrgid(entry.pw_gid).gr_name, lease_seconds, dns_servers)
    return DhcpOptions('root', 'root', lease_seconds, dns_servers)


def _others_may_enter(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.resolve().parents))


def ensure_dhcp(host: Host, dhcp: Dhcp, files: DhcpFiles) -> None:
    """Bring a network's DHCP server to what is wanted. Its namespace and device are there."""
    server = Server(DHCP, dhcp.network_id, names.dhcp_namespace(dhcp.network_id))
    path = folder(host, dhcp.network_id) / 'leases'
    address = next((a.ip for a in dhcp.addresses if ':' not in a.ip), None)
    ensure(
        host,
        server,
        files.configuration,
        {'hosts': files.hosts, 'options': files.options, 'names': files.names},
        before_start=lambda: leases.prune(path, files.pairs),
        after_reload=lambda: leases.release_stale(host, path, files.pairs, server.namespace, names.dhcp_end(dhcp.port_id), address),
    )


def _nothing() -> None:
    """Nothing is to be done."""


def ensure(
    host: Host,
    server: Server,
    configuration: str,
    files: Mapping[str, str],
    *,
    before_start: Callable[[], None] = _nothing,
    after_reload: Callable[[], None] = _nothing,
) -> None:
    """Bring the files and the process to what is wanted; `files` are those that it reads again on a signal."""
    place = folder(host, server.owner, server.kind)
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    changed = host.write(place / 'configuration', configuration)
    for name, content in files.items():
        host.write(place / name, content)
    running = find(host, server.owner, server.kind)
    if running and (changed or processes.namespace_of(running) != namespaces.identity(host, server.namespace)):
        stop(host, server.owner, server.kind)
        running = None
    # What the server has read is written down after it did, so that a crash in between is made up for.
    loaded = hashlib.sha256('\0'.join((configuration, *files.values())).encode()).hexdigest() + '\n'
    if running is None:
        before_start()
        host.change(f'started {server.label}', ['dnsmasq', f'--conf-file={place}/configuration'], namespace=server.namespace)
    elif not (place / 'loaded').exists() or (place / 'loaded').read_text() != loaded:
        os.kill(running, signal.SIGHUP)
        host.note(f'had {server.label} read its files again')
        after_reload()
    host.write(place / 'loaded', loaded)


def find(host: Host, owner: str, kind: str = DHCP) -> int | None:
    """Process id of a server, if it runs."""
    place = folder(host, owner, kind)
    try:
        process = int((place / 'pid').read_text())
    except (FileNotFoundError, ValueError):
        return None
    return process if f'--conf-file={place}/configuration'.encode() in processes.command_line(process) else None


def stop(host: Host, owner: str, kind: str = DHCP) -> None:
    """End a server and wait until it is gone."""
    process = find(host, owner, kind)
    if process is not None:
        host.note(f'stopped {KINDS[kind]} {owner}')
        processes.end([process])


def present(host: Host) -> set[tuple[str, str]]:
    """(kind, owner) of the servers that have a folder here."""
    bases = [(kind, host.state_dir / kind) for kind in KINDS]
    return {(kind, entry.name) for kind, base in bases if base.is_dir() for entry in base.iterdir() if entry.is_dir()}


def remove(host: Host, kind: str, owner: str) -> None:
    """End a server and delete its files."""
    stop(host, owner, kind)
    place = folder(host, owner, kind)
    if place.is_dir():
        shutil.rmtree(place)
        host.note(f'removed files of {KINDS[kind]} {owner}')
