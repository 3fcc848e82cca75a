"""The DHCP server of each network: files, process, leases.

dnsmasq detaches itself and outlives the agent. It is ours if its command line names our configuration file, and it is
well if it runs in the namespace as it is now. New hosts and options are read on a signal; only another configuration
restarts it.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import random
import shutil
import signal
import socket
import struct
from pathlib import Path

from network.apply import names, namespaces, processes
from network.apply.dhcp_files import DhcpFiles, DhcpOptions
from network.apply.host import Host
from network.desired.model import Dhcp


def folder(host: Host, network_id: str) -> Path:
    """Where the files of a network's DHCP server live."""
    return host.state_dir / 'dhcp' / network_id


def options_for(host: Host, dns_servers: tuple[str, ...] = (), lease_seconds: int = 86400) -> DhcpOptions:
    """As whom dnsmasq runs: a user without rights where it can read our files again later, else root."""
    base = host.state_dir / 'dhcp'
    base.mkdir(parents=True, exist_ok=True)
    base.chmod(0o755)
    for user in ('dnsmasq', 'nobody'):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        if _others_may_enter(base):
            return DhcpOptions(user, grp.getgrgid(entry.pw_gid).gr_name, lease_seconds, dns_servers)
    return DhcpOptions('root', 'root', lease_seconds, dns_servers)


def _others_may_enter(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.resolve().parents))


def ensure(host: Host, dhcp: Dhcp, files: DhcpFiles) -> None:
    """Bring the files and the process of a network to what is wanted. Its namespace and device are there."""
    place = folder(host, dhcp.network_id)
    namespace = names.dhcp_namespace(dhcp.network_id)
    changed = host.write(place / 'configuration', files.configuration)
    for name, content in (('hosts', files.hosts), ('options', files.options), ('names', files.names)):
        host.write(place / name, content)
    running = find(host, dhcp.network_id)
    if running and (changed or processes.namespace_of(running) != namespaces.identity(host, namespace)):
        stop(host, dhcp.network_id)
        running = None
    # What the server has read is written down after it did, so that a crash in between is made up for.
    loaded = hashlib.sha256('\0'.join((files.configuration, files.hosts, files.options, files.names)).encode()).hexdigest() + '\n'
    if running is None:
        _prune_leases(place / 'leases', files)
        host.change(
            f'started DHCP server of network {dhcp.network_id}', ['dnsmasq', f'--conf-file={place}/configuration'], namespace=namespace
        )
    elif _read(place / 'loaded') != loaded:
        os.kill(running, signal.SIGHUP)
        host.note(f'had DHCP server of network {dhcp.network_id} read its hosts again')
        _release_stale(host, dhcp, files)
    host.write(place / 'loaded', loaded)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ''


def _prune_leases(path: Path, files: DhcpFiles) -> None:
    """Before a start: leave out leases of ports that are gone."""
    lines = _read(path).splitlines(keepends=True)
    kept = [line for line in lines if not (lease := parse_leases(line)) or lease[0][:2] in files.pairs]
    if kept != lines or not path.exists():
        path.write_text(''.join(kept))


def find(host: Host, network_id: str) -> int | None:
    """Process id of the network's dnsmasq, if it runs."""
    place = folder(host, network_id)
    try:
        process = int((place / 'pid').read_text())
    except (FileNotFoundError, ValueError):
        return None
    return process if f'--conf-file={place}/configuration'.encode() in processes.command_line(process) else None


def stop(host: Host, network_id: str) -> None:
    """End the network's dnsmasq and wait until it is gone."""
    process = find(host, network_id)
    if process is not None:
        host.note(f'stopped DHCP server of network {network_id}')
        processes.end([process])


def present(host: Host) -> set[str]:
    """Networks that have a folder here."""
    base = host.state_dir / 'dhcp'
    return {entry.name for entry in base.iterdir() if entry.is_dir()} if base.is_dir() else set()


def remove(host: Host, network_id: str) -> None:
    """End the server and delete its files."""
    stop(host, network_id)
    place = folder(host, network_id)
    if place.is_dir():
        shutil.rmtree(place)
        host.note(f'removed DHCP files of network {network_id}')


def parse_leases(text: str) -> list[tuple[str, str, str]]:
    """(MAC, IPv4 address, client id) of a lease file."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[0].isdigit() and '.' in words[2]:
            found.append((words[1].lower(), words[2], words[4]))
    return found


def _release_stale(host: Host, dhcp: Dhcp, files: DhcpFiles) -> None:
    """Give back leases of ports that are gone: dnsmasq would not give such an address to the port that has it now."""
    leases = parse_leases(_read(folder(host, dhcp.network_id) / 'leases'))
    server = next((a.ip for a in dhcp.addresses if ':' not in a.ip), None)
    stale = [lease for lease in leases if (lease[0], lease[1]) not in files.pairs]
    if not stale or server is None:
        return
    with namespaces.entered(host, names.dhcp_namespace(dhcp.network_id)):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        # So that the packet seems to come from the network, not from the loopback over which it travels.
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, names.dhcp_end(dhcp.port_id).encode() + b'\0')
        for mac, address, client in stale:
            sender.sendto(release_packet(mac, address, server, client), (server, 67))
            host.note(f'released lease of {address} by {mac}')


def release_packet(mac: str, address: str, server: str, client: str) -> bytes:
    """A DHCPRELEASE message. `client`: the client id of the lease in hex with colons, `*` for none."""
    hardware = bytes.fromhex(mac.replace(':', ''))
    head = struct.pack('!BBBBIHH', 1, 1, 6, 0, random.getrandbits(32), 0, 0)
    head += socket.inet_aton(address) + bytes(12) + hardware.ljust(16, b'\0') + bytes(192)
    body = b'\x63\x82\x53\x63' + b'\x35\x01\x07' + b'\x36\x04' + socket.inet_aton(server)
    if client != '*':
        identifier = bytes.fromhex(client.replace(':', ''))
        body += bytes([61, len(identifier)]) + identifier
    return (head + body + b'\xff').ljust(300, b'\0')
