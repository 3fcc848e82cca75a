"""What hostile users and hostile servers try against the image service, over HTTP, against a whole cloud."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.errors import Conflict, PileusError
from image.db import images as image_queries
from tests.functional.cloud import TestCloud, eventually
from tests.functional.image.stores_cloud import OCTETS, Images, stores_cloud
from tests.functional.image.test_hostile_formats import qcow2
from tests.functional.image.web import Web
from volume.drivers import image_data
from volume.drivers.base import ImageData
from volume.drivers.file import FilePool

CLOUD = functools.partial(stores_cloud, import_idle=5)


@contextlib.contextmanager
def raw_server(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A server that sends what `answer` gives for the request, whatever that is, and hangs up; gives its URL."""
    listener = socket.create_server(('127.0.0.1', 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.sendall(answer(connection.recv(65536)))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{listener.getsockname()[1]}/disk.img'
    finally:
        listener.close()


def add(url: Any, **more: Any) -> dict[str, Any]:
    return {'op': 'add', 'path': '/locations/-', 'value': {'url': url, 'metadata': {}, **more}}


# -- servers that lie

LIES = {
    'a length that is no number': b'HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nabc',
    'a length of 5000 digits': b'HTTP/1.1 200 OK\r\nContent-Length: ' + b'9' * 5000 + b'\r\n\r\nabc',
    'a negative length': b'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc',
    'a range of 5000 digits': b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/' + b'9' * 5000 + b'\r\n\r\nab',
    'a redirect to nonsense': b'HTTP/1.1 302 Found\r\nLocation: http://[nonsense\r\nContent-Length: 0\r\n\r\n',
    'a redirect to a file': b'HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n',
    'a redirect with a line break': b'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\x0b\x00x\r\nContent-Length: 0\r\n\r\n',
    'no HTTP': b'SSH-2.0-OpenSSH_9.2\r\n',
    'nothing': b'',
    'data in gzip': b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b',
    'a header without end': b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 70_000 + b'\r\n\r\n',
}


# A length that cannot be read is none: the data end where they end.
ARE_TAKEN = {'a length that is no number', 'a length of 5000 digits', 'a negative length'}


@pytest.mark.parametrize('lie', LIES)
def test_a_server_that_lies_is_refused_in_words(demo: Images, lie: str) -> None:
    with raw_server(lambda request: LIES[lie]) as url:
        image = demo.create()
        status, body = demo.send('POST', f'/images/{image}/locations', {'url': url})
        assert status == (202 if lie in ARE_TAKEN else 400), body
        if status == 202:
            eventually(lambda: demo.show(image)['os_hash_value'], what='the hash of what came')
            assert demo.show(image)['os_hash_value'] == hashlib.sha512(b'abc').hexdigest()
    assert demo.send('DELETE', f'/images/{image}')[0] == 204


@pytest.mark.parametrize('value', [
    add('http://127.0.0.1:1/x', validation_data={'os_hash_algo': ['sha512'], 'os_hash_value': 'a' * 128}),
    add(['http://127.0.0.1:1/x']), add({'a': 1}), add(None), add(7),
    {'op': 'add', 'path': '/locations/-', 'value': 'text'}, {'op': 'replace', 'path': '/locations', 'value': [[]]},
    {'op': 'replace', 'path': '/locations', 'value': [{'url': [], 'metadata': {}}]},
    {'op': 'remove', 'path': '/locations/-1'}, {'op': 'add', 'path': '/locations/\u0661', 'value': {'url': 'http://127.0.0.1:1/', 'metadata': {}}},
])  # fmt: skip
def test_nonsense_about_places_is_refused(demo: Images, web: Web, value: dict[str, Any]) -> None:
    image = demo.create()
    if isinstance(value.get('value'), dict) and value['value'].get('validation_data'):
        value = add(web.url, validation_data=value['value']['validation_data'])
    status, body = demo.patch(image, value)
    assert status == (403 if value['op'] == 'remove' else 400), body


def test_nonsense_about_hashes_is_refused(demo: Images, web: Web) -> None:
    image = demo.create()
    for algorithm in (['sha512'], {'a': 1}, 7, True):
        given = {'url': web.url, 'validation_data': {'os_hash_algo': algorithm, 'os_hash_value': 'a' * 128}}
        status, body = demo.send('POST', f'/images/{image}/locations', given)
        assert status == 400, body


@pytest.mark.parametrize('url', [
    'file:///etc/passwd', 'file://localhost/etc/passwd', 'FILE:///etc/passwd', 's3://images/other', 'swift://images/other',
    'http://user:secret@127.0.0.1/x', 'gopher://127.0.0.1/', 'http:///x', 'http://', '//127.0.0.1/', 'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:169.254.169.254]/', 'http://[::169.254.169.254]/', 'http://[64:ff9b::a9fe:a9fe]/', 'http://[2002:a9fe:a9fe::1]/',
    'http://2852039166/', 'http://0xa9fea9fe/', 'http://0251.0376.0251.0376/', 'http://169.254.169.254.:80/', 'http://0/',
    'http://10.0.0.1/', 'http://[fec0::1]/', 'http://[fe80::1%25lo]/', 'http://[fd00::1]/', 'http://[::1]/', 'http://[::]/',
    'http://a\r\nHost: b/', 'http://127.0.0.1:99999/', 'http://127.0.0.1:abc/', 'http://127.0.0.1\\@10.0.0.1/', 'http://[v1.x]/', 'http://%31%30.0.0.1/',
    'http://' + 'a' * 300 + '/', 'http://xn--/', 'http://\u2100.example/', 'http://a..b/',
])  # fmt: skip
def test_urls_that_lead_inside_are_refused(demo: Images, url: str) -> None:
    image = demo.create()
    assert demo.patch(image, add(url))[0] == 400
    assert demo.send('POST', f'/images/{image}/locations', {'url': url})[0] == 400
    status, body = demo.send('POST', f'/images/{image}/import', {'method': {'name': 'web-download', 'uri': url}})
    assert status == 400 and 'etc/passwd' not in str(body).replace(url, ''), body
    headers = {'x-image-meta-name': 'x', 'x-image-meta-disk_format': 'raw', 'x-image-meta-container_format': 'bare'}
    if url.isascii() and url.isprintable():  # else it cannot be said in a header
        for name in ('x-glance-api-copy-from', 'x-image-meta-location'):
            root = demo.base.removesuffix('/v2')
            assert demo.raw('POST', f'{root}/v1/images', b'', headers={**headers, name: url})[0] == 400
    assert demo.show(image)['status'] == 'queued' and demo.show(image)['locations'] == []


def test_one_patch_does_not_send_the_service_to_many_servers(demo: Images, web: Web) -> None:
    image = demo.create()
    urls = [f'{web.url}?{number}' for number in range(40)]
    status, body = demo.patch(image, {'op': 'replace', 'path': '/locations', 'value': [{'url': url, 'metadata': {}} for url in urls]})
    assert status == 400 and len(web.asked) <= 16, body


def test_hashing_does_not_put_an_image_back_into_use(admin: Images, demo: Images, web: Web) -> None:
    web.held = threading.Event()
    try:
        image = demo.create()
        assert demo.send('POST', f'/images/{image}/locations', {'url': web.url})[0] == 202
        eventually(lambda: demo.show(image)['status'] == 'active', what='it is active')
        assert admin.send('POST', f'/images/{image}/actions/deactivate')[0] == 204
    finally:
        web.held.set()
    eventually(lambda: demo.show(image)['os_hash_value'], what='it has a hash')
    assert demo.show(image)['status'] == 'deactivated' and demo.data(image)[0] == 403


# -- what belongs to others, or to the service alone


def test_headers_of_version_1_say_no_more_than_a_user_may(here: TestCloud, admin: Images, demo: Images) -> None:
    root = demo.base.removesuffix('/v2')
    plain = {'x-image-meta-name': 'x', 'x-image-meta-disk_format': 'raw', 'x-image-meta-container_format': 'bare'}

    def send(method: str, path: str, **headers: str) -> tuple[int, bytes]:
        given = {'x-image-meta-' + name.replace('__', '-'): value for name, value in headers.items()}
        status, _, data = demo.raw(method, f'{root}/v1/images{path}', b'', headers={**plain, **given})
        return status, data

    before = {image['id'] for image in demo.send('GET', '/images')[1]['images']}
    others = admin.project_id
    for headers in (
        {'owner': others}, {'is_public': 'true'}, {'property-os_glance_failed_import': 'x'}, {'property-visibility': 'public'},
        {'property-owner': others}, {'property-status': 'active'}, {'property-locations': 'x'}, {'property-direct_url': 'x'},
        {'property-os_hash_value': 'x'}, {'property-tags': 'x'}, {'property-protected': 'true'}, {'property-min_disk': 'x'},
        {'property-id': 'x'}, {'property-size': '1'}, {'property-' + 'n' * 256: 'x'}, {'id': '../../etc/passwd'},
    ):  # fmt: skip
        assert send('POST', '', **headers)[0] in (400, 403), headers
    image = demo.create()
    for headers in (
        {'owner': others}, {'is_public': 'true'}, {'property-os_glance_failed_import': 'x'}, {'property-visibility': 'public'},
        {'property-owner': others}, {'property-status': 'active'}, {'property-locations': 'x'}, {'property-direct_url': 'x'},
        {'property-os_hash_value': 'x'}, {'property-tags': 'x'}, {'property-id': 'x'}, {'property-protected': 'yes'},
    ):  # fmt: skip
        assert send('PUT', f'/{image}', **headers)[0] in (400, 403), headers
    shown = demo.show(image)
    assert (shown['owner'], shown['visibility'], shown['status'], shown['tags']) == (demo.project_id, 'shared', 'queued', [])
    assert {image['id'] for image in demo.send('GET', '/images')[1]['images']} - before == {image}


def test_names_cannot_add_headers_to_answers_of_version_1(demo: Images) -> None:
    image = demo.create(name='a\r\nX-Evil: 1', **{'b\r\nX-Evil: 2': 'c\r\n\r\nX-Evil: 3', 'd: e\nX-Evil': '4'})
    root = demo.base.removesuffix('/v2')
    status, headers, _ = demo.raw('HEAD', f'{root}/v1/images/{image}')
    assert status == 200 and not [name for name in headers if name.startswith('x-evil')]
    assert headers['x-image-meta-name'] == 'a X-Evil: 1'


def test_strangers_manage_nothing(admin: Images, demo: Images) -> None:
    private = admin.create(visibility='private')
    assert admin.put(private, b'data') == 204
    made = {'namespace': f'private-{uuid.uuid4()}', 'visibility': 'private', 'properties': {'p': {'title': 'p', 'type': 'string'}}}
    assert admin.send('POST', '/metadefs/namespaces', made)[0] == 201
    space = f'/metadefs/namespaces/{made["namespace"]}'
    for method, path, body in (
        ('GET', f'/images/{private}', None), ('PATCH', f'/images/{private}', None), ('DELETE', f'/images/{private}', None),
        ('GET', f'/images/{private}/file', None), ('PUT', f'/images/{private}/stage', None), ('GET', f'/images/{private}/tasks', None),
        ('GET', f'/images/{private}/locations', None), ('POST', f'/images/{private}/locations', {'url': 'http://127.0.0.1/'}),
        ('POST', f'/images/{private}/import', {'method': {'name': 'copy-image'}, 'all_stores': True}),
        ('POST', f'/images/{private}/actions/deactivate', None), ('DELETE', f'/stores/slow/{private}', None),
        ('GET', '/tasks', None), ('GET', f'/tasks/{uuid.uuid4()}', None), ('POST', '/tasks', {'type': 'import', 'input': {
            'import_from': 'http://127.0.0.1/', 'import_from_format': 'raw', 'image_properties': {}}}),
        ('GET', '/cache', None), ('PUT', f'/cache/{private}', None), ('DELETE', f'/cache/{private}', None), ('DELETE', '/cache', None),
        ('GET', '/info/stores/detail', None), ('POST', '/metadefs/namespaces', {'namespace': 'mine'}), ('GET', space, None),
        ('PUT', space, made), ('DELETE', space, None), ('GET', f'{space}/properties', None), ('GET', f'{space}/properties/p', None),
        ('POST', f'{space}/tags/t', None), ('POST', f'{space}/objects', {'name': 'o'}), ('GET', f'{space}/objects', None),
    ):  # fmt: skip
        status, answer = demo.send(method, path, body)
        assert status in (400, 403, 404, 405, 415), (method, path, status, answer)
        assert 'images-' not in str(answer) and '/state' not in str(answer), answer
    assert admin.show(private)['status'] == 'active' and admin.send('GET', f'{space}/properties/p')[0] == 200


def test_a_task_makes_no_image_that_could_not_be_made_otherwise(admin: Images, web: Web) -> None:
    given = {'import_from': web.url, 'import_from_format': 'raw'}
    for properties in (
        {'status': 'active'}, {'os_glance_x': 'y'}, {'locations': []}, {'min_disk': 'x'}, {'tags': 'abc'}, {'tags': [{}]}, {'visibility': 'x'},
        {'protected': 'x'}, {'colour': {'a': 1}}, {'container_format': 'x'}, {'disk_format': ['raw']}, {'id': 7}, {'name': ['x']}, {'name': 'n' * 256},
    ):  # fmt: skip
        body = {'type': 'import', 'input': {**given, 'image_properties': properties}}
        status, answer = admin.send('POST', '/tasks', body)
        assert status in (400, 403), (properties, answer)
    assert admin.send('POST', '/tasks', {'type': 'import', 'input': {**given, 'import_from_format': 'x', 'image_properties': {}}})[0] == 400


# -- two at a time


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each gives, begun at the same moment by a thread each."""
    results: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(number: int, work: Callable[[], Any]) -> None:
        barrier.wait()
        results[number] = work()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def left(cloud: TestCloud, image: str) -> list[str]:
    """Files of an image anywhere in the cloud's state."""
    return sorted(str(path.relative_to(cloud.state)) for path in cloud.state.rglob(f'{image}*'))


def another(here: TestCloud) -> Images:
    return Images.of(here, 'demo')


@pytest.mark.parametrize('round', range(3))
def test_of_two_uploads_one_wins_and_the_data_is_whole(here: TestCloud, demo: Images, round: int) -> None:
    image = demo.create()
    ones, twos = b'1' * 300_000, b'2' * 300_000
    second = another(here)
    statuses = at_once(lambda: demo.put(image, ones), lambda: second.put(image, twos, store='fast'))
    assert sorted(statuses) == [204, 409]
    status, data = demo.data(image)
    assert status == 200 and data == (ones if statuses[0] == 204 else twos)
    assert demo.show(image)['stores'] == ('slow' if statuses[0] == 204 else 'fast')
    assert demo.send('DELETE', f'/images/{image}')[0] == 204
    eventually(lambda: not left(here, image), what='nothing is left')


@pytest.mark.parametrize('round', range(2))
@pytest.mark.parametrize('work', ['upload', 'stage', 'web-download', 'glance-direct', 'copy-image'])
def test_a_delete_beside_other_work_leaves_nothing(here: TestCloud, admin: Images, demo: Images, web: Web, work: str, round: int) -> None:
    image, data, second = demo.create(), os.urandom(200_000), another(here)

    def stage() -> int:
        return int(demo.raw('PUT', f'{demo.base}/images/{image}/stage', data, headers=OCTETS)[0])

    def bring(who: Images, **method: str) -> int:
        return who.send('POST', f'/images/{image}/import', {'method': {'name': work, **method}, 'all_stores': True})[0]

    if work == 'glance-direct':
        assert stage() == 204
    if work == 'copy-image':
        assert demo.put(image, data) == 204
    works: dict[str, Callable[[], Any]] = {
        'upload': lambda: demo.put(image, data), 'stage': stage, 'web-download': lambda: bring(demo, uri=web.url),
        'glance-direct': lambda: bring(demo), 'copy-image': lambda: bring(admin),
    }  # fmt: skip
    first, deleted = at_once(works[work], lambda: second.send('DELETE', f'/images/{image}')[0])
    assert deleted == 204 and first in (202, 204, 404, 410), (first, deleted)
    assert demo.send('GET', f'/images/{image}')[0] == 404
    eventually(lambda: not left(here, image), what='nothing is left')


def test_a_project_cannot_race_past_its_limit(here: TestCloud, demo: Images) -> None:
    service = here.runtime.parts['image'].service
    with service.db.write() as session:
        have = service.quotas.usage(session, demo.project_id)['image_count_total']
        service.quotas.set_limits(session, demo.project_id, {'image_count_total': have + 2})
    try:
        clients = [another(here) for _ in range(6)]
        body = {'name': 'race', 'disk_format': 'raw', 'container_format': 'bare'}
        statuses = at_once(*[lambda c=client: c.send('POST', '/images', body)[0] for client in clients])
        assert sorted(statuses) == [201, 201, 413, 413, 413, 413]
    finally:
        with service.db.write() as session:
            service.quotas.reset(session, demo.project_id)


def test_links_in_the_directories_of_the_service_are_not_followed_out_of_them(
    here: TestCloud, demo: Images, tmp_path: pathlib.Path
) -> None:
    victim = tmp_path / 'victim'
    victim.write_text('precious')
    image = demo.create()
    assert demo.put(image, b'data') == 204
    (link,) = [path for path in here.state.rglob(image) if path.is_file()]
    link.unlink()
    link.symlink_to(victim)
    assert demo.send('DELETE', f'/images/{image}')[0] == 204
    eventually(lambda: not left(here, image), what='the link is gone')
    assert victim.read_text() == 'precious'


def _leave_link(victim: pathlib.Path, folder: pathlib.Path) -> None:
    (folder / 'target').symlink_to(victim)


def _leave_second_name(victim: pathlib.Path, folder: pathlib.Path) -> None:
    (folder / 'target').hardlink_to(victim)


def _leave_pipe(victim: pathlib.Path, folder: pathlib.Path) -> None:
    os.mkfifo(folder / 'target')


@pytest.mark.parametrize('leave', [_leave_link, _leave_second_name, _leave_pipe])
def test_what_a_captured_converter_leaves_behind_leads_nowhere(
    leave: Callable[[pathlib.Path, pathlib.Path], None], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / 'victim'
    victim.write_text('precious')
    victim.chmod(0o600)
    data = qcow2(0)

    def captured(command: Any, folder: pathlib.Path, **rest: Any) -> None:
        leave(victim, folder)

    monkeypatch.setattr(image_data, 'run_confined', captured)
    pool = FilePool(tmp_path / 'pool')
    with pytest.raises(PileusError, match='no plain file'):
        pool.fill('v', 1, ImageData('i', 'qcow2', len(data), None, lambda: iter([data])), lambda: None)
    assert victim.read_text() == 'precious' and victim.stat().st_mode & 0o777 == 0o600
    assert pool.inventory() == [] and list(pool.directory.iterdir()) == []


@pytest.mark.parametrize('round', range(2))
def test_of_two_stages_and_two_imports_one_wins(here: TestCloud, admin: Images, demo: Images, round: int) -> None:
    image, datas = demo.create(), (b'1' * 200_000, b'2' * 200_000)
    clients = (demo, another(here))

    def stage(who: Images, data: bytes) -> int:
        return int(who.raw('PUT', f'{who.base}/images/{image}/stage', data, headers=OCTETS)[0])

    staged = at_once(*[lambda p=pair: stage(*p) for pair in zip(clients, datas, strict=True)])
    assert sorted(staged) == [204, 409]
    body = {'method': {'name': 'glance-direct'}, 'stores': ['slow']}
    imported = at_once(*[lambda w=who: w.send('POST', f'/images/{image}/import', body)[0] for who in clients])
    assert sorted(imported) == [202, 409]
    eventually(lambda: demo.show(image)['status'] == 'active', what='it is active')
    assert demo.data(image)[1] == datas[staged.index(204)]
    copy = {'method': {'name': 'copy-image'}, 'stores': ['fast']}
    copied = at_once(*[lambda w=who: w.send('POST', f'/images/{image}/import', copy)[0] for who in (admin, Images.of(here))])
    assert sorted(copied) == [202, 409]
    eventually(lambda: demo.show(image)['stores'] == 'fast,slow', what='it is in both stores')
    assert demo.send('DELETE', f'/images/{image}')[0] == 204
    eventually(lambda: not left(here, image), what='nothing is left')


def test_what_was_read_of_an_image_that_has_changed_is_not_written_back(here: TestCloud, demo: Images) -> None:
    service, image = here.runtime.parts['image'].service, demo.create(disk_format='qcow2')
    with service.db.read() as session:
        record = image_queries.get_image(session, image)
    assert demo.put(image, qcow2(0)) == 204
    record.disk_format = 'raw'  # as another process may do that read it before
    with pytest.raises(Conflict, match='somebody else'), service.db.write() as session:
        image_queries.save_image(session, record, record.updated_at)
    assert demo.show(image)['disk_format'] == 'qcow2'


@pytest.mark.parametrize('answer', [
    b'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/secret\r\nContent-Length: 0\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\nx', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nx',
    b'HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\n<b>secret</b>', b'HTTP/1.1 500 secret\r\n\r\n',
], ids=['redirect', 'too short', 'endless chunk', 'negative chunk', 'refusal', 'error'])  # fmt: skip
def test_an_import_that_fails_tells_no_more_than_why(
    here: TestCloud, demo: Images, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    image = demo.create()
    with raw_server(lambda request: answer) as url:
        method = {'name': 'web-download', 'uri': f'{url}?signature=hush-hush'}
        assert demo.send('POST', f'/images/{image}/import', {'method': method})[0] == 202
        eventually(lambda: demo.show(image)['status'] == 'queued', what='it has failed')
    (task,) = demo.send('GET', f'/images/{image}/tasks')[1]['tasks']
    assert task['status'] == 'failure' and 'secret' not in task['message'].replace('allowed_networks', ''), task
    assert not any(text in task['message'] for text in ('/tmp', 'Traceback', 'hush-hush', 'http.client'))
    assert 'hush-hush' not in caplog.text
    eventually(lambda: not left(here, image), what='nothing is left')


@pytest.mark.parametrize(
    'body', [b'[' * 50_000, b'{"a":' * 50_000, b'\xff\xfe', b'[{"op":"add","path":"/x","value":' + b'[' * 3000 + b']' * 3000 + b'}]']
)
def test_bodies_that_are_no_images_are_refused(demo: Images, body: bytes) -> None:
    image = demo.create()
    for method, path, kind in (
        ('POST', '/images', 'application/json'), ('PATCH', f'/images/{image}', 'application/openstack-images-v2.1-json-patch'),
        ('POST', f'/images/{image}/import', 'application/json'), ('POST', f'/images/{image}/locations', 'application/json'),
    ):  # fmt: skip
        assert demo.raw(method, demo.base + path, body, headers={'Content-Type': kind})[0] == 400


def test_names_of_inner_networks_cannot_be_found_out(demo: Images) -> None:
    """The first has an address that is refused, the second has none."""
    image = demo.create()
    told = set()
    for host in ('10.0.0.1', 'a..b'):
        status, body = demo.send('POST', f'/images/{image}/import', {'method': {'name': 'web-download', 'uri': f'http://{host}/'}})
        told.add((status, str(body).replace(host, 'HOST')))
    assert len(told) == 1 and told.pop()[0] == 400


def test_the_id_of_an_image_that_is_gone_is_nobodys(admin: Images, demo: Images) -> None:
    image = admin.create(visibility='public')
    assert admin.send('DELETE', f'/images/{image}')[0] == 204
    for who in (demo, admin):
        assert who.send('POST', '/images', {'id': image, 'name': 'golden', 'disk_format': 'raw', 'container_format': 'bare'})[0] == 409


def test_numbers_of_any_length_are_refused(demo: Images) -> None:
    image = demo.create()
    assert demo.put(image, b'0123456789') == 204
    for text in ('bytes=0-' + '9' * 5000, 'bytes=' + '9' * 5000 + '-', 'bytes=-' + '9' * 5000, 'bytes=0-\xb2'):
        assert demo.data(image, Range=text)[0] == 400
    for name in ('size', 'size_min', 'size_max', 'min_disk', 'limit'):
        for number in ('9' * 18, '9' * 19, '9' * 5000):
            fits = len(number) == 18 and name != 'limit'  # what a database can hold
            assert demo.send('GET', f'/images?{name}={number}')[0] == (200 if fits else 400), (name, len(number))
    for name in ('min_disk', 'min_ram'):
        assert demo.patch(image, {'op': 'replace', 'path': f'/{name}', 'value': 10**30})[0] == 400


def test_staged_data_goes_with_its_image_at_once(here: TestCloud, demo: Images) -> None:
    image = demo.create()
    assert demo.raw('PUT', f'{demo.base}/images/{image}/stage', b'x' * 100_000, headers=OCTETS)[0] == 204
    assert left(here, image)
    assert demo.send('DELETE', f'/images/{image}')[0] == 204
    assert left(here, image) == [], 'what no quota counts must not stay until somebody sweeps'
