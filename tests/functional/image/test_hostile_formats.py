"""Images whose headers would make a hypervisor open other files of its host are refused over HTTP."""

from __future__ import annotations

import struct

import pytest

from tests.bench.client import Client

OCTETS = {'Content-Type': 'application/octet-stream'}
DESCRIPTOR = '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicSparse"\n'
OWN_EXTENT = 'RW 2048 SPARSE "own.vmdk"\n'


def qcow2(incompatible: int) -> bytes:
    header = struct.pack(
        '>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 16, 1 << 24, 0, 1, 0x30000, 0x10000, 1, 0, 0, incompatible, 0, 0, 4, 104
    )
    return header.ljust(4096, b'\0')


def vmdk(extents: str) -> bytes:
    header = struct.pack('<4sIIQQQQIQQQ', b'KDMV', 1, 3, 2048, 128, 1, 2, 512, 0, 0, 128).ljust(512, b'\0')
    return (header + (DESCRIPTOR + extents).encode()).ljust(8192, b'\0')


def upload(client: Client, disk_format: str, data: bytes) -> tuple[int, dict[str, object]]:
    body = {'name': 'test', 'disk_format': disk_format, 'container_format': 'bare'}
    image = client.ask('POST', 'image', '/v2/images', body)['id']
    status, _, _ = client.raw('PUT', f'{client.catalog["image"]}/v2/images/{image}/file', data, headers=OCTETS)
    return status, client.ask('GET', 'image', f'/v2/images/{image}')


@pytest.mark.parametrize(
    ('disk_format', 'data', 'size'), [('qcow2', qcow2(0), 1 << 24), ('vmdk', vmdk(OWN_EXTENT), 1 << 20)], ids=['qcow2', 'vmdk']
)
def test_an_honest_image_is_taken(client: Client, disk_format: str, data: bytes, size: int) -> None:
    status, shown = upload(client, disk_format, data)
    assert status == 204 and shown['status'] == 'active' and shown['virtual_size'] == size


@pytest.mark.parametrize(
    ('disk_format', 'data'),
    [
        ('qcow2', qcow2(1 << 2)),
        ('qcow2', qcow2(1 << 10)),
        ('vmdk', vmdk('RW 2048 FLAT "/etc/passwd" 0\n')),
        ('vmdk', vmdk(OWN_EXTENT + 'RW 2048 FLAT "/etc/passwd" 0\n')),
        ('vmdk', vmdk('RW 2048 SPARSE "/etc/passwd"\n')),
        ('vmdk', vmdk(OWN_EXTENT + 'parentFileNameHint="/srv/images/of-another.vmdk"\n')),
        ('vmdk', vmdk(OWN_EXTENT)[:700]),
        ('qcow2', qcow2(0)[:60]),
        ('vhdx', b'vhdxfile'.ljust(300_000, b'\0')),
    ],
    ids=[
        'an external data file',
        'an unknown feature',
        'another extent',
        'a second extent',
        'an extent with a path',
        'a parent',
        'a VMDK cut off',
        'a qcow2 cut off',
        'a VHDX without tables',
    ],
)
def test_a_hostile_header_is_refused(client: Client, disk_format: str, data: bytes) -> None:
    status, shown = upload(client, disk_format, data)
    assert status == 400 and shown['status'] == 'queued' and shown['size'] is None
