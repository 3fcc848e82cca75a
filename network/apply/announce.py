"""Telling the neighbours that an address is here now: gratuitous ARP, unsolicited neighbour advertisement.

Sent from a raw socket opened in the namespace: no command, whose flags differ from package to package.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

from network.apply import namespaces
from network.apply.host import Host

ETH_ARP = 0x0806
ETH_IPV6 = 0x86DD
ICMPV6 = 58
NEIGHBOUR_ADVERTISEMENT = 136


def announce(host: Host, namespace: str | None, device: str, mac: str, addresses: list[str], times: int = 2) -> None:
    """Announce addresses (without prefix length) that a device now has. A device that is down is left alone."""
    if not addresses:
        return
    frames = [_frame(mac, address) for address in addresses]
    with namespaces.entered(host, namespace):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with sender:
        try:
            sender.bind((device, 0))
            for _ in range(times):
                for frame in frames:
                    sender.send(frame)
        except OSError as error:
            host.problem(f'could not announce {", ".join(addresses)} on {device}: {error.strerror}')
            return
    host.note(f'announced {", ".join(addresses)} on {device}')


def _frame(mac: str, address: str) -> bytes:
    hardware = bytes.fromhex(mac.replace(':', ''))
    ip = ipaddress.ip_address(address)
    if ip.version == 4:
        arp = struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, hardware, ip.packed, b'\0' * 6, ip.packed)
        return b'\xff' * 6 + hardware + struct.pack('!H', ETH_ARP) + arp
    all_nodes = ipaddress.IPv6Address('ff02::1').packed
    body = struct.pack('!BBHI16sBB6s', NEIGHBOUR_ADVERTISEMENT, 0, 0, 0x20000000, ip.packed, 2, 1, hardware)
    checksum = _checksum(ip.packed + all_nodes + struct.pack('!II', len(body), ICMPV6) + body)
    body = body[:2] + struct.pack('!H', checksum) + body[4:]
    header = struct.pack('!IHBB16s16s', 6 << 28, len(body), ICMPV6, 255, ip.packed, all_nodes)
    return bytes.fromhex('333300000001') + hardware + struct.pack('!H', ETH_IPV6) + header + body


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
