"""Image data over HTTP: what goes in comes out, lies are refused, and a late upload harms nobody."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest

from common.clock import now
from common.context import Context
from common.errors import Gone
from image import upload
from tests.bench.client import Client
from tests.functional.cloud import TestCloud

OCTETS = {'Content-Type': 'application/octet-stream'}


def create(client: Client, disk_format: str = 'raw', **values: Any) -> str:
    body = {'name': 'test', 'disk_format': disk_format, 'container_format': 'bare', **values}
    return str(client.ask('POST', 'image', '/v2/images', body)['id'])


def put(client: Client, image: str, data: bytes) -> tuple[int, bytes]:
    status, _, body = client.raw('PUT', f'{client.catalog["image"]}/v2/images/{image}/file', data, headers=OCTETS)
    return status, body


def qcow2(backing_offset: int = 0) -> bytes:
    header = struct.pack(
        '>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, backing_offset, 0, 16, 1 << 24, 0, 1, 0x30000, 0x10000, 1, 0, 0, 0, 0, 0, 4, 104
    )
    return header.ljust(4096, b'\0')


def test_data_comes_back_with_its_hashes(client: Client) -> None:
    image, data = create(client), bytes(range(256)) * 5000
    assert put(client, image, data)[0] == 204
    shown = client.ask('GET', 'image', f'/v2/images/{image}')
    assert shown['status'] == 'active' and shown['size'] == len(data)
    assert shown['checksum'] == hashlib.md5(data).hexdigest() and shown['os_hash_value'] == hashlib.sha512(data).hexdigest()
    assert client.ask('GET', 'image', f'/v2/images/{image}/file') == data


@pytest.mark.parametrize(('asked', 'first', 'last'), [('bytes=0-9', 0, 10), ('bytes=100-', 100, 1000), ('bytes=-5', 995, 1000)])
def test_a_range(client: Client, asked: str, first: int, last: int) -> None:
    image, data = create(client), bytes(n % 251 for n in range(1000))
    put(client, image, data)
    status, headers, body = client.raw('GET', f'{client.catalog["image"]}/v2/images/{image}/file', headers={'Range': asked})
    assert status == 206 and body == data[first:last] and headers['content-range'] == f'bytes {first}-{last - 1}/1000'


@pytest.mark.parametrize(
    ('disk_format', 'data'),
    [('raw', qcow2()), ('qcow2', b'\0' * 4096), ('qcow2', qcow2(backing_offset=512)), ('vmdk', qcow2())],
    ids=['qcow2 said to be raw', 'zeros said to be qcow2', 'a backing file', 'qcow2 said to be vmdk'],
)
def test_a_lie_is_refused_and_the_image_waits_for_better_data(client: Client, disk_format: str, data: bytes) -> None:
    image = create(client, disk_format)
    assert put(client, image, data)[0] == 400
    shown = client.ask('GET', 'image', f'/v2/images/{image}')
    assert shown['status'] == 'queued' and shown['size'] is None
    assert client.raw('GET', f'{client.catalog["image"]}/v2/images/{image}/file')[0] == 204


def test_an_upload_that_was_given_up_cannot_touch_the_next_ones_data(cloud: TestCloud, client: Client) -> None:
    service = cloud.runtime.parts['image'].service
    image = create(client)
    ctx = Context.service('test').but(project_id=client.project_id)
    late = iter([b'late' * 1000, b''])

    def read(size: int) -> bytes:
        piece = next(late)
        if not piece:
            with service.db.write() as session:  # what the sweeper does with an upload that shows no sign of life
                upload.queries.set_columns(session, image, expect={'status': 'saving'}, status='queued', upload_id=None, updated_at=now())
            assert put(client, image, b'good' * 1000)[0] == 204
        return piece

    with pytest.raises(Gone):
        upload.store_data(service, ctx, image, read, None)
    assert client.ask('GET', 'image', f'/v2/images/{image}/file') == b'good' * 1000
    assert client.ask('GET', 'image', f'/v2/images/{image}')['status'] == 'active'


def test_another_project_does_not_see_a_private_image(cloud: TestCloud, client: Client) -> None:
    image = create(client, visibility='private')
    put(client, image, b'secret')
    demo = cloud.client('demo')
    base = f'{demo.catalog["image"]}/v2/images/{image}'
    for method, path in (('GET', ''), ('GET', '/file'), ('DELETE', ''), ('GET', '/members'), ('PUT', '/tags/x')):
        assert demo.raw(method, base + path)[0] == 404, path
    assert image not in [found['id'] for found in demo.ask('GET', 'image', '/v2/images?limit=1000')['images']]
