"""What was read from a web server once is given from the cache the next time, though the server be gone."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.web import Web, web_server

PATCH = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}


@pytest.fixture(scope='module')
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    options = {
        'stores': 'one:filesystem,web:http',
        'allowed_networks': '127.0.0.0/8',
        'import_allowed_ports': '1-65535',
        'show_multiple_locations': True,
        'cache_max_size': 1 << 20,
    }
    state: pathlib.Path = tmp_path_factory.mktemp('slow')
    with running(state, image=options) as made:
        yield made


@pytest.fixture(scope='module')
def client(here: TestCloud) -> Client:
    return here.client()


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as made:
        made.data = os.urandom(300_000)
        yield made


def elsewhere(client: Client, web: Web) -> str:
    """An image whose data is at a web server; gives its id."""
    image = str(client.ask('POST', 'image', '/v2/images', {'name': 'far', 'disk_format': 'raw', 'container_format': 'bare'})['id'])
    place = {
        'url': web.url,
        'metadata': {},
        'validation_data': {
            'os_hash_algo': 'sha512',
            'os_hash_value': hashlib.sha512(web.data).hexdigest(),
            'checksum': hashlib.md5(web.data).hexdigest(),
        },
    }
    body = json.dumps([{'op': 'add', 'path': '/locations/-', 'value': place}]).encode()
    status, _, words = client.raw('PATCH', f'{client.catalog["image"]}/v2/images/{image}', body, headers=PATCH)
    assert status == 200, words
    return image


def download(client: Client, image: str, **headers: str) -> tuple[int, bytes]:
    status, _, data = client.raw('GET', f'{client.catalog["image"]}/v2/images/{image}/file', headers=headers)
    return status, data


def cached(client: Client, image: str) -> dict[str, int]:
    return {one['image_id']: one for one in client.ask('GET', 'image', '/v2/cache')['cached_images']}.get(image, {})


def test_a_download_from_the_web_is_kept(client: Client, web: Web) -> None:
    image = elsewhere(client, web)
    assert download(client, image) == (200, web.data)
    entry = eventually(lambda: cached(client, image), what='the copy')
    assert entry['size'] == len(web.data) and entry['hits'] == 0
    asked = len(web.asked)
    web.status = 503
    assert download(client, image) == (200, web.data)
    assert download(client, image, Range='bytes=1000-1999') == (206, web.data[1000:2000])
    assert len(web.asked) == asked and cached(client, image)['hits'] == 2


def test_other_data_than_the_image_says_are_not_kept(here: TestCloud, client: Client, web: Web) -> None:
    image, honest = elsewhere(client, web), web.data
    web.data = os.urandom(len(honest))
    assert client.raw('PUT', f'{client.catalog["image"]}/v2/cache/{image}')[0] == 202
    asked = len(web.asked)
    eventually(lambda: len(web.asked) > asked, what='the attempt')
    service = here.runtime.parts['image'].service
    eventually(lambda: not list(service.cache.directory.glob(f'{image}*')), what='that nothing stays')
    assert not cached(client, image) and image in client.ask('GET', 'image', '/v2/cache')['queued_images']
