"""Small disk images of all formats, good ones and bad ones, with the manifest that tempest's tests of formats read.

python -m tests.acceptance.image_formats FOLDER
"""

from __future__ import annotations

import json
import pathlib
import shutil
import struct
import subprocess
import sys

SIZE = 8 << 20
# name: (format that users would say, what qemu-img makes, its options, whether a host may use it)
_MADE = {
    'qcow2': ('qcow2', 'qcow2', 'compat=1.1', True),
    'qcow2-old': ('qcow2', 'qcow2', 'compat=0.10', True),
    'qcow2-backing': ('qcow2', 'qcow2', 'backing_file=/etc/passwd,backing_fmt=raw', False),
    'qcow2-data-file': ('qcow2', 'qcow2', 'data_file=/etc/passwd,data_file_raw=on', False),
    'vmdk-monolithicSparse': ('vmdk', 'vmdk', 'subformat=monolithicSparse', True),
    'vmdk-streamOptimized': ('vmdk', 'vmdk', 'subformat=streamOptimized', True),
    'vmdk-monolithicFlat': ('vmdk', 'vmdk', 'subformat=monolithicFlat', False),
    'vdi': ('vdi', 'vdi', '', True),
    'vhd': ('vhd', 'vpc', 'subformat=dynamic', True),
    'vhdx': ('vhdx', 'vhdx', '', True),
}


def make(folder: pathlib.Path) -> pathlib.Path:
    """Write the images and the manifest into a folder; gives the manifest. Raises CalledProcessError when qemu-img cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, (said, made, options, usable) in _MADE.items():
        path = folder / f'{name}.img'
        # The bad ones name files that the tool must not open while it makes them.
        stand_in = folder / 'stand-in.raw'
        stand_in.write_bytes(bytes(SIZE))
        wanted = options.replace('/etc/passwd', str(stand_in))
        subprocess.run(
            ['qemu-img', 'create', '-q', '-f', made, *(['-o', wanted] if wanted else []), str(path), str(SIZE)], check=True, timeout=60
        )
        entries.append({'name': name, 'format': said, 'filename': path.name, 'usable': usable})
    for name, data in (('raw', b'\xa5' * 65536), ('gpt', _gpt()), ('iso', _iso(folder))):
        (folder / f'{name}.img').write_bytes(data)
        entries.append({'name': name, 'format': name, 'filename': f'{name}.img', 'usable': True})
    manifest = folder / 'manifest.yaml'
    manifest.write_text(json.dumps({'images': entries}, indent=1))  # which is YAML too
    return manifest


def _gpt() -> bytes:
    """A disk with a protective partition record (UEFI 2.10, 5.2.3) and an empty table behind it."""
    record = bytearray(512)
    record[446:462] = struct.pack('<8BII', 0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, SIZE // 512 - 1)
    record[510:512] = b'\x55\xaa'
    header = b'EFI PART' + struct.pack('<III', 0x10000, 92, 0)
    return bytes(record) + header.ljust(512, b'\0') + bytes(SIZE - 1024)


def _iso(folder: pathlib.Path) -> bytes:
    (folder / 'content').mkdir(exist_ok=True)
    (folder / 'content' / 'note').write_text('a disc')
    path = folder / 'made.iso'
    subprocess.run(['genisoimage', '-quiet', '-V', 'TEST', '-o', str(path), str(folder / 'content')], check=True, timeout=60)
    data = path.read_bytes()
    path.unlink()
    shutil.rmtree(folder / 'content')
    return data


if __name__ == '__main__':
    print(make(pathlib.Path(sys.argv[1])))
