"""Staging and importing over HTTP: from the staging area, the web, another image service, and to more stores; and tasks."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import threading
from typing import Any

import pytest

from common.errors import Unavailable
from image import conductor
from image.db import images as image_queries
from tests.acceptance.image_node import second_node
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.web import Web, web_server

OCTETS = {'Content-Type': 'application/octet-stream'}
ALL = 'os_glance_importing_to_stores'
FAILED = 'os_glance_failed_import'
OPTIONS = {
    'stores': 'one:filesystem,two:filesystem,three:filesystem,web:http', 'allowed_networks': '127.0.0.0/8', 'import_allowed_ports': '1-65535', 'import_tries': 2,
    'max_size': 1 << 22, 'import_per_project': 2,
}  # fmt: skip
CLOUD = functools.partial(running, image=OPTIONS)
DATA = os.urandom(300_000)
WEB = {'name': 'web-download', 'uri': 'http://127.0.0.1/x'}


def create(client: Client, **values: Any) -> str:
    body = {'name': 'test', 'disk_format': 'raw', 'container_format': 'bare', **values}
    return str(client.ask('POST', 'image', '/v2/images', body)['id'])


def show(client: Client, image: str) -> dict[str, Any]:
    return dict(client.ask('GET', 'image', f'/v2/images/{image}'))


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, bytes]:
    return client.raw(method, client.catalog['image'] + path, body, headers=headers or None)


def stage(client: Client, image: str, data: bytes) -> int:
    return client.raw('PUT', f'{client.catalog["image"]}/v2/images/{image}/stage', data, headers=OCTETS)[0]


def start(client: Client, image: str, name: str = 'glance-direct', **more: Any) -> tuple[int, str, str]:
    """Ask for an import: status, message, id of the request."""
    rest = {key: more.pop(key) for key in ('stores', 'all_stores', 'all_stores_must_succeed') if key in more}
    status, headers, data = send(client, 'POST', f'/v2/images/{image}/import', {'method': {'name': name, **more}, **rest})
    return status, json.loads(data)['message'] if data else '', headers['x-openstack-request-id']


def ended(client: Client, image: str) -> dict[str, Any]:
    """The newest task of the image, once it has ended."""

    def last() -> Any:
        task = client.ask('GET', 'image', f'/v2/images/{image}/tasks')['tasks'][0]
        return task if task['status'] in ('success', 'failure') else None

    return dict(eventually(last, what='the import'))


def data_of(client: Client, image: str) -> bytes:
    return send(client, 'GET', f'/v2/images/{image}/file')[2]


def staged_files(cloud: TestCloud) -> list[str]:
    return sorted(path.name for path in (cloud.state / 'staging').iterdir())


# -- from the staging area


def test_staged_data_is_imported(here: TestCloud, demo: Client) -> None:
    image, data = create(demo), os.urandom(200_000)
    assert stage(demo, image, data) == 204
    shown = show(demo, image)
    assert shown['status'] == 'uploading' and shown['size'] == len(data) and shown['checksum'] is None
    assert send(demo, 'GET', f'/v2/images/{image}/file')[0] == 204, 'staged data must not be given out'
    status, _, request = start(demo, image)
    assert status == 202
    task = ended(demo, image)
    assert task['status'] == 'success' and task['type'] == 'api_image_import' and task['message'] == ''
    assert task['input']['import_req'] == {'method': {'name': 'glance-direct'}} and task['request_id'] == request
    assert task['image_id'] == image and task['owner'] == demo.project_id and task['expires_at']
    shown = show(demo, image)
    assert shown['status'] == 'active' and shown['stores'] == 'one' and shown[ALL] == '' and shown[FAILED] == ''
    assert shown['size'] == len(data) and shown['os_hash_value'] == hashlib.sha512(data).hexdigest()
    assert data_of(demo, image) == data
    assert eventually(lambda: not [name for name in staged_files(here) if name.startswith(image)], what='an empty staging area')


def test_all_stores_get_it(demo: Client) -> None:
    image, data = create(demo), os.urandom(5000)
    stage(demo, image, data)
    assert start(demo, image, all_stores=True)[0] == 202
    assert ended(demo, image)['status'] == 'success'
    assert show(demo, image)['stores'] == 'one,three,two'


def test_a_chosen_store_gets_it(demo: Client) -> None:
    image = create(demo)
    stage(demo, image, b'x' * 600)
    assert start(demo, image, stores=['two'])[0] == 202
    assert ended(demo, image)['status'] == 'success' and show(demo, image)['stores'] == 'two'


@pytest.mark.parametrize(
    ('more', 'wanted'),
    [
        ({**WEB, 'stores': ['nowhere']}, 400), ({**WEB, 'stores': ['web']}, 400), ({**WEB, 'stores': ['one'], 'all_stores': True}, 400),
        ({'name': 'by-magic'}, 400), ({'name': 'web-download'}, 400), ({'name': 'web-download', 'uri': 'http://10.0.0.1/x'}, 400),
        ({'name': 'web-download', 'uri': 'ftp://127.0.0.1/x'}, 400), ({'name': 'copy-image', 'stores': ['two']}, 403), ({}, 409),
        ({'name': 'glance-download', 'glance_image_id': 'foo', 'glance_region': 'RegionOne'}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(demo: Client, more: dict[str, Any], wanted: int) -> None:
    image = create(demo)
    assert start(demo, image, **more)[0] == wanted
    assert show(demo, image)['status'] == 'queued'
    assert demo.ask('GET', 'image', f'/v2/images/{image}/tasks')['tasks'] == []


def test_only_a_queued_image_is_staged(demo: Client) -> None:
    image = create(demo)
    assert stage(demo, image, b'one' * 300) == 204
    assert stage(demo, image, b'two' * 300) == 409
    assert start(demo, image, 'web-download', uri='http://127.0.0.1/x')[0] == 409


def test_data_that_lies_is_thrown_away(here: TestCloud, demo: Client) -> None:
    image = create(demo, disk_format='qcow2')
    assert stage(demo, image, b'\0' * 4096) == 204
    assert start(demo, image)[0] == 202
    task = ended(demo, image)
    assert task['status'] == 'failure' and 'disk_format' in task['message']
    shown = show(demo, image)
    assert shown['status'] == 'queued' and shown['size'] is None and shown[FAILED] == 'one' and shown['checksum'] is None
    assert eventually(lambda: not [name for name in staged_files(here) if name.startswith(image)], what='an empty staging area')
    assert stage(demo, image, b'\0' * 512) == 204, 'the image waits for better data'


def test_staged_data_that_is_lost_can_be_staged_again(here: TestCloud, demo: Client) -> None:
    image = create(demo)
    stage(demo, image, b'x' * 600)
    for path in (here.state / 'staging').glob(f'{image}.*'):
        path.unlink()
    assert start(demo, image)[0] == 202
    assert 'staged data is gone' in ended(demo, image)['message'] and show(demo, image)['status'] == 'queued'
    assert stage(demo, image, b'x' * 600) == 204


def test_an_announced_size_is_held_to(demo: Client) -> None:
    image = create(demo)
    url = f'{demo.catalog["image"]}/v2/images/{image}/stage'
    for announced, wanted in (('599', 400), ('many', 400), ('600', 204)):
        assert demo.raw('PUT', url, b'x' * 600, headers={**OCTETS, 'X-OpenStack-Image-Size': announced})[0] == wanted
    image = create(demo)
    pieces = (piece for piece in (b'x' * 300, b'y' * 300))
    url = f'{demo.catalog["image"]}/v2/images/{image}/stage'
    assert demo.raw('PUT', url, pieces, headers={**OCTETS, 'X-OpenStack-Image-Size': '700'})[0] == 400
    assert show(demo, image)['status'] == 'queued'


def test_too_much_is_refused(demo: Client) -> None:
    image = create(demo)
    assert stage(demo, image, b'\0' * ((1 << 22) + 1)) == 413
    assert show(demo, image)['status'] == 'queued'


def test_a_store_that_fails(here: TestCloud, demo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise Unavailable('The image store is full; delete images or ask the operator for room.', code='storage_full')

    monkeypatch.setattr(here.runtime.parts['image'].service.stores.get('two'), 'begin', full)
    image, data = create(demo), os.urandom(1000)
    stage(demo, image, data)
    assert start(demo, image, all_stores=True)[0] == 202
    task = ended(demo, image)
    assert task['status'] == 'failure' and 'two: The image store is full' in task['message']
    shown = show(demo, image)
    assert shown['status'] == 'uploading' and shown['checksum'] is None and not shown.get('stores') and shown[FAILED] == 'one,three,two'
    assert start(demo, image, all_stores=True, all_stores_must_succeed=False)[0] == 202, 'the staged data is still there'
    assert ended(demo, image)['status'] == 'success'
    shown = show(demo, image)
    assert shown['status'] == 'active' and shown['stores'] == 'one,three' and shown[FAILED] == 'two' and data_of(demo, image) == data


def test_a_stage_that_died_counts_for_nothing(here: TestCloud, demo: Client) -> None:
    from common.clock import now

    service = here.runtime.parts['image'].service
    image = create(demo)
    upload = service.staging.begin(image, 'dead')
    upload.write(b'half')
    with service.db.write() as session:
        values = {'status': 'uploading', 'upload_id': 'dead', 'upload_until': now()}
        image_queries.set_columns(session, image, expect={}, **values)
    assert start(demo, image)[0] == 409
    conductor.sweep(service)
    assert show(demo, image)['status'] == 'queued' and not [name for name in staged_files(here) if name.startswith(image)]


def test_another_host_goes_on_with_what_this_one_has_staged(here: TestCloud, demo: Client) -> None:
    images, data = [create(demo) for _ in range(2)], os.urandom(3000)
    for image in images:
        stage(demo, image, data)
    with second_node(here, image=OPTIONS) as url:
        status, _, _ = demo.raw('POST', f'{url}/v2/images/{images[0]}/import', {'method': {'name': 'glance-direct'}})
        assert status == 202 and demo.raw('DELETE', f'{url}/v2/images/{images[1]}')[0] == 204
        assert ended(demo, images[0])['status'] == 'success' and data_of(demo, images[0]) == data

        def swept() -> bool:
            conductor.sweep(here.runtime.parts['image'].service)
            return not [name for name in staged_files(here) if name.startswith(tuple(images))]

        eventually(swept, what='an empty staging area')


# -- from the web


def test_web_download(demo: Client, web: Web) -> None:
    image = create(demo)
    assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    assert ended(demo, image)['status'] == 'success'
    assert show(demo, image)['status'] == 'active' and data_of(demo, image) == web.data


def test_a_broken_connection_is_continued_where_it_broke(demo: Client, web: Web) -> None:
    web.break_after = 100_000
    image = create(demo)
    assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    assert ended(demo, image)['status'] == 'success'
    assert data_of(demo, image) == web.data
    assert web.asked == [None, 'bytes=100000-', 'bytes=200000-']


def test_a_server_without_ranges_that_always_breaks_is_given_up(demo: Client, web: Web) -> None:
    web.break_after, web.ranges = 1000, False
    image = create(demo)
    assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    task = ended(demo, image)
    assert task['status'] == 'failure' and 'could not be fetched' in task['message'] and len(web.asked) == 3
    shown = show(demo, image)
    assert shown['status'] == 'queued' and shown['size'] is None and shown[FAILED] == 'one'


@pytest.mark.parametrize(
    'where', ['http://10.0.0.1/secret', 'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd', 'http://[::1]/']
)
def test_a_redirect_into_the_cloud_is_not_followed(demo: Client, web: Web, where: str) -> None:
    web.moved_to = where
    image = create(demo)
    assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    task = ended(demo, image)
    assert task['status'] == 'failure' and 'does not pass filtering' in task['message'] and show(demo, image)['status'] == 'queued'


def test_a_missing_file(demo: Client, web: Web) -> None:
    web.status = 404
    image = create(demo)
    assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    assert 'leads to nothing' in ended(demo, image)['message'] and show(demo, image)['status'] == 'queued'


def test_a_project_with_slow_imports_keeps_nobody_waiting(demo: Client, admin: Client, web: Web) -> None:
    web.held = threading.Event()
    slow = [create(demo) for _ in range(3)]
    for image in slow:
        assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    eventually(lambda: len(web.asked) == 2, what='two requests')
    with web_server() as quick:
        quick.data = b'quick' * 200
        image = create(admin)
        start(admin, image, 'web-download', uri=quick.url)
        assert ended(admin, image)['status'] == 'success'
    assert len(web.asked) == 2, 'the third waits for one of the first two'
    web.held.set()
    assert [ended(demo, image)['status'] for image in slow] == ['success'] * 3


def test_deleting_wins(here: TestCloud, demo: Client, web: Web) -> None:
    web.held = threading.Event()
    image = create(demo)
    assert start(demo, image, 'web-download', uri=web.url)[0] == 202
    eventually(lambda: web.asked, what='the request')
    assert show(demo, image)['status'] == 'importing'
    assert start(demo, image, 'web-download', uri=web.url)[0] == 409
    assert send(demo, 'DELETE', f'/v2/images/{image}')[0] == 204
    assert send(demo, 'GET', f'/v2/images/{image}')[0] == 404
    web.held.set()
    service = here.runtime.parts['image'].service

    def over() -> bool:
        with service.db.read() as session:
            return service.ops.live(session, image) is None

    eventually(over, what='the end of the import')
    assert not [name for name in staged_files(here) if name.startswith(image)]
    held = [entry.image_id for store in service.stores.writable for entry in service.stores.get(store).inventory()]
    assert image not in held


# -- from another image service


def test_from_another_region(here: TestCloud, demo: Client, admin: Client) -> None:
    source, data = create(demo, hw_cpu_cores='5', os_distro='rhel', speed='88mph', visibility='private'), os.urandom(3000)
    assert client_put(demo, source, data) == 204
    image = create(demo, disk_format='iso', container_format='ovf', hw_cpu_cores='1')
    region = {'glance_image_id': source, 'glance_region': 'RegionOne', 'glance_service_interface': 'public'}
    assert start(demo, image, 'glance-download', **region)[0] == 202
    assert ended(demo, image)['status'] == 'success'
    shown = show(demo, image)
    assert shown['status'] == 'active' and shown['disk_format'] == 'raw' and shown['container_format'] == 'bare'
    assert shown['hw_cpu_cores'] == '5' and shown['os_distro'] == 'rhel' and 'speed' not in shown and data_of(demo, image) == data


@pytest.mark.parametrize('what', ['somebody else', 'no region', 'no interface', 'no image', 'no data'])
def test_what_another_region_does_not_give(here: TestCloud, demo: Client, admin: Client, what: str) -> None:
    """The other service is asked as a service, which sees everything: the right of the user has to be looked at."""
    owner = admin if what == 'somebody else' else demo
    source = create(owner, visibility='private')
    if what != 'no data':
        assert client_put(owner, source, b'z' * 600) == 204
    region = {
        'glance_image_id': '36d4b546-64a2-4bb9-bdd0-ba676aa48f2c' if what == 'no image' else source,
        'glance_region': 'nowhere' if what == 'no region' else 'RegionOne',
        'glance_service_interface': 'strange' if what == 'no interface' else 'public',
    }
    image = create(demo, disk_format='iso', os_distro='mine')
    assert start(demo, image, 'glance-download', **region)[0] == 202
    assert ended(demo, image)['status'] == 'failure'
    shown = show(demo, image)
    assert shown['status'] == 'queued' and shown['disk_format'] == 'iso' and shown['os_distro'] == 'mine'


def test_data_that_was_damaged_elsewhere_is_not_taken(here: TestCloud, demo: Client) -> None:
    source = create(demo)
    client_put(demo, source, b'good' * 200)
    next(path for path in here.state.glob(f'images-one/{source}')).write_bytes(b'evil' * 200)
    image = create(demo)
    region = {'glance_image_id': source, 'glance_region': 'RegionOne', 'glance_service_interface': 'public'}
    assert start(demo, image, 'glance-download', **region)[0] == 202
    assert 'not what the other image service has' in ended(demo, image)['message'] and show(demo, image)['status'] == 'queued'


def client_put(client: Client, image: str, data: bytes) -> int:
    return client.raw('PUT', f'{client.catalog["image"]}/v2/images/{image}/file', data, headers=OCTETS)[0]


# -- to more stores


def test_copy_image(demo: Client, admin: Client) -> None:
    image, data = create(demo), os.urandom(4000)
    client_put(demo, image, data)
    assert start(demo, image, 'copy-image', stores=['two'])[0] == 403, 'copying takes an administrator'
    assert start(admin, image, 'copy-image', stores=['one'])[0] == 409, 'it is there already'
    assert start(admin, image, 'copy-image', all_stores=True, all_stores_must_succeed=False)[0] == 202
    assert ended(admin, image)['status'] == 'success'
    shown = show(demo, image)
    assert shown['status'] == 'active' and shown['stores'] == 'one,three,two' and shown[ALL] == '' and shown[FAILED] == ''
    assert data_of(demo, image) == data


def test_a_copy_that_fails_never_takes_the_last_one(here: TestCloud, demo: Client, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the data is copied to two stores, the first copy is taken away; then the second of the two fails."""
    service = here.runtime.parts['image'].service
    image, data = create(demo), os.urandom(2000)
    client_put(demo, image, data)

    def begin(*_: Any, **__: Any) -> Any:
        assert send(admin, 'DELETE', f'/v2/stores/one/{image}')[0] == 204
        raise Unavailable('No room.', code='storage_full')

    monkeypatch.setattr(service.stores.get('three'), 'begin', begin)
    assert start(admin, image, 'copy-image', stores=['two', 'three'])[0] == 202
    assert ended(admin, image)['status'] == 'failure'
    assert show(demo, image)['stores'] == 'two' and data_of(demo, image) == data


# -- who may


def test_strangers_cannot_import(demo: Client, admin: Client) -> None:
    private, public = create(admin, visibility='private'), create(admin, visibility='public')
    assert stage(demo, private, b'x') == 404 and start(demo, private)[0] == 404
    assert stage(demo, public, b'x') == 403 and start(demo, public)[0] == 403
    assert send(demo, 'GET', f'/v2/images/{private}/tasks')[0] == 404


def test_reserved_properties_are_not_the_clients(demo: Client) -> None:
    image = create(demo)
    patch = [{'op': 'add', 'path': f'/{FAILED}', 'value': ''}]
    headers = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}
    assert send(demo, 'PATCH', f'/v2/images/{image}', json.dumps(patch).encode(), **headers)[0] == 403


def test_the_methods_are_told(demo: Client) -> None:
    told = demo.ask('GET', 'image', '/v2/info/import')['import-methods']
    assert told['value'] == ['glance-direct', 'web-download', 'glance-download', 'copy-image'] and told['type'] == 'array'


# -- tasks


def make_task(client: Client, url: str, **properties: Any) -> tuple[int, Any]:
    image = {'name': 'by task', 'disk_format': 'raw', 'container_format': 'bare', **properties}
    given = {'import_from': url, 'import_from_format': 'raw', 'image_properties': image}
    status, _, data = send(client, 'POST', '/v2/tasks', {'type': 'import', 'input': given})
    return status, json.loads(data)


def test_a_task_makes_an_image(admin: Client, web: Web) -> None:
    status, task = make_task(admin, web.url, visibility='public', flavour='plain')
    assert status == 201 and task['status'] in ('pending', 'processing') and task['schema'] == '/v2/schemas/task' and task['result'] is None
    done = eventually(lambda: (found := admin.ask('GET', 'image', f'/v2/tasks/{task["id"]}'))['status'] == 'success' and found, what='task')
    image = done['result']['image_id']
    shown = show(admin, image)
    assert shown['status'] == 'active' and shown['visibility'] == 'public' and shown['flavour'] == 'plain'
    assert data_of(admin, image) == web.data
    listed = admin.ask('GET', 'image', '/v2/tasks?status=success&type=import&limit=1')
    assert (
        [one['id'] for one in listed['tasks']] == [task['id']]
        and 'input' not in listed['tasks'][0]
        and listed['schema'] == '/v2/schemas/tasks'
    )
    assert send(admin, 'DELETE', f'/v2/tasks/{task["id"]}')[0] == 405


def test_a_task_that_fails_leaves_no_image(admin: Client, web: Web) -> None:
    web.status = 404
    _, task = make_task(admin, web.url)
    failed = eventually(
        lambda: (found := admin.ask('GET', 'image', f'/v2/tasks/{task["id"]}'))['status'] == 'failure' and found, what='task'
    )
    assert 'leads to nothing' in failed['message'] and failed['result'] is None
    assert send(admin, 'GET', f'/v2/images/{task["image_id"]}')[0] == 404


def test_tasks_are_pages(admin: Client, web: Web) -> None:
    made = [make_task(admin, web.url)[1]['id'] for _ in range(3)]
    seen, path = [], '/v2/tasks?limit=2&sort_key=created_at&sort_dir=desc'
    while path:
        page = admin.ask('GET', 'image', path)
        seen += [task['id'] for task in page['tasks']]
        path = page.get('next', '')
    assert seen[:3] == made[::-1] and len(seen) == len(set(seen))


@pytest.mark.parametrize('url', ['http://does-not.invalid/x', 'http://192.168.7.7/x', 'nonsense'])
def test_a_task_from_nowhere_is_refused(admin: Client, url: str) -> None:
    assert make_task(admin, url)[0] == 400


def test_tasks_are_for_administrators(demo: Client, web: Web) -> None:
    assert make_task(demo, web.url)[0] == 403 and send(demo, 'GET', '/v2/tasks')[0] == 403


def test_ended_tasks_go(here: TestCloud, admin: Client, web: Web) -> None:
    from common.clock import now
    from image.db import tasks as task_queries

    service = here.runtime.parts['image'].service
    image = create(admin)
    start(admin, image, 'web-download', uri=web.url)
    task = ended(admin, image)['id']
    conductor.sweep(service)
    assert send(admin, 'GET', f'/v2/tasks/{task}')[0] == 200
    with service.db.write() as session:
        task_queries.set_task(session, task, expires_at=now())
    conductor.sweep(service)
    assert send(admin, 'GET', f'/v2/tasks/{task}')[0] == 404
