"""Formats of disk images that are known by a few bytes at the beginning or the end, which the inspector of oslo.utils does not know.

A hypervisor that was left to guess would take such data for what they look like, so data that are said to be raw must not be any of them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_HEAD, _TAIL = 64 << 10, 512
_BEGINNINGS = {
    b'COWD': 'vmdk',
    b'WithoutFreeSpace': 'parallels',
    b'WithouFreSpacExt': 'parallels',
    b'Bochs Virtual HD Image': 'bochs',
    b'#!/bin/sh\n#V2.0 Format\nmodprobe cloop': 'cloop',
}
# What makes text the descriptor of a VMDK: its first line that is neither empty nor a comment.
_DESCRIPTOR = re.compile(rb'(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t]*version[ \t]*=[ \t]*[0-9]+[ \t]*\r?(?:\n|\Z)', re.IGNORECASE)
_FIXED = 2


class Ends:
    """The first 64 KiB and the last 512 bytes of data that pass through `watch`, and how many there were."""

    def __init__(self) -> None:
        self.head = b''
        self.size = 0
        self._last = b''

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            if len(self.head) < _HEAD:
                self.head += chunk[: _HEAD - len(self.head)]
            self.size += len(chunk)
            self._last = chunk if len(chunk) >= _TAIL else (self._last + chunk)[-_TAIL:]
            yield chunk

    @property
    def tail(self) -> bytes:
        """The last 512 bytes."""
        return self._last[-_TAIL:]

    def formats(self) -> set[str]:
        """Names of formats that the data look like."""
        found = {name for start, name in _BEGINNINGS.items() if self.head.startswith(start)}
        if _DESCRIPTOR.match(self.head):
            found.add('vmdk')
        if self.tail.startswith(b'koly') and self.size > _TAIL:
            found.add('dmg')
        return found


def fixed_vhd_size(ends: Ends) -> int | None:
    """The size of the disk in a fixed VHD, in bytes: all data but the footer behind them. None when they are no fixed VHD."""
    footer = ends.tail
    if len(footer) < _TAIL or not footer.startswith(b'conectix'):
        return None
    (size,) = struct.unpack('>Q', footer[48:56])
    kind, checksum = struct.unpack('>II', footer[60:68])
    summed = ~(sum(footer) - sum(footer[64:68])) & 0xFFFFFFFF
    if kind != _FIXED or checksum != summed or size > ends.size - _TAIL:
        return None
    return int(size)
