"""Places of image data that clients name: with a patch, and with a request of its own that proves the hash."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Any

import pytest

from image import quotas
from tests.functional.cloud import TestCloud, eventually
from tests.functional.image.stores_cloud import Images, stores_cloud
from tests.functional.image.web import Web

CLOUD = functools.partial(stores_cloud, denied_hosts='127.9.9.9')


def add(url: str, metadata: Any = None, **more: Any) -> dict[str, Any]:
    return {'op': 'add', 'path': '/locations/-', 'value': {'url': url, 'metadata': metadata or {}, **more}}


def located(demo: Images, web: Web) -> str:
    image = demo.create()
    assert demo.patch(image, add(web.url))[0] == 200
    return image


def test_a_place_makes_the_image_active_and_is_read_from(demo: Images, web: Web) -> None:
    image = demo.create()
    assert demo.show(image)['locations'] == []
    status, shown = demo.patch(image, add(web.url, {'foo': 'bar'}))
    assert status == 200 and shown['status'] == 'active' and shown['size'] == len(web.data) and shown['os_hash_value'] is None
    assert shown['locations'] == [{'url': web.url, 'metadata': {'foo': 'bar', 'store': 'web'}}] and shown['direct_url'] == web.url
    assert shown['stores'] == 'web'
    assert demo.data(image) == (200, web.data) and demo.data(image, Range='bytes=77-99') == (206, web.data[77:100])
    assert web.asked[-1] == 'bytes=77-99', 'only what was asked for is fetched'


def test_reading_survives_a_connection_that_breaks(demo: Images, web: Web) -> None:
    image = located(demo, web)
    web.break_after = 40_000
    assert demo.data(image) == (200, web.data)


def test_data_of_the_store_itself_is_shown_too(here: TestCloud, demo: Images) -> None:
    image = demo.create()
    demo.put(image, b'data')
    assert demo.show(image)['locations'] == [{'url': f'file://{here.state}/images-slow/{image}', 'metadata': {'store': 'slow'}}]


@pytest.mark.parametrize(
    'url', ['gopher://127.0.0.1/', 'file:///etc/passwd', 'swift://a/b', 'http://127.9.9.9/x', 'http://127.0.0.1:1/x', 'nothing', '']
)
def test_a_place_that_leads_nowhere_is_refused(demo: Images, url: str) -> None:
    image = demo.create()
    assert demo.patch(image, add(url))[0] == 400 and demo.send('POST', f'/images/{image}/locations', {'url': url})[0] == 400
    assert demo.show(image)['status'] == 'queued' and demo.show(image)['locations'] == []


def test_a_missing_file_is_no_missing_image(demo: Images, web: Web) -> None:
    web.status = 404
    image = demo.create()
    status, body = demo.patch(image, add(web.url))
    assert status == 400 and '404' in body['message']


def test_only_what_is_noted_about_places_can_be_replaced(demo: Images, web: Web) -> None:
    image = located(demo, web)
    demo.patch(image, add(f'{web.url}#two', {'speed': '88mph'}))
    places = demo.show(image)['locations']
    assert [place['url'] for place in places] == [web.url, f'{web.url}#two']
    places[0]['metadata']['date'] = 'today'
    assert demo.patch(image, {'op': 'replace', 'path': '/locations', 'value': places})[1]['locations'] == places
    other = [places[0], {**places[1], 'url': f'{web.url}#three'}]
    for value in (places[:1], other, [], 'x'):
        assert demo.patch(image, {'op': 'replace', 'path': '/locations', 'value': value})[0] == 400
    assert demo.show(image)['locations'] == places
    assert demo.patch(image, add(web.url))[0] == 400, 'the same place twice'


def test_places_keep_the_order_that_they_were_given(demo: Images, web: Web) -> None:
    image = located(demo, web)
    assert demo.patch(image, {**add(f'{web.url}#first'), 'path': '/locations/0'})[0] == 200
    assert [place['url'] for place in demo.show(image)['locations']] == [f'{web.url}#first', web.url]
    assert demo.patch(image, {**add(f'{web.url}#x'), 'path': '/locations/7'})[0] == 400


def test_an_administrator_removes_places_but_not_the_last(admin: Images, demo: Images, web: Web) -> None:
    image = located(demo, web)
    demo.patch(image, add(f'{web.url}#two'))
    remove = {'op': 'remove', 'path': '/locations/0'}
    assert demo.patch(image, remove)[0] == 403
    assert admin.patch(image, {**remove, 'path': '/locations/2'})[0] == 400
    status, shown = admin.patch(image, remove)
    assert status == 200 and [place['url'] for place in shown['locations']] == [f'{web.url}#two']
    assert admin.patch(image, remove)[0] == 403 and demo.data(image) == (200, web.data)


def test_hashes_that_come_with_a_place_become_the_images(demo: Images, web: Web) -> None:
    hashes = {'checksum': '1' * 32, 'os_hash_algo': 'sha512', 'os_hash_value': 'deadbeef' * 16}
    image = demo.create()
    shown = demo.patch(image, add(web.url, validation_data=hashes))[1]
    assert {name: shown[name] for name in hashes} == hashes and 'validation_data' not in shown['locations'][0]
    for wrong in ({'checksum': '2' * 32}, {'os_hash_value': 'beefdead' * 16}, {'os_hash_algo': 'sha256'}):
        assert demo.patch(image, add(f'{web.url}#two', validation_data={**hashes, **wrong}))[0] == 409
    assert len(demo.show(image)['locations']) == 1
    assert demo.patch(image, add(f'{web.url}#two', validation_data=hashes))[0] == 200


def test_another_place_has_to_have_as_much_data(demo: Images, web: Web) -> None:
    image = located(demo, web)
    web.data += b'more'
    assert demo.patch(image, add(f'{web.url}#two'))[0] == 409


def test_nobody_elses_image_gets_a_place(here: TestCloud, demo: Images, admin: Images, web: Web) -> None:
    image = admin.create(visibility='public')
    admin.put(image, b'x')
    assert 'locations' not in demo.show(image) and demo.patch(image, add(web.url))[0] == 403
    assert demo.send('POST', f'/images/{image}/locations', {'url': web.url})[0] == 403
    assert web.asked == [], 'no server is asked for somebody who may not'


def test_locations_stay_hidden_unless_the_operator_shows_them(cloud: TestCloud, web: Web) -> None:
    images = Images.of(cloud, 'demo')
    assert images.patch(images.create(), add(web.url))[0] == 403


def tell(demo: Images, image: str, url: str, **validation: str) -> int:
    return demo.send('POST', f'/images/{image}/locations', {'url': url, 'validation_data': validation})[0]


def task(demo: Images, image: str) -> Any:
    """The image's only task, once it has ended."""

    def ended() -> Any:
        tasks = demo.send('GET', f'/images/{image}/tasks')[1]['tasks']
        assert len(tasks) == 1
        return tasks[0] if tasks[0]['status'] in ('success', 'failure') else None

    return eventually(ended, what='the end of the task')


def test_a_told_place_is_read_for_its_hashes(demo: Images, web: Web) -> None:
    image = demo.create()
    assert tell(demo, image, web.url) == 202
    assert task(demo, image)['status'] == 'success'
    shown = demo.show(image)
    assert shown['status'] == 'active' and shown['os_hash_algo'] == 'sha512' and shown['size'] == len(web.data)
    assert shown['os_hash_value'] == hashlib.sha512(web.data).hexdigest() and shown['checksum'] == hashlib.md5(web.data).hexdigest()
    assert tell(demo, image, web.url) == 409, 'it has data'


def test_a_told_hash_is_proved(demo: Images, web: Web) -> None:
    image, digest = demo.create(), hashlib.sha256(web.data).hexdigest()
    assert tell(demo, image, web.url, os_hash_algo='sha256', os_hash_value=digest) == 202
    assert task(demo, image)['status'] == 'success'
    shown = demo.show(image)
    assert (shown['status'], shown['os_hash_algo'], shown['os_hash_value']) == ('active', 'sha256', digest)


def test_a_wrong_hash_fails_and_the_image_takes_other_data(demo: Images, web: Web) -> None:
    image = demo.create()
    assert tell(demo, image, web.url, os_hash_algo='sha512', os_hash_value='beefdead' * 16) == 202
    ended = task(demo, image)
    assert ended['status'] == 'failure' and 'not what was said' in ended['message']
    shown = demo.show(image)
    assert shown['status'] == 'queued' and shown['os_hash_value'] is None and shown['size'] is None and shown['locations'] == []
    assert demo.data(image) == (204, b'')
    assert demo.put(image, b'other') == 204 and demo.show(image)['stores'] == 'slow' and demo.data(image) == (200, b'other')


@pytest.mark.parametrize(
    'hashes',
    [{'os_hash_algo': 'sha512'}, {'os_hash_value': 'a' * 128}, {'os_hash_algo': 'sha512', 'os_hash_value': 'a' * 64},
     {'os_hash_algo': 'md5', 'os_hash_value': 'a' * 32}, {'os_hash_algo': 'sha123', 'os_hash_value': 'a' * 128}, {'other': 'x'}],
)  # fmt: skip
def test_hashes_that_cannot_be_are_refused(demo: Images, web: Web, hashes: dict[str, str]) -> None:
    image = demo.create()
    assert tell(demo, image, web.url, **hashes) == 400 and demo.show(image)['status'] == 'queued'


def test_reading_for_hashes_ends_with_the_image(here: TestCloud, demo: Images, web: Web) -> None:
    import threading

    web.held = threading.Event()
    image = demo.create()
    assert tell(demo, image, web.url) == 202
    eventually(lambda: demo.show(image)['status'] == 'active')
    assert demo.show(image)['os_hash_algo'] == 'sha512' and demo.show(image)['os_hash_value'] is None
    assert demo.send('DELETE', f'/images/{image}')[0] == 204
    web.held.set()
    service = here.runtime.parts['image'].service

    def over() -> bool:
        with service.db.read() as session:
            return service.ops.live(session, image) is None

    eventually(over, what='the end of the reading')
    assert demo.send('GET', f'/images/{image}')[0] == 404


def test_services_are_told_where_the_data_is(admin: Images, demo: Images, web: Web) -> None:
    image = located(demo, web)
    assert demo.send('GET', f'/images/{image}/locations')[0] == 403
    assert admin.send('GET', f'/images/{image}/locations') == (200, [{'url': web.url, 'metadata': {'store': 'web'}}])
    assert admin.send('GET', '/images/00000000-0000-4000-8000-000000000000/locations')[0] == 404


def test_data_elsewhere_counts_as_well(here: TestCloud, admin: Images, web: Web) -> None:
    project = admin.ask('POST', 'identity', '/projects', {'project': {'name': 'poor', 'domain_id': 'default'}})['project']['id']
    roles = {role['name']: role['id'] for role in admin.ask('GET', 'identity', '/roles')['roles']}
    users = {user['name']: user['id'] for user in admin.ask('GET', 'identity', '/users')['users']}
    admin.ask('PUT', 'identity', f'/projects/{project}/users/{users["demo"]}/roles/{roles["member"]}')
    service = here.runtime.parts['image'].service
    poor = Images.of(here, 'demo', 'poor')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.quotas, 'limits', lambda project_id, fresh=False: {**dict.fromkeys(quotas.RESOURCES, -1), quotas.SIZE: 1})
        web.data = os.urandom(600 * 1024)
        image = poor.create()
        assert poor.patch(image, add(web.url))[0] == 200
        assert poor.patch(poor.create(), add(web.url))[0] == 413, 'two are too much'
        second = poor.create()
        assert tell(poor, second, web.url) == 413, 'the server says how much it is'
        poor.send('DELETE', f'/images/{image}')
        assert tell(poor, second, web.url) == 202
        assert task(poor, second)['status'] == 'success' and tell(poor, poor.create(), web.url) == 413
        poor.send('DELETE', f'/images/{second}')
        web.data = os.urandom(2 << 20)
        assert tell(poor, poor.create(), web.url) == 413, 'one is too large'
