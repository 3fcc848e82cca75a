"""Run a command where /dev/kvm cannot be opened: `python -m pileus.without_kvm libvirtd -d`.

libvirt asks QEMU again and again what it can do as long as /dev/kvm looks usable and QEMU says that it is not. Where KVM does
not work that costs many seconds for every guest. So libvirtd is started in a mount namespace of its own (mount_namespaces(7))
in which a file that nobody may open lies over /dev/kvm (and a qemu.conf that suits it over the machine's). The machine itself is not changed.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import sys

COVER, CONF = pathlib.Path('/run/pl-no-kvm'), pathlib.Path('/run/pl-qemu.conf')
_QEMU_CONF = pathlib.Path('/etc/libvirt/qemu.conf')
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000


def hide(path: str) -> None:
    """Lay a file that nobody may open over `path`, for this process and its children. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS))
    _check(libc.mount(b'none', b'/', None, _MS_REC | _MS_SLAVE, None))
    # It must keep its name: libvirt moves the mount, which the kernel refuses for a file that was removed.
    COVER.touch(mode=0)
    COVER.chmod(0)
    _check(libc.mount(str(COVER).encode(), path.encode(), None, _MS_BIND, None))
    if _QEMU_CONF.exists():
        # libvirt would give each QEMU a /dev of its own and cannot move our mount into it.
        CONF.write_text(_QEMU_CONF.read_text() + '\nnamespaces = [ ]\n')
        CONF.chmod(0o600)
        _check(libc.mount(str(CONF).encode(), str(_QEMU_CONF).encode(), None, _MS_BIND, None))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main() -> None:
    """Hide, then become the command."""
    if pathlib.Path('/dev/kvm').exists():
        hide('/dev/kvm')
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == '__main__':
    main()
