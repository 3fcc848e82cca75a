"""Images in S3 and Swift, over HTTP on both sides."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from image import upload
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.stores_cloud import Images, nobody_sweeps
from tests.unit.image.s3_server import S3Server, s3_server
from tests.unit.image.swift_server import SwiftServer, swift_server

DATA = os.urandom(1 << 20) * 6 + b'end'


@pytest.fixture(scope='module')
def s3() -> Iterator[S3Server]:
    with s3_server() as made:
        yield made


@pytest.fixture(scope='module')
def swift() -> Iterator[SwiftServer]:
    with swift_server() as made:
        yield made


@pytest.fixture(scope='module')
def here(s3: S3Server, swift: SwiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    groups = {
        'image': {'stores': 'near:filesystem,s3:s3,swift:swift', 'cache_max_size': 0, 'import_tries': 2},
        'image_store_s3': {
            'endpoint': s3.url, 'access_key': 'a', 'secret_key': 'b', 'addressing': 'path', 'create_bucket': True, 'part_size': 5 << 20,
            'timeout': 60.0,
        },
        'image_store_swift': {
            'auth_url': f'{swift.url}/v3', 'username': 'glance', 'password': swift.password, 'segment_size': 1 << 20, 'weight': -1,
            'timeout': 60.0,
        },
    }  # fmt: skip
    with nobody_sweeps(), running(tmp_path_factory.mktemp('remote'), **groups) as made:
        yield made


@pytest.fixture
def images(here: TestCloud) -> Images:
    return Images.of(here)


def kept(s3: S3Server, swift: SwiftServer, image: str) -> int:
    """How many objects and unfinished ones there are of an image, far away."""
    names = [key for _, key in s3.objects] + [key for _, key, _ in s3.uploads.values()]
    names += [name for container in swift.containers.values() for name in container]
    return sum(name.startswith(image) for name in names)


@pytest.mark.parametrize('store', ['s3', 'swift'])
def test_data_goes_far_and_comes_back(images: Images, s3: S3Server, swift: SwiftServer, store: str) -> None:
    image = images.create()
    assert images.put(image, DATA, store) == 204
    assert images.show(image)['stores'] == store and kept(s3, swift, image) >= 1
    assert images.data(image) == (200, DATA)
    assert images.data(image, Range=f'bytes={len(DATA) - 3}-') == (206, b'end')
    assert images.data(image, Range='bytes=1048575-1048577') == (206, DATA[1048575:1048578])
    images.send('DELETE', f'/images/{image}')
    assert kept(s3, swift, image) == 0


@pytest.mark.parametrize('store', ['s3', 'swift'])
def test_a_lie_leaves_nothing_far_away(images: Images, s3: S3Server, swift: SwiftServer, store: str) -> None:
    image = images.create(disk_format='iso')
    assert images.put(image, DATA, store) == 400
    assert images.show(image)['status'] == 'queued' and kept(s3, swift, image) == 0


def test_a_copy_in_every_store_is_read_when_others_are_away(images: Images, s3: S3Server, swift: SwiftServer) -> None:
    image = images.create()
    images.put(image, DATA, 's3')
    assert images.send('POST', f'/images/{image}/import', {'method': {'name': 'copy-image'}, 'all_stores': True})[0] == 202
    eventually(lambda: images.show(image)['stores'] == 'near,s3,swift')
    assert images.send('DELETE', f'/stores/near/{image}')[0] == 204
    for key in [one for one in s3.objects if one[1].startswith(image)]:
        del s3.objects[key]
    assert images.data(image) == (200, DATA)
    assert images.send('DELETE', f'/stores/s3/{image}')[0] == 204 and images.show(image)['stores'] == 'swift'
    assert images.data(image) == (200, DATA)


def test_a_store_that_is_away_fails_the_upload_and_is_cleaned_later(
    here: TestCloud, images: Images, s3: S3Server, swift: SwiftServer
) -> None:
    image, gone = images.create(), images.create()
    images.put(gone, DATA, 's3')
    s3.gone = True
    try:
        assert images.put(image, DATA, 's3') == 503 and images.show(image)['status'] == 'queued'
        assert images.send('DELETE', f'/images/{gone}')[0] == 204 and images.send('GET', f'/images/{gone}')[0] == 404
    finally:
        s3.gone = False
    assert images.put(image, DATA, 'near') == 204
    assert kept(s3, swift, gone) == 1
    upload.sweep(here.runtime.parts['image'].service)
    assert kept(s3, swift, gone) == 0
