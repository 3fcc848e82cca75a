"""A `newc` cpio archive, written without root: owners are all 0, and device nodes are only described."""

from __future__ import annotations

import pathlib
import stat


class Archive:
    """An initramfs in the making."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def add(self, name: str, mode: int, data: bytes = b'', device: tuple[int, int] = (0, 0)) -> None:
        """One entry; `mode` with its file type, `device` as (major, minor)."""
        self._inode += 1
        path = name.encode() + b'\0'
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        head = b'070701' + b''.join(b'%08x' % field for field in fields)
        self._parts += [_padded(head + path), _padded(data)]

    def add_tree(self, top: pathlib.Path) -> None:
        """Everything below a folder, links as links."""
        for path in sorted(top.rglob('*')):
            name, mode = str(path.relative_to(top)), path.lstat().st_mode
            if stat.S_ISLNK(mode):
                self.add(name, mode, str(path.readlink()).encode())
            else:
                self.add(name, mode, path.read_bytes() if stat.S_ISREG(mode) else b'')

    def bytes(self) -> bytes:
        """The finished archive."""
        self.add('TRAILER!!!', 0)
        return b''.join(self._parts)


def _padded(data: bytes) -> bytes:
    return data + b'\0' * (-len(data) % 4)
