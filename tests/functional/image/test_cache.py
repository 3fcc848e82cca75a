"""The image cache over HTTP and with the real clients: queue, copies, hits, limits, and what a dead process leaves behind."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import pathlib
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
from tests.functional.cloud import TestCloud, eventually, running

OCTETS = {'Content-Type': 'application/octet-stream'}


@contextlib.contextmanager
def CLOUD(state: pathlib.Path) -> Iterator[TestCloud]:
    """Its worker fetches when it is told to, and only then: else it would also look after the caches that tests put in the place of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('image.cache_fetch._TURN', 3600.0)
        with running(state) as made:
            yield made


@pytest.fixture
def service(here: TestCloud, admin: Client) -> Iterator[Any]:
    """The service with an empty cache."""
    made = here.runtime.parts['image'].service
    admin.raw('DELETE', f'{admin.catalog["image"]}/v2/cache')
    yield made
    admin.raw('DELETE', f'{admin.catalog["image"]}/v2/cache')


@pytest.fixture
def aside(service: Any, tmp_path: Any) -> Iterator[ImageCache]:
    """A cache of another host in the same service, that no worker looks after: the test turns the handle."""
    usual = service.cache
    service.cache = ImageCache(tmp_path / 'aside', 10000, 'aside')
    yield service.cache
    with service.db.write() as session:
        queries.remove(session, 'aside', [entry.image_id for entry in queries.list_entries(session, 'aside')])
    service.cache = usual


def image(admin: Client, data: bytes | None = b'data', **values: Any) -> str:
    body = {'name': 'cached', 'disk_format': 'raw', 'container_format': 'bare', **values}
    made = str(admin.ask('POST', 'image', '/v2/images', body)['id'])
    if data is not None:
        assert admin.raw('PUT', f'{admin.catalog["image"]}/v2/images/{made}/file', data, headers=OCTETS)[0] == 204
    return made


def call(admin: Client, method: str, path: str, **headers: str) -> int:
    return admin.raw(method, f'{admin.catalog["image"]}/v2/cache{path}', headers=headers)[0]


def listed(admin: Client) -> dict[str, Any]:
    found = admin.ask('GET', 'image', '/v2/cache')
    return {'cached': {entry['image_id']: entry for entry in found['cached_images']}, 'queued': found['queued_images']}


def fetch(service: Any) -> bool:
    return cache_fetch.fetch_next(service, threading.Event())


def download(admin: Client, made: str) -> bytes:
    return admin.raw('GET', f'{admin.catalog["image"]}/v2/images/{made}/file')[2]


def test_a_queued_image_is_cached_used_and_forgotten(service: Any, admin: Client) -> None:
    made = image(admin, b'worth keeping')
    assert call(admin, 'PUT', f'/{made}') == 202
    entry = eventually(lambda: listed(admin)['cached'].get(made))
    assert entry['size'] == 13 and entry['hits'] == 0 and abs(entry['last_modified'] - now().replace(tzinfo=datetime.UTC).timestamp()) < 60
    service.cache.path(next(service.cache.directory.glob(f'{made}.*')).name).write_bytes(b'from the copy')
    assert download(admin, made) == b'from the copy', 'the copy is what is given'
    assert listed(admin)['cached'][made]['hits'] == 1
    assert admin.ask('GET', 'image', f'/v2/cache/nodes/{made}') == [service.cache.host]
    assert call(admin, 'DELETE', f'/{made}') == 204 and made not in listed(admin)['cached']
    assert download(admin, made) == b'worth keeping' and not list(service.cache.directory.glob(f'{made}*'))
    assert call(admin, 'DELETE', f'/{made}') == 404


def test_what_cannot_be_cached_is_refused(service: Any, admin: Client) -> None:
    assert call(admin, 'PUT', '/no-such-image') == 404
    assert call(admin, 'PUT', f'/{image(admin, None)}') == 400
    assert call(admin, 'DELETE', '', **{'x-image-cache-clear-target': 'invalid'}) == 400
    assert call(admin, 'DELETE', '/..%2f..%2fetc') == 404


def test_only_administrators(here: TestCloud, service: Any, admin: Client) -> None:
    made, demo = image(admin), here.client('demo')
    for method, path in (('GET', ''), ('PUT', f'/{made}'), ('DELETE', f'/{made}'), ('DELETE', ''), ('POST', '/prune'), ('POST', '/clean')):
        assert call(demo, method, path) == 403, (method, path)


def test_cache_and_queue_are_cleared_apart(service: Any, aside: ImageCache, admin: Client) -> None:
    first, second = image(admin, b'1' * 10), image(admin, b'2' * 10)
    call(admin, 'PUT', f'/{first}')
    assert fetch(service)
    call(admin, 'PUT', f'/{second}')
    assert list(listed(admin)['cached']) == [first] and listed(admin)['queued'] == [second]
    assert call(admin, 'DELETE', '', **{'x-image-cache-clear-target': 'queue'}) == 204
    assert list(listed(admin)['cached']) == [first] and listed(admin)['queued'] == []
    call(admin, 'PUT', f'/{second}')
    assert call(admin, 'DELETE', '', **{'x-image-cache-clear-target': 'cache'}) == 204
    assert listed(admin) == {'cached': {}, 'queued': [second]}
    assert call(admin, 'DELETE', '') == 204 and listed(admin) == {'cached': {}, 'queued': []}


def test_the_least_recently_used_copy_makes_room(service: Any, aside: ImageCache, admin: Client) -> None:
    old, used, new = (image(admin, bytes([n]) * 4000) for n in (1, 2, 3))
    for made in (used, old):
        call(admin, 'PUT', f'/{made}')
        fetch(service)
    download(admin, used)
    call(admin, 'PUT', f'/{new}')
    assert fetch(service) and set(listed(admin)['cached']) == {used, new}
    assert download(admin, old) == b'\1' * 4000
    assert call(admin, 'PUT', f'/{image(admin, b"x" * 10001)}') == 400
    aside.max_size = 5000
    pruned = admin.ask('POST', 'image', '/v2/cache/prune')
    assert pruned == {'total_files_pruned': 1, 'total_bytes_pruned': 4000} and set(listed(admin)['cached']) == {new}


def test_a_deleted_image_leaves_no_copy(service: Any, aside: ImageCache, admin: Client) -> None:
    made = image(admin)
    call(admin, 'PUT', f'/{made}')
    fetch(service)
    admin.ask('DELETE', 'image', f'/v2/images/{made}')
    assert listed(admin)['cached'] == {} and list(aside.directory.iterdir()) == []


def test_other_data_than_were_uploaded_are_not_cached(service: Any, aside: ImageCache, admin: Client) -> None:
    made = image(admin, b'good data')
    path = next(service_path for service_path in service_files(service, made))
    path.write_bytes(b'evil data')
    call(admin, 'PUT', f'/{made}')
    assert fetch(service) and list(aside.directory.iterdir()) == []
    assert listed(admin) == {'cached': {}, 'queued': [made]} and not fetch(service), 'put off'


def service_files(service: Any, made: str) -> Iterator[Any]:
    """Where the filesystem store has the data of an image."""
    with service.stores.get(service.stores.default).open(made) as file:
        yield pathlib.Path(file.name)


def test_what_a_dead_process_left_is_not_used_and_is_fetched_again(service: Any, aside: ImageCache, admin: Client) -> None:
    made = image(admin, b'whole data')
    call(admin, 'PUT', f'/{made}')
    with service.db.write() as session:  # a worker took it, wrote a part, and died
        entry = queries.claim(session, 'aside', 'dead', now(), now() - datetime.timedelta(seconds=1))
    assert entry is not None
    part = aside.path(f'{made}.dead{caching.PART}')
    part.write_bytes(b'whole')
    assert call(admin, 'POST', '/clean') == 204 and part.exists(), 'its owner may live'
    assert download(admin, made) == b'whole data' and listed(admin) == {'cached': {}, 'queued': [made]}
    assert fetch(service) and list(listed(admin)['cached']) == [made]
    assert call(admin, 'POST', '/clean') == 204 and not part.exists()
    next(aside.directory.glob(f'{made}.*')).write_bytes(b'short')
    assert download(admin, made) == b'whole data' and listed(admin)['cached'] == {}, 'a broken copy is not given'


def test_other_data_of_the_same_image_replace_its_copy(service: Any, aside: ImageCache, admin: Client) -> None:
    made = image(admin, b'older data')
    call(admin, 'PUT', f'/{made}')
    fetch(service)
    with service.db.read() as session:
        record = image_queries.get_image(session, made)
    assert record is not None
    newer = hashlib.sha512(b'newer data').hexdigest()
    next(service_files(service, made)).write_bytes(b'newer data')
    with service.db.write() as session:
        image_queries.set_columns(session, made, expect={}, os_hash_value=newer)
    assert download(admin, made) == b'newer data', 'the copy of the older ones is not given'
    assert call(admin, 'PUT', f'/{made}') == 202 and listed(admin)['queued'] == [made]
    assert fetch(service) and download(admin, made) == b'newer data' and listed(admin)['cached'][made]['hits'] == 1
    assert call(admin, 'POST', '/clean') == 204 and [path.name for path in aside.directory.iterdir()] == [f'{made}.{newer[:16]}']


def test_a_wish_taken_back_while_it_is_fetched_leaves_nothing(service: Any, aside: ImageCache, admin: Client) -> None:
    made = image(admin, b'whole data')
    call(admin, 'PUT', f'/{made}')
    store = service.stores.get(service.stores.default)
    usual = store.open

    def meanwhile(*place: str) -> Any:
        assert call(admin, 'DELETE', f'/{made}') == 204
        return usual(*place)

    store.open = meanwhile
    try:
        assert fetch(service)
    finally:
        del store.open
    assert list(aside.directory.iterdir()) == [] and listed(admin) == {'cached': {}, 'queued': []}


def test_a_worker_that_was_given_up_cannot_end_its_fetch(service: Any, aside: ImageCache, admin: Client) -> None:
    made = image(admin, b'whole data')
    call(admin, 'PUT', f'/{made}')
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


def test_the_sdk(here: TestCloud, service: Any, admin: Client) -> None:
    made, connection = image(admin, b'sdk'), here.sdk()
    connection.image.queue_image(made)
    found = eventually(lambda: [one for one in connection.image.get_image_cache().cached_images if one.image_id == made])
    assert found[0].size == 3
    connection.image.cache_delete_image(made)
    connection.image.clear_cache('cache')
    assert not connection.image.get_image_cache().cached_images
