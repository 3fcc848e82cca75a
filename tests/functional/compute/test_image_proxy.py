"""Images through the compute API, as clients of old microversions see them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud
from tests.functional.compute.servers import make_image


class Proxy:
    """Asks the compute API as a user."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def ask(self, method: str, path: str, body: Any = None, version: str = '2.1') -> tuple[int, Any]:
        headers = {'OpenStack-API-Version': f'compute {version}'}
        status, _, data = self.client.raw(method, f'{self.client.catalog["compute"]}/images{path}', body, headers=headers)
        return status, json.loads(data) if data else None


def make(client: Client, name: str, data: bytes | None = b'*' * 1024, **values: Any) -> str:
    return make_image(client, name, data, **{'visibility': 'private', **values})


@pytest.fixture(scope='module')
def proxy(cloud: TestCloud) -> Proxy:
    return Proxy(cloud.client())


@pytest.fixture(scope='module')
def stranger(cloud: TestCloud) -> Proxy:
    """Somebody of another project."""
    return Proxy(cloud.newcomer('stranger'))


def test_an_image_is_shown_in_the_words_of_this_api(proxy: Proxy) -> None:
    server = str(uuid.uuid4())
    made = make(proxy.client, 'whole', min_disk=2, min_ram=64, purpose='test', instance_uuid=server)
    status, body = proxy.ask('GET', f'/{made}')
    image = body['image']
    assert status == 200
    assert {name: image[name] for name in ('status', 'progress', 'minDisk', 'minRam', 'name', 'metadata', 'OS-EXT-IMG-SIZE:size')} == {
        'status': 'ACTIVE', 'progress': 100, 'minDisk': 2, 'minRam': 64, 'name': 'whole',
        'metadata': {'purpose': 'test', 'instance_uuid': server}, 'OS-EXT-IMG-SIZE:size': 1024,
    }  # fmt: skip
    assert image['server']['id'] == server
    assert {link['rel'] for link in image['links']} == {'self', 'bookmark', 'alternate'}
    empty = make(proxy.client, 'empty', None)
    assert proxy.ask('GET', f'/{empty}')[1]['image']['status'] == 'SAVING'


def test_lists_are_narrowed(proxy: Proxy) -> None:
    server = str(uuid.uuid4())
    first = make(proxy.client, 'n-first', image_type='snapshot', instance_uuid=server, min_ram=1)
    second = make(proxy.client, 'n-second', None, colour='red')

    def ids(query: str) -> set[str]:
        return {image['id'] for path in ('', '/detail') for image in proxy.ask('GET', f'{path}?{query}')[1]['images']} & {first, second}

    assert ids('name=n-first') == {first}
    assert ids('status=ACTIVE') == {first}
    assert ids('status=SAVING') == {second}
    assert ids('type=snapshot') == {first}
    assert ids(f'server={server}') == ids(f'server=http://x/v2.1/servers/{server}') == {first}
    assert ids('minRam=1') == {first}
    assert ids('property-colour=red') == {second}
    since = proxy.ask('GET', f'/{second}')[1]['image']['created']
    assert second in ids(f'changes-since={since}')
    assert ids('changes-since=2100-01-01T00:00:00Z') == set()
    assert proxy.ask('GET', '?limit=x')[0] == 400


def test_pages_follow_each_other(proxy: Proxy) -> None:
    for number in range(3):
        make(proxy.client, f'page-{number}', None, of='pages')
    seen, path = [], '?limit=2&property-of=pages'
    status, body = proxy.ask('GET', path)
    seen += body['images']
    assert (status, len(seen), body['images_links'][0]['rel']) == (200, 2, 'next')
    query = body['images_links'][0]['href'].partition('?')[2]
    assert {'limit=2', 'property-of=pages'} <= set(query.split('&'))
    seen += proxy.ask('GET', f'?{query}')[1]['images']
    assert {image['name'] for image in seen} == {'page-0', 'page-1', 'page-2'}


def test_metadata_is_changed_item_by_item_and_as_a_whole(proxy: Proxy) -> None:
    made = make(proxy.client, 'marked', os_version='1')
    path = f'/{made}/metadata'
    assert proxy.ask('GET', path) == (200, {'metadata': {'os_version': '1'}})
    assert proxy.ask('POST', path, {'metadata': {'os_version': '2', 'a': 'b'}}) == (200, {'metadata': {'os_version': '2', 'a': 'b'}})
    assert proxy.ask('PUT', f'{path}/a', {'meta': {'a': 'c'}}) == (200, {'meta': {'a': 'c'}})
    assert proxy.ask('PUT', f'{path}/a', {'meta': {'b': 'c'}})[0] == 400
    assert proxy.ask('GET', f'{path}/a') == (200, {'meta': {'a': 'c'}})
    assert proxy.ask('DELETE', f'{path}/a') == (204, None)
    assert proxy.ask('DELETE', f'{path}/a')[0] == proxy.ask('GET', f'{path}/a')[0] == 404
    assert proxy.ask('PUT', path, {'metadata': {'only': 'this'}}) == (200, {'metadata': {'only': 'this'}})
    assert proxy.ask('POST', path, {'metadata': {'status': 'x'}})[0] == 400
    assert proxy.ask('GET', path, version='2.38')[0] == 200
    assert proxy.ask('GET', path, version='2.39')[0] == 404


def test_the_image_service_says_who_may(proxy: Proxy, stranger: Proxy) -> None:
    private, public = make(proxy.client, 'mine'), make(proxy.client, 'everybodys', visibility='public')
    for method, path, body in (
        ('GET', '', None), ('DELETE', '', None), ('GET', '/metadata', None), ('POST', '/metadata', {'metadata': {'a': 'b'}}),
        ('PUT', '/metadata', {'metadata': {}}), ('PUT', '/metadata/a', {'meta': {'a': 'b'}}), ('DELETE', '/metadata/a', None),
    ):  # fmt: skip
        assert stranger.ask(method, f'/{private}{path}', body)[0] == 404, (method, path)
    assert private not in {image['id'] for image in stranger.ask('GET', '')[1]['images']}
    assert stranger.ask('GET', f'/{public}')[0] == 200
    assert stranger.ask('DELETE', f'/{public}')[0] == 403
    assert stranger.ask('POST', f'/{public}/metadata', {'metadata': {'a': 'b'}})[0] == 403
    assert proxy.ask('DELETE', f'/{public}')[0] == 204


def test_an_image_is_deleted(proxy: Proxy) -> None:
    made = make(proxy.client, 'short-lived')
    assert proxy.ask('DELETE', f'/{made}') == (204, None)
    assert proxy.ask('DELETE', f'/{made}')[0] == proxy.ask('GET', f'/{made}')[0] == 404
    for nonsense in ('x', '-1', 'a' * 37, '%2E%2E%2Fusers'):
        assert proxy.ask('DELETE', f'/{nonsense}')[0] == 404


def test_newer_microversions_do_not_have_it(proxy: Proxy) -> None:
    assert proxy.ask('GET', '', version='2.35')[0] == 200
    assert proxy.ask('GET', '', version='2.36')[0] == 404
