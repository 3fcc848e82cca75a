"""The image cache over HTTP and with the real clients: queue, copies, hits, limits, and what a dead process leaves behind."""

from __future__ import annotations

import datetime
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from common.clock import now
from image import cache_fetch, caching
from image.caching import ImageCache
from image.db import cache as queries
from image.db import images as image_queries
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually

OCTETS = {'Content-Type': 'application/octet-stream'}


@pytest.fixture(scope='module')
def client(cloud: TestCloud) -> Client:
    return cloud.client()


@pytest.fixture
def service(cloud: TestCloud, client: Client) -> Iterator[Any]:
    """The service with an empty cache."""
    made = cloud.runtime.parts['image'].service
    client.raw('DELETE', f'{client.catalog["image"]}/v2/cache')
    yield made
    client.raw('DELETE', f'{client.catalog["image"]}/v2/cache')


@pytest.fixture
def aside(service: Any, tmp_path: Any) -> Iterator[ImageCache]:
    """A cache of another host in the same service, that no worker looks after: the test turns the handle."""
    usual = service.cache
    service.cache = ImageCache(tmp_path / 'aside', 10000, 'aside')
    yield service.cache
    with service.db.write() as session:
        queries.remove(session, 'aside', [entry.image_id for entry in queries.list_entries(session, 'aside')])
    service.cache = usual


def image(client: Client, data: bytes | None = b'data', **values: Any) -> str:
    body = {'name': 'cached', 'disk_format': 'raw', 'container_format': 'bare', **values}
    made = str(client.ask('POST', 'image', '/v2/images', body)['id'])
    if data is not None:
        assert client.raw('PUT', f'{client.catalog["image"]}/v2/images/{made}/file', data, headers=OCTETS)[0] == 204
    return made


def call(client: Client, method: str, path: str, **headers: str) -> int:
    return client.raw(method, f'{client.catalog["image"]}/v2/cache{path}', headers=headers)[0]


def listed(client: Client) -> dict[str, Any]:
    found = client.ask('GET', 'image', '/v2/cache')
    return {'cached': {entry['image_id']: entry for entry in found['cached_images']}, 'queued': found['queued_images']}


def fetch(service: Any) -> bool:
    return cache_fetch.fetch_next(service, threading.Event())


def download(client: Client, made: str) -> bytes:
    return client.raw('GET', f'{client.catalog["image"]}/v2/images/{made}/file')[2]


def test_a_queued_image_is_cached_used_and_forgotten(service: Any, client: Client) -> None:
    made = image(client, b'worth keeping')
    assert call(client, 'PUT', f'/{made}') == 202
    entry = eventually(lambda: listed(client)['cached'].get(made))
    assert entry['size'] == 13 and entry['hits'] == 0 and abs(entry['last_modified'] - now().replace(tzinfo=datetime.UTC).timestamp()) < 60
    service.cache.path(next(service.cache.directory.glob(f'{made}.*')).name).write_bytes(b'from the copy')
    assert download(client, made) == b'from the copy', 'the copy is what is given'
    assert listed(client)['cached'][made]['hits'] == 1
    assert client.ask('GET', 'image', f'/v2/cache/nodes/{made}') == [service.cache.host]
    assert call(client, 'DELETE', f'/{made}') == 204 and made not in listed(client)['cached']
    assert download(client, made) == b'worth keeping' and not list(service.cache.directory.glob(f'{made}*'))
    assert call(client, 'DELETE', f'/{made}') == 404


def test_what_cannot_be_cached_is_refused(service: Any, client: Client) -> None:
    assert call(client, 'PUT', '/no-such-image') == 404
    assert call(client, 'PUT', f'/{image(client, None)}') == 400
    assert call(client, 'DELETE', '', **{'x-image-cache-clear-target': 'invalid'}) == 400
    assert call(client, 'DELETE', '/..%2f..%2fetc') == 404


def test_only_administrators(cloud: TestCloud, service: Any, client: Client) -> None:
    made, demo = image(client), cloud.client('demo')
    for method, path in (('GET', ''), ('PUT', f'/{made}'), ('DELETE', f'/{made}'), ('DELETE', ''), ('POST', '/prune'), ('POST', '/clean')):
        assert call(demo, method, path) == 403, (method, path)


def test_cache_and_queue_are_cleared_apart(service: Any, aside: ImageCache, client: Client) -> None:
    first, second = image(client, b'1' * 10), image(client, b'2' * 10)
    call(client, 'PUT', f'/{first}')
    assert fetch(service)
    call(client, 'PUT', f'/{second}')
    assert list(listed(client)['cached']) == [first] and listed(client)['queued'] == [second]
    assert call(client, 'DELETE', '', **{'x-image-cache-clear-target': 'queue'}) == 204
    assert list(listed(client)['cached']) == [first] and listed(client)['queued'] == []
    call(client, 'PUT', f'/{second}')
    assert call(client, 'DELETE', '', **{'x-image-cache-clear-target': 'cache'}) == 204
    assert listed(client) == {'cached': {}, 'queued': [second]}
    assert call(client, 'DELETE', '') == 204 and listed(client) == {'cached': {}, 'queued': []}


def test_the_least_recently_used_copy_makes_room(service: Any, aside: ImageCache, client: Client) -> None:
    old, used, new = (image(client, bytes([n]) * 4000) for n in (1, 2, 3))
    for made in (used, old):
        call(client, 'PUT', f'/{made}')
        fetch(service)
    download(client, used)
    call(client, 'PUT', f'/{new}')
    assert fetch(service) and set(listed(client)['cached']) == {used, new}
    assert download(client, old) == b'\1' * 4000
    assert call(client, 'PUT', f'/{image(client, b"x" * 10001)}') == 400
    aside.max_size = 5000
    pruned = client.ask('POST', 'image', '/v2/cache/prune')
    assert pruned == {'total_files_pruned': 1, 'total_bytes_pruned': 4000} and set(listed(client)['cached']) == {new}


def test_a_deleted_image_leaves_no_copy(service: Any, aside: ImageCache, client: Client) -> None:
    made = image(client)
    call(client, 'PUT', f'/{made}')
    fetch(service)
    client.ask('DELETE', 'image', f'/v2/images/{made}')
    assert listed(client)['cached'] == {} and list(aside.directory.iterdir()) == []


def test_other_data_than_were_uploaded_are_not_cached(service: Any, aside: ImageCache, client: Client) -> None:
    made = image(client, b'good data')
    path = next(service_path for service_path in service_files(service, made))
    path.write_bytes(b'evil data')
    call(client, 'PUT', f'/{made}')
    assert fetch(service) and list(aside.directory.iterdir()) == []
    assert listed(client) == {'cached': {}, 'queued': [made]} and not fetch(service), 'put off'


def service_files(service: Any, made: str) -> Iterator[Any]:
    """Where the filesystem store has the data of an image."""
    import pathlib

    with service.stores.get(service.stores.default).open(made) as file:
        yield pathlib.Path(file.name)


def test_what_a_dead_process_left_is_not_used_and_is_fetched_again(service: Any, aside: ImageCache, client: Client) -> None:
    made = image(client, b'whole data')
    call(client, 'PUT', f'/{made}')
    with service.db.write() as session:  # a worker took it, wrote a part, and died
        entry = queries.claim(session, 'aside', 'dead', now(), now() - datetime.timedelta(seconds=1))
    assert entry is not None
    part = aside.path(f'{made}.dead{caching.PART}')
    part.write_bytes(b'whole')
    assert call(client, 'POST', '/clean') == 204 and part.exists(), 'its owner may live'
    assert download(client, made) == b'whole data' and listed(client) == {'cached': {}, 'queued': [made]}
    assert fetch(service) and list(listed(client)['cached']) == [made]
    assert call(client, 'POST', '/clean') == 204 and not part.exists()
    next(aside.directory.glob(f'{made}.*')).write_bytes(b'short')
    assert download(client, made) == b'whole data' and listed(client)['cached'] == {}, 'a broken copy is not given'


def test_other_data_of_the_same_image_replace_its_copy(service: Any, aside: ImageCache, client: Client) -> None:
    made = image(client, b'older data')
    call(client, 'PUT', f'/{made}')
    fetch(service)
    with service.db.read() as session:
        record = image_queries.get_image(session, made)
    assert record is not None
    newer = hashlib.sha512(b'newer data').hexdigest()
    next(service_files(service, made)).write_bytes(b'newer data')
    with service.db.write() as session:
        image_queries.set_columns(session, made, expect={}, os_hash_value=newer)
    assert download(client, made) == b'newer data', 'the copy of the older ones is not given'
    assert call(client, 'PUT', f'/{made}') == 202 and listed(client)['queued'] == [made]
    assert fetch(service) and download(client, made) == b'newer data' and listed(client)['cached'][made]['hits'] == 1
    assert call(client, 'POST', '/clean') == 204 and [path.name for path in aside.directory.iterdir()] == [f'{made}.{newer[:16]}']


def test_a_wish_taken_back_while_it_is_fetched_leaves_nothing(service: Any, aside: ImageCache, client: Client) -> None:
    made = image(client, b'whole data')
    call(client, 'PUT', f'/{made}')
    store = service.stores.get(service.stores.default)
    usual = store.open

    def meanwhile(*place: str) -> Any:
        assert call(client, 'DELETE', f'/{made}') == 204
        return usual(*place)

    store.open = meanwhile
    try:
        assert fetch(service)
    finally:
        del store.open
    assert list(aside.directory.iterdir()) == [] and listed(client) == {'cached': {}, 'queued': []}


def test_a_worker_that_was_given_up_cannot_end_its_fetch(service: Any, aside: ImageCache, client: Client) -> None:
    made = image(client, b'whole data')
    call(client, 'PUT', f'/{made}')
    store = service.stores.get(service.stores.default)
    usual = store.open

    def meanwhile(*place: str) -> Any:
        with service.db.write() as session:  # another worker took it, since this one showed no sign of life
            queries.change(session, 'aside', made, lease_id='another')
        return usual(*place)

    store.open = meanwhile
    try:
        assert fetch(service)
    finally:
        del store.open
    with service.db.read() as session:
        entry = queries.get_entry(session, 'aside', made)
    assert entry is not None and entry.state == 'fetching' and entry.lease_id == 'another' and list(aside.directory.iterdir()) == []


def test_the_sdk(cloud: TestCloud, service: Any, client: Client) -> None:
    made, connection = image(client, b'sdk'), cloud.sdk()
    connection.image.queue_image(made)
    found = eventually(lambda: [one for one in connection.image.get_image_cache().cached_images if one.image_id == made])
    assert found[0].size == 3
    connection.image.cache_delete_image(made)
    connection.image.clear_cache('cache')
    assert not connection.image.get_image_cache().cached_images
