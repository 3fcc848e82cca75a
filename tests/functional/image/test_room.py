"""Limits of size hold for data that arrive at the same moment: what is announced is reserved, what is not is counted while it comes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import functools
import http.client
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from common.clock import now
from image import quotas
from image.db.images import set_columns
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.web import Web

OCTETS = {'Content-Type': 'application/octet-stream'}
MIB = 1 << 20
OPTIONS = {
    'stores': 'default:filesystem,second:filesystem', quotas.SIZE: 4, quotas.STAGE: 4, 'allowed_networks': '127.0.0.0/8',
    'import_allowed_ports': '1-65535',
}  # fmt: skip
# A project may have 4 MiB of data in two stores, and 4 MiB that wait.
CLOUD = functools.partial(running, image=OPTIONS)


@pytest.fixture
def demo(here: TestCloud) -> Iterator[Client]:
    """A project without images, before and after."""
    client = here.client('demo')
    yield client
    for image in client.ask('GET', 'image', f'/v2/images?owner={client.project_id}')['images']:
        client.ask('DELETE', 'image', f'/v2/images/{image["id"]}')
    assert usage(client) == (0, 0), 'nothing is reserved for images that are gone'


def create(demo: Client) -> str:
    body = {'name': 'room', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'private'}
    return str(demo.ask('POST', 'image', '/v2/images', body)['id'])


def send(demo: Client, image: str, data: Any, where: str = 'file') -> tuple[int, str]:
    status, _, answer = demo.raw('PUT', f'{demo.catalog["image"]}/v2/images/{image}/{where}', data, headers=OCTETS)
    return status, answer.decode()


def usage(demo: Client) -> tuple[int, int]:
    """MiB of data, and of those that wait."""
    found = demo.ask('GET', 'image', '/v2/info/usage')['usage']
    return found[quotas.SIZE]['usage'], found[quotas.STAGE]['usage']


def status_of(demo: Client, image: str) -> str:
    return str(demo.ask('GET', 'image', f'/v2/images/{image}')['status'])


def halves(release: threading.Event, arrived: threading.Barrier, size: int) -> Iterator[bytes]:
    """Data without a length, which stop in the middle."""
    yield b'x' * (size // 2)
    arrived.wait(60)
    assert release.wait(60)
    yield b'y' * (size - size // 2)


def pour(client: Client, image: str, pieces: Iterator[bytes], where: str) -> tuple[int, str]:
    """Send data without a length, once; what the service answers, also where it does so before the end."""
    parts = urllib.parse.urlsplit(client.catalog['image'])
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=120)) as connection:
        connection.putrequest('PUT', f'{parts.path}/v2/images/{image}/{where}')
        for name, value in {**OCTETS, 'X-Auth-Token': client.token, 'Transfer-Encoding': 'chunked'}.items():
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.send(b'%x\r\n%b\r\n' % (len(piece), piece))
            connection.send(b'0\r\n\r\n')
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize('where', ['file', 'stage'])
def test_uploads_at_once_get_no_more_than_there_is(here: TestCloud, demo: Client, where: str) -> None:
    images = [create(demo) for _ in range(6)]
    clients = [here.client('demo') for _ in images]
    start = threading.Barrier(len(images))

    def one(number: int) -> int:
        start.wait(60)
        return send(clients[number], images[number], b'\1' * (3 * MIB // 2), where)[0]

    with concurrent.futures.ThreadPoolExecutor(len(images)) as pool:
        statuses = list(pool.map(one, range(len(images))))
    assert sorted(statuses) == [204] * 2 + [413] * 4
    assert usage(demo) == ((3, 0) if where == 'file' else (0, 3))
    assert [status_of(demo, image) for image, status in zip(images, statuses, strict=True) if status == 413] == ['queued'] * 4


@pytest.mark.parametrize('where', ['file', 'stage'])
def test_of_those_without_a_length_one_at_most_ends_above_the_limit(here: TestCloud, demo: Client, where: str) -> None:
    """As one after the other: an upload may begin while the rest is within the limit, and end above it."""
    images = [create(demo) for _ in range(4)]
    clients = [here.client('demo') for _ in images]
    release, arrived = threading.Event(), threading.Barrier(len(images) + 1)
    with concurrent.futures.ThreadPoolExecutor(len(images)) as pool:
        under_way = [
            pool.submit(pour, client, image, halves(release, arrived, 3 * MIB), where)
            for client, image in zip(clients, images, strict=True)
        ]
        arrived.wait(60)
        release.set()
        answers = [one.result(120) for one in under_way]
    assert sorted(status for status, _ in answers) == [204] * 2 + [413] * 2, answers
    assert sum(usage(demo)) == 6


def test_what_is_announced_is_refused_before_it_is_sent(demo: Client) -> None:
    assert send(demo, create(demo), b'\1' * (3 * MIB))[0] == 204
    image = create(demo)
    status, words = send(demo, image, b'\1' * (2 * MIB))
    assert status == 413 and 'image_size_total: limit 4 MiB, in use 3.0 MiB, wanted 2.0 MiB' in words
    assert status_of(demo, image) == 'queued' and send(demo, image, b'\1' * MIB)[0] == 204


def test_a_broken_upload_gives_its_room_back(here: TestCloud, demo: Client) -> None:
    image = create(demo)

    def breaks() -> Iterator[bytes]:
        yield b'x' * (3 * MIB)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        pour(demo, image, breaks(), 'file')
    fresh = here.client('demo')
    eventually(lambda: send(fresh, image, b'\1' * (4 * MIB))[0] == 204, what='the broken upload is given up')


def import_(client: Client, image: str, method: dict[str, str], **body: Any) -> tuple[int, str]:
    status, _, answer = client.raw(
        'POST',
        f'{client.catalog["image"]}/v2/images/{image}/import',
        {'method': method, **body},
        headers={'Content-Type': 'application/json'},
    )
    return status, answer.decode()


def test_an_import_needs_room_in_every_store(demo: Client) -> None:
    image = create(demo)
    assert send(demo, image, b'\1' * (5 * MIB // 2), 'stage')[0] == 204
    status, words = import_(demo, image, {'name': 'glance-direct'}, all_stores=True)
    assert status == 413 and 'wanted 5.0 MiB' in words
    assert status_of(demo, image) == 'uploading', 'the staged data stay'
    assert import_(demo, image, {'name': 'glance-direct'})[0] == 202
    eventually(lambda: status_of(demo, image) == 'active', what='the import into one store')
    assert usage(demo) == (2, 0)


def test_a_copy_needs_room(here: TestCloud, admin: Client, demo: Client) -> None:
    image = create(demo)
    assert send(demo, image, b'\1' * (3 * MIB))[0] == 204
    status, words = import_(admin, image, {'name': 'copy-image'}, stores=['second'])
    assert status == 413 and 'wanted 3.0 MiB' in words, 'the room of who owns the image'
    small_one = create(demo)
    assert send(demo, small_one, b'\1' * (MIB // 2))[0] == 204
    assert import_(admin, small_one, {'name': 'copy-image'}, stores=['second'])[0] == 202
    eventually(lambda: demo.ask('GET', 'image', f'/v2/images/{small_one}')['stores'] == 'default,second', what='the copy')
    eventually(lambda: usage(demo) == (4, 0), what='nothing but the copies counts')


def test_a_fetched_image_needs_room_and_says_so(demo: Client, web: Web) -> None:
    assert send(demo, create(demo), b'\1' * (3 * MIB))[0] == 204
    image = create(demo)
    web.data = b'\1' * (2 * MIB)
    assert import_(demo, image, {'name': 'web-download', 'uri': web.url})[0] == 202
    eventually(lambda: status_of(demo, image) == 'queued', what='the import is given up')
    task = demo.ask('GET', 'image', f'/v2/images/{image}/tasks')['tasks'][-1]
    assert task['status'] == 'failure' and 'image_size_total: limit 4 MiB, in use 3.0 MiB, wanted 2.0 MiB' in task['message']
    assert len(web.asked) == 1 and usage(demo) == (3, 0)
    web.data = b'\1' * MIB
    assert import_(demo, image, {'name': 'web-download', 'uri': web.url})[0] == 202
    eventually(lambda: status_of(demo, image) == 'active', what='there is room for this')


def test_what_is_fetched_at_once_takes_no_more_than_may_wait(demo: Client, web: Web) -> None:
    web.data, web.held = b'\1' * (3 * MIB), threading.Event()
    images = [create(demo) for _ in range(3)]
    for image in images:
        assert import_(demo, image, {'name': 'web-download', 'uri': web.url})[0] == 202
    eventually(lambda: [status_of(demo, image) for image in images].count('queued') == 2, what='two are given up')
    web.held.set()
    eventually(lambda: [status_of(demo, image) for image in images].count('active') == 1, what='one is taken')
    assert usage(demo) == (3, 0)


def test_what_a_dead_process_has_reserved_is_free_again(here: TestCloud, demo: Client) -> None:
    service = here.runtime.parts['image'].service
    image = create(demo)
    alive = {'status': 'saving', 'upload_id': 'gone', 'upload_until': now() + datetime.timedelta(hours=1), 'reserved_size': 4 * MIB}
    with service.db.write() as session:
        set_columns(session, image, expect={}, **alive)
    assert usage(demo) == (4, 0) and send(demo, create(demo), b'\1' * MIB)[0] == 413
    with service.db.write() as session:
        set_columns(session, image, expect={}, upload_until=now() - datetime.timedelta(seconds=1))
    eventually(lambda: status_of(demo, image) == 'queued', what='the sweep')
    assert usage(demo) == (0, 0) and send(demo, image, b'\1' * (4 * MIB))[0] == 204
