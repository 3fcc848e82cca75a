"""Checksums in software on the ends whose packets reach raw sockets of guests.

A packet between virtual devices carries an unfinished checksum; a DHCP client that reads raw packets takes it for damaged.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct

from network.apply import namespaces
from network.apply.host import Host

SIOCETHTOOL = 0x8946
GET_TX_CHECKSUM = 0x16
SET_TX_CHECKSUM = 0x17


def checksum_in_software(host: Host, namespace: str, device: str) -> None:
    """Have the sender finish checksums on this device."""
    with namespaces.entered(host, namespace):
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with control:
        try:
            if _ethtool(control, device, GET_TX_CHECKSUM, 1) == 0:
                return
            _ethtool(control, device, SET_TX_CHECKSUM, 0)
        except OSError as error:
            host.problem(f'cannot turn off checksum offload of {device}: {error.strerror}')
            return
    host.note(f'turned off checksum offload of {device}')


def _ethtool(control: socket.socket, device: str, command: int, value: int) -> int:
    data = array.array('B', struct.pack('II', command, value))
    request = struct.pack('16sP', device.encode(), data.buffer_info()[0])
    fcntl.ioctl(control.fileno(), SIOCETHTOOL, request)
    return struct.unpack('II', data.tobytes())[1]
