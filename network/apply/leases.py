"""Leases that dnsmasq holds for ports that are gone: taken out of its file before a start, released while it runs."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Collection
from pathlib import Path

from network.apply import namespaces
from network.apply.host import Host

Pair = tuple[str, str]  # MAC, IPv4 address


def parse(text: str) -> list[tuple[str, str, str]]:
    """(MAC, IPv4 address, client id) of a lease file."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[0].isdigit() and '.' in words[2]:
            found.append((words[1].lower(), words[2], words[4]))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ''


def prune(path: Path, pairs: Collection[Pair]) -> None:
    """Before a start: leave out leases of others than `pairs`."""
    lines = _read(path).splitlines(keepends=True)
    kept = [line for line in lines if not (lease := parse(line)) or lease[0][:2] in pairs]
    if kept != lines or not path.exists():
        path.write_text(''.join(kept))


def release_stale(host: Host, path: Path, pairs: Collection[Pair], namespace: str, device: str, server: str | None) -> None:
    """Give back leases of others than `pairs`: dnsmasq would not give such an address to the port that has it now."""
    stale = [lease for lease in parse(_read(path)) if lease[:2] not in pairs]
    if not stale or server is None:
        return
    with namespaces.entered(host, namespace):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        # So that the packet seems to come from the network, not from the loopback over which it travels.
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b'\0')
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
