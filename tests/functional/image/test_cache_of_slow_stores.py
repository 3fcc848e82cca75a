"""What was read from a web server once is given from the cache the next time, though the server be gone."""

from __future__ import annotations

import functools
import hashlib
import json
import os

from image.db import cache as queries
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.web import Web

DATA = os.urandom(300_000)
OPTIONS = {
    'stores': 'one:filesystem,web:http', 'allowed_networks': '127.0.0.0/8', 'import_allowed_ports': '1-65535', 'show_multiple_locations': True,
    'cache_max_size': 1 << 20,
}  # fmt: skip
CLOUD = functools.partial(running, image=OPTIONS)
PATCH = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}


def elsewhere(admin: Client, web: Web) -> str:
    """An image whose data is at a web server; gives its id."""
    image = str(admin.ask('POST', 'image', '/v2/images', {'name': 'far', 'disk_format': 'raw', 'container_format': 'bare'})['id'])
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
    status, _, words = admin.raw('PATCH', f'{admin.catalog["image"]}/v2/images/{image}', body, headers=PATCH)
    assert status == 200, words
    return image


def download(admin: Client, image: str, **headers: str) -> tuple[int, bytes]:
    status, _, data = admin.raw('GET', f'{admin.catalog["image"]}/v2/images/{image}/file', headers=headers)
    return status, data


def cached(admin: Client, image: str) -> dict[str, int]:
    return {one['image_id']: one for one in admin.ask('GET', 'image', '/v2/cache')['cached_images']}.get(image, {})


def test_a_download_from_the_web_is_kept(admin: Client, web: Web) -> None:
    image = elsewhere(admin, web)
    assert download(admin, image) == (200, web.data)
    entry = eventually(lambda: cached(admin, image), what='the copy')
    assert entry['size'] == len(web.data) and entry['hits'] == 0
    asked = len(web.asked)
    web.status = 503
    assert download(admin, image) == (200, web.data)
    assert download(admin, image, Range='bytes=1000-1999') == (206, web.data[1000:2000])
    assert len(web.asked) == asked and cached(admin, image)['hits'] == 2


def test_other_data_than_the_image_says_are_not_kept(here: TestCloud, admin: Client, web: Web) -> None:
    image, honest = elsewhere(admin, web), web.data
    web.data = os.urandom(len(honest))
    assert admin.raw('PUT', f'{admin.catalog["image"]}/v2/cache/{image}')[0] == 202
    service = here.runtime.parts['image'].service

    def attempts() -> int:
        with service.db.read() as session:
            entry = queries.get_entry(session, service.cache.host, image)
        return entry.attempts if entry is not None and entry.state == queries.QUEUED else 0

    eventually(attempts, what='the attempt')
    assert not list(service.cache.directory.glob(f'{image}*')), 'nothing stays'
    assert not cached(admin, image) and image in admin.ask('GET', 'image', '/v2/cache')['queued_images']
