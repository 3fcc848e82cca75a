"""The disk: an MBR with a FAT partition that syslinux boots from, and the root filesystem in ext4 behind it."""

from __future__ import annotations

import pathlib
import struct

from tools.guest_image.packages import BuildError, run

_SECTOR = 512
_FIRST = 2048  # sectors before the first partition
_MBR = pathlib.Path('/usr/lib/syslinux/mbr/mbr.bin')
_COMMAND_LINE = 'console=tty0 console=ttyS0,115200n8 quiet loglevel=4 no_timer_check tsc=reliable mitigations=off panic=10 net.ifnames=0'
_CONFIG = f"""SERIAL 0 115200
DEFAULT linux
PROMPT 0
TIMEOUT 0
LABEL linux
  LINUX /vmlinuz
  INITRD /initrd
  APPEND {_COMMAND_LINE}
"""
# Files whose mode or owner is not "root, as it is": path -> (mode, uid, gid).
_SPECIAL = {
    '/usr/lib/pileus/setpriv': (0o104750, 0, 10),
    '/etc/shadow': (0o100600, 0, 0),
    '/home/cirros': (0o040750, 1000, 1000),
    '/root': (0o040700, 0, 0),
    '/tmp': (0o041777, 0, 0),
}


def _size(path: pathlib.Path, mebibytes: int) -> None:
    with path.open('wb') as file:
        file.truncate(mebibytes << 20)


def boot_partition(kernel: pathlib.Path, initrd: bytes, work: pathlib.Path) -> pathlib.Path:
    """A FAT filesystem with syslinux, the kernel and the initramfs."""
    image, initrd_path, config = work / 'boot.fat', work / 'initrd', work / 'syslinux.cfg'
    initrd_path.write_bytes(initrd)
    config.write_text(_CONFIG)
    _size(image, (kernel.stat().st_size + len(initrd) + (3 << 20) >> 20) + 1)
    run(['mkfs.fat', '-F', '16', '-n', 'PILEUSBOOT', '-i', '50494c45', '-h', str(_FIRST), str(image)])
    for source, target in ((kernel, 'vmlinuz'), (initrd_path, 'initrd'), (config, 'syslinux.cfg')):
        run(['mcopy', '-i', str(image), str(source), f'::{target}'])
    run(['syslinux', '--install', str(image)])
    return image


def root_partition(tree: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """An ext4 filesystem with the tree in it, all of it owned by root but what `_SPECIAL` says."""
    image = work / 'root.ext4'
    used = sum(path.lstat().st_size for path in tree.rglob('*') if path.is_file() and not path.is_symlink())
    _size(image, (used >> 20) + 16)
    # A small inode table and room for a large group table: the filesystem grows to the size of any disk in moments.
    run([
        'mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'pileus-root', '-b', '4096', '-I', '256', '-N', '4096', '-m', '0',
        '-J', 'size=4', '-E', 'root_owner=0:0,resize=26214400', '-O', '^metadata_csum', '-d', str(tree), str(image),
    ])  # fmt: skip
    commands = []
    for path in sorted(tree.rglob('*')):
        inner = '/' + str(path.relative_to(tree))
        mode, uid, gid = _SPECIAL.get(inner, (None, 0, 0))
        commands += [f'sif {inner} uid {uid}', f'sif {inner} gid {gid}']
        if mode is not None:
            commands.append(f'sif {inner} mode 0{mode:o}')
    run(['debugfs', '-w', '-f', '-', str(image)], stdin='\n'.join(commands) + '\n')
    return image


def assemble(boot: pathlib.Path, root: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """The whole disk in raw form."""
    if not _MBR.exists():
        raise BuildError(f'{_MBR} is missing; run "tools/packages install guest"')
    raw = work / 'disk.raw'
    boot_sectors, root_sectors = boot.stat().st_size // _SECTOR, root.stat().st_size // _SECTOR
    start = _FIRST + (boot_sectors + 2047) // 2048 * 2048
    table = _entry(0x80, 0x0E, _FIRST, boot_sectors) + _entry(0, 0x83, start, root_sectors) + bytes(32)
    code = _MBR.read_bytes()[:440]
    with raw.open('wb') as disk:
        disk.write(code.ljust(440, b'\0') + b'PILE' + b'\0\0' + table + b'\x55\xaa')
        for offset, part in ((_FIRST, boot), (start, root)):
            disk.seek(offset * _SECTOR)
            disk.write(part.read_bytes())
        disk.truncate((start + root_sectors) * _SECTOR)
    return raw


def _entry(flag: int, kind: int, start: int, sectors: int) -> bytes:
    """A partition; the old cylinder addresses say "too large", so that all readers use sectors."""
    return struct.pack('<B3sB3sII', flag, b'\xfe\xff\xff', kind, b'\xfe\xff\xff', start, sectors)


def to_qcow2(raw: pathlib.Path, output: pathlib.Path) -> None:
    """Compressed, and put in place at once."""
    new = output.with_name(output.name + '.new')
    run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', '-o', 'compression_type=zlib', str(raw), str(new)])
    new.replace(output)
