"""Data that are not what they are said to be are refused, whatever tool made them; honest data of every format are taken."""

from __future__ import annotations

import io
import pathlib
import shutil
import struct
import subprocess
import tarfile

import pytest

from common.errors import InvalidInput, TooLarge
from image.inspect import Inspection

MIB = 1 << 20
DESCRIPTOR = b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/passwd" 0\n'
needs_qemu = pytest.mark.skipif(shutil.which('qemu-img') is None, reason='qemu-img is not installed')


def inspect(data: bytes, disk_format: str, container: str = 'bare', chunk: int = 4096, largest: int | None = None) -> int | None:
    inspection = Inspection(disk_format, container, largest=largest)
    passed = b''.join(inspection.watch(data[n : n + chunk] for n in range(0, len(data), chunk)))
    inspection.verdict()
    assert passed == data, 'what is looked at is not changed'
    return inspection.virtual_size


@needs_qemu
@pytest.mark.parametrize(
    ('qemu', 'ours', 'options'),
    [
        ('qcow2', 'qcow2', ''), ('qcow2', 'qcow2', 'compat=0.10'), ('vmdk', 'vmdk', ''), ('vmdk', 'vmdk', 'subformat=streamOptimized'),
        ('vdi', 'vdi', ''), ('vhdx', 'vhdx', ''), ('vpc', 'vhd', 'force_size=on'), ('vpc', 'vhd', 'subformat=fixed,force_size=on'),
        ('parallels', 'ploop', ''),
    ],
)  # fmt: skip
def test_what_qemu_makes_is_taken_for_what_it_is_and_for_nothing_else(tmp_path: pathlib.Path, qemu: str, ours: str, options: str) -> None:
    path = tmp_path / 'disk'
    subprocess.run(['qemu-img', 'create', '-q', '-f', qemu, *(['-o', options] if options else []), path, '8M'], check=True)
    data = path.read_bytes()
    assert inspect(data, ours) in (8 * MIB, None if ours == 'ploop' else 8 * MIB)
    fixed = 'fixed' in options  # the disk itself, with something behind it
    for other in {'qcow2', 'vmdk', 'vdi', 'vhdx', 'vhd', 'iso'} - {ours} | (set() if fixed else {'raw', 'ami'}):
        with pytest.raises(InvalidInput):
            inspect(data, other)


@pytest.mark.parametrize(
    'data',
    [
        DESCRIPTOR, DESCRIPTOR.ljust(8192, b'\0'), b'# comment\r\n\r\n#\n' * 900 + DESCRIPTOR, b'version=1\n' + b'x' * 5000, b'COWD'.ljust(4096, b'\0'),
        b'WithoutFreeSpace'.ljust(4096, b'\0'), b'Bochs Virtual HD Image'.ljust(4096, b'\0'), b'\0' * 4096 + b'koly'.ljust(512, b'\0'),
        b'QED\0'.ljust(4096, b'\0'), b'QFI\xfb\0\0\0\1'.ljust(4096, b'\0'),
    ],
    ids=['descriptor', 'padded', 'after comments', 'without a type', 'vmdk 3', 'parallels', 'bochs', 'dmg', 'qed', 'qcow 1'],
)  # fmt: skip
@pytest.mark.parametrize('chunk', [100, 4096, MIB])
def test_a_format_is_not_raw(data: bytes, chunk: int) -> None:
    with pytest.raises(InvalidInput, match='does not match disk_format raw'):
        inspect(data, 'raw', chunk=chunk)


@pytest.mark.parametrize(
    'data',
    [b'\0' * 4096, b'# a text\nabout a version=1\n' * 50, b'', b'x', b'#' * 70000],
    ids=['zeros', 'text', 'nothing', 'a byte', 'one line'],
)
def test_anything_else_is_raw(data: bytes) -> None:
    assert inspect(data, 'raw') is None


def test_a_disk_with_a_partition_table() -> None:
    mbr = bytearray(512)
    mbr[446:462] = struct.pack('<B3sB3sII', 0, b'\0\2\0', 0xEE, b'\xff\xff\xff', 1, 2047)
    mbr[510:512] = b'\x55\xaa'
    disk = (bytes(mbr) + b'EFI PART').ljust(MIB, b'\0')
    for disk_format in ('gpt', 'raw', 'ami'):
        assert inspect(disk, disk_format) is None
    for data, disk_format in ((disk, 'qcow2'), (b'\0' * MIB, 'gpt')):
        with pytest.raises(InvalidInput):
            inspect(data, disk_format)


def footer(size: int, kind: int = 2, spoil: int = 0) -> bytes:
    made = bytearray(
        struct.pack('>8sIIQI4sI4sQQIII', b'conectix', 2, 0x10000, (1 << 64) - 1, 0, b'test', 0, b'test', size, size, 0, kind, 0)
    )
    made += b'\0' * (512 - len(made))
    made[64:68] = struct.pack('>I', (~sum(made) + spoil) & 0xFFFFFFFF)
    return bytes(made)


def test_a_fixed_vhd_is_known_by_its_end() -> None:
    assert inspect(b'\0' * MIB + footer(MIB), 'vhd') == MIB
    for wrong in (footer(MIB, spoil=1), footer(2 * MIB), footer(MIB, kind=4), b'\0' * 512):
        with pytest.raises(InvalidInput):
            inspect(b'\0' * MIB + wrong, 'vhd')
    with pytest.raises(InvalidInput, match='qcow2'):
        inspect(b'QFI\xfb\0\0\0\3'.ljust(MIB, b'\0') + footer(MIB), 'vhd')


def test_a_disk_may_not_be_larger_than_the_limit() -> None:
    header = struct.pack('>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 16, 1 << 50, 0, 1, 0x30000, 0x10000, 1, 0, 0, 0, 0, 0, 4, 104)
    assert inspect(header.ljust(4096, b'\0'), 'qcow2', largest=1 << 50) == 1 << 50
    with pytest.raises(TooLarge):
        inspect(header.ljust(4096, b'\0'), 'qcow2', largest=(1 << 50) - 1)


# -- OVA


def ova(*members: tuple[str, bytes] | tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w', format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return stream.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


OVF = ('machine.ovf', b'<Envelope/>' * 50)
GOOD = ova(OVF, ('machine-disk1.vmdk', b'disk' * 3000), ('machine.mf', b''))


@pytest.mark.parametrize('chunk', [100, 512, 4096, MIB])
def test_an_ova_is_taken(chunk: int) -> None:
    assert inspect(GOOD, 'vmdk', 'ova', chunk) is None


@pytest.mark.parametrize(
    'data',
    [
        b'', b'\0' * 10240, b'PK\3\4'.ljust(4096, b'x'), ova(('disk.vmdk', b'x'), OVF), ova(OVF, ('../../etc/passwd', b'x')), ova(OVF, ('/etc/passwd', b'x')),
        ova(OVF, link('disk.vmdk', '/etc/passwd')), ova(OVF, ('disk.vmdk', b'1'), ('disk.vmdk', b'2')), GOOD[:3000], ova(('empty.ovf', b'')),
        ova(OVF, ('second.OVF', b'<Envelope/>')), ova(OVF, ('Disk.vmdk', b'1'), ('disk.VMDK', b'2')), GOOD + ova(('../up', b'x')), GOOD[:-1] + b'x',
        ova(OVF, ('x' * 200, b'x'), form=tarfile.GNU_FORMAT), ova(OVF, *((f'd{n}', b'') for n in range(1001))), GOOD[:300] + b'y' + GOOD[301:],
    ],
    ids=['nothing', 'zeros', 'a zip', 'the disk first', 'up', 'absolute', 'a link', 'twice', 'cut off', 'no description', 'two descriptions', 'twice but for case', 'a second archive behind', 'data behind the end', 'a long name', 'many', 'damaged'],
)  # fmt: skip
def test_what_is_no_ova_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match='not an OVA'):
        inspect(data, 'vmdk', 'ova')
