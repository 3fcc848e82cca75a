"""Whether KVM runs guests here. /dev/kvm may exist and still hang every guest, so KVM is believed when it has run one."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import subprocess
import tempfile

LOG = logging.getLogger(__name__)
# A boot sector that writes `P` to the port that QEMU's debug exit device listens on, and halts.
_SECTOR = bytes([0xB0, 0x50, 0xE6, 0xF4, 0xF4]) + bytes(505) + b'\x55\xaa'
_EXIT_STATUS = (0x50 << 1) | 1  # isa-debug-exit ends QEMU with (value << 1) | 1
_SECONDS = 8.0


def virt_type(state: pathlib.Path, wanted: str = 'auto') -> str:
    """`kvm` or `qemu`. The verdict is kept in the state folder, for as long as kernel and QEMU are the same."""
    if wanted != 'auto':
        return wanted
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'qemu'
    verdict = state / 'kvm-verdict.json'
    key = f'{os.uname().release} {emulator_stamp()}'
    try:
        known = json.loads(verdict.read_text())
        if known['key'] == key:
            return str(known['virt_type'])
    except (FileNotFoundError, ValueError, KeyError):
        pass
    found = 'kvm' if proves_itself() else 'qemu'
    LOG.info('guests run with %s', 'KVM' if found == 'kvm' else "QEMU's emulation: KVM did not run a guest here")
    verdict.write_text(json.dumps({'key': key, 'virt_type': found}))
    return found


def emulator_stamp() -> str:
    """What changes when QEMU is another one."""
    try:
        found = pathlib.Path(emulator()).stat()
    except FileNotFoundError:
        return 'none'
    return f'{found.st_size}-{int(found.st_mtime)}'


def emulator() -> str:
    """The path of QEMU."""
    return '/usr/bin/qemu-system-x86_64'


def proves_itself() -> bool:
    """Whether KVM runs a guest of five bytes to its end in a few seconds."""
    with tempfile.NamedTemporaryFile(prefix='pl-kvm-') as disk:
        disk.write(_SECTOR)
        disk.flush()
        command = [
            emulator(), '-machine', 'q35,accel=kvm', '-cpu', 'host', '-m', '16', '-display', 'none', '-nodefaults', '-no-reboot',
            '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x01', '-drive', f'file={disk.name},format=raw,if=ide,readonly=on',
        ]  # fmt: skip
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
        except (subprocess.TimeoutExpired, OSError):
            return False
    return done.returncode == _EXIT_STATUS
