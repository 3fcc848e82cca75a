"""What every store of image data has to do, tried with each of them.

An S3 server of one's own is tried instead of ours where PILEUS_TEST_S3 is its URL.
"""

from __future__ import annotations

import os
import pathlib
import uuid
from collections.abc import Callable, Iterator

import pytest

from common.errors import NotFound, Unavailable
from image.drivers import options
from image.drivers.base import Store, StoreSetup
from image.drivers.filesystem import FilesystemStore
from image.drivers.s3 import S3Store
from image.drivers.swift import SwiftStore
from tests.unit.image.s3_server import s3_server
from tests.unit.image.swift_server import swift_server

# S3 takes no smaller parts than 5 MiB; the server here does.
PART = 5 << 20 if os.environ.get('PILEUS_TEST_S3') else 1 << 18
LARGE = os.urandom(PART) * 2 + os.urandom(PART // 2) + b'end'


@pytest.fixture(params=['filesystem', 'directories', 's3', 'swift'], scope='module')
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from stores(request.param, tmp_path_factory.mktemp('stores'))


@pytest.fixture
def store(made: Store) -> Iterator[Store]:
    """An empty store."""
    yield made
    for entry in list(made.inventory()):
        made.delete(entry.image_id)


def stores(kind: str, folder: pathlib.Path) -> Iterator[Store]:
    """A fresh store, and the server behind it."""
    if kind == 'filesystem':
        yield FilesystemStore(StoreSetup('s', options.FilesystemStoreOptions(), folder / 'images'))
    elif kind == 'directories':
        directories = [f'{folder}/low:1', f'{folder}/high:9']
        yield FilesystemStore(StoreSetup('s', options.FilesystemStoreOptions(directories=directories), folder))
    elif kind == 's3':
        with s3_server() as server:
            endpoint = os.environ.get('PILEUS_TEST_S3', server.url)
            given = {'access_key': 'testing', 'secret_key': 'testing', 'addressing': 'path', 'timeout': 60.0}
            bucket = f'images-{uuid.uuid4()}'
            made = options.S3StoreOptions(endpoint=endpoint, bucket=bucket, create_bucket=True, part_size=PART, **given)
            yield S3Store(StoreSetup('s', made, folder))
    else:
        with swift_server() as server:
            given = {'auth_url': f'{server.url}/v3', 'username': 'glance', 'password': server.password, 'timeout': 60.0}
            yield SwiftStore(StoreSetup('s', options.SwiftStoreOptions(segment_size=PART, **given), folder))


@pytest.fixture
def image() -> str:
    return str(uuid.uuid4())


def put(store: Store, image: str, data: bytes, chunk: int = 1 << 20, size: int | None = None) -> str:
    """Upload; gives the URL."""
    upload = store.begin(image, str(uuid.uuid4()), size)
    for first in range(0, len(data), chunk):
        upload.write(data[first : first + chunk])
    upload.sync()
    upload.commit()
    return upload.url


def held(store: Store) -> list[str]:
    return [entry.image_id for entry in store.inventory()]


@pytest.mark.parametrize('data', [b'', b'x', LARGE[: 2 * PART], LARGE], ids=['nothing', 'a byte', 'two parts', 'parts and a rest'])
def test_what_goes_in_comes_out(store: Store, image: str, data: bytes) -> None:
    url = put(store, image, data)
    for known in (url, ''):
        with store.open(image, known) as file:
            assert b''.join(iter(lambda file=file: file.read(1 << 20), b'')) == data
        assert store.size(image, known) == len(data)
    assert store.url(image) == url and held(store) == [image]


def test_chunks_need_not_fit_the_parts(store: Store, image: str) -> None:
    url = put(store, image, LARGE, chunk=PART * 2 // 3, size=len(LARGE))
    with store.open(image, url) as file:
        assert b''.join(iter(lambda: file.read(PART // 7), b'')) == LARGE


def test_a_small_image_of_known_size(store: Store, image: str) -> None:
    url = put(store, image, b'small', size=5)
    with store.open(image, url) as file:
        assert file.read(100) == b'small' and file.read(100) == b''


def test_any_part_can_be_read(store: Store, image: str) -> None:
    url = put(store, image, LARGE)
    with store.open(image, url) as file:
        for first in (PART + 7, 3, len(LARGE) - 3, 2 * PART):
            file.seek(first)
            assert file.read(100) == LARGE[first : first + 100] and file.tell() == min(first + 100, len(LARGE))


def test_nothing_can_be_read_before_the_end(store: Store, image: str) -> None:
    upload = store.begin(image, 'one')
    upload.write(LARGE)
    with pytest.raises(NotFound):
        store.open(image)
    upload.abort()
    upload.abort()
    assert held(store) == []


def test_an_upload_can_be_forgotten_after_the_end(store: Store, image: str) -> None:
    upload = store.begin(image, 'one')
    upload.write(LARGE)
    upload.sync()
    upload.abort()
    assert held(store) == []


def test_deleting_takes_everything_of_an_image_and_nothing_else(store: Store, image: str) -> None:
    other = str(uuid.uuid4())
    put(store, image, LARGE)
    left = put(store, other, b'other')
    unfinished = store.begin(image, 'two')
    unfinished.write(LARGE)
    for _ in range(2):
        store.delete(image)
        assert held(store) == [other]
    with pytest.raises(NotFound):
        store.open(image)
    with store.open(other, left) as file:
        assert file.read(10) == b'other'
    unfinished.abort()


def test_one_unfinished_upload_can_be_discarded(store: Store, image: str) -> None:
    dead, live = store.begin(image, 'dead'), store.begin(image, 'live')
    dead.write(LARGE)
    live.write(LARGE)
    for _ in range(2):
        store.discard(image, 'dead')
    live.sync()
    live.commit()
    assert held(store) == [image]
    with store.open(image, live.url) as file:
        file.seek(len(LARGE) - 3)
        assert file.read(10) == b'end'
    dead.abort()


def test_a_late_upload_does_not_touch_the_data_of_the_next(store: Store, image: str) -> None:
    late = store.begin(image, 'late')
    late.write(b'late')
    url = put(store, image, b'good')
    late.sync()
    late.abort()
    with store.open(image, url) as file:
        assert file.read(10) == b'good'
    assert held(store) == [image]


def test_what_is_not_there(store: Store, image: str) -> None:
    for ask in (store.open, store.size):
        with pytest.raises(NotFound):
            ask(image)
    put(store, str(uuid.uuid4()), b'another')
    for ask in (store.open, store.size):
        with pytest.raises(NotFound):
            ask(image)
    store.delete(image)
    store.discard(image, 'one')


def test_many_images_are_all_listed(store: Store) -> None:
    images = sorted(str(uuid.uuid4()) for _ in range(8))
    for image in images:
        put(store, image, b'x')
    assert sorted(held(store)) == images


def test_a_token_that_ended_early_is_renewed(tmp_path: pathlib.Path, image: str) -> None:
    with swift_server() as server:
        given = {'auth_url': f'{server.url}/v3', 'username': 'glance', 'password': server.password, 'timeout': 60.0}
        store = SwiftStore(StoreSetup('s', options.SwiftStoreOptions(segment_size=PART, **given), tmp_path))
        put(store, str(uuid.uuid4()), b'x')
        server.token = 'another-token'
        url = put(store, image, LARGE)
        server.token = 'a-third-token'
        with store.open(image, url) as file:
            assert file.read(10) == LARGE[:10]


@pytest.mark.parametrize('kind', ['s3', 'swift'])
def test_a_service_that_is_away_may_come_back(kind: str, tmp_path: pathlib.Path, image: str) -> None:
    away = stores(kind, tmp_path)
    store = next(away)
    if os.environ.get('PILEUS_TEST_S3') and kind == 's3':
        pytest.skip('that server cannot be stopped from here')
    put(store, image, b'x')
    assert store.check() is None
    away.close()  # type: ignore[attr-defined]
    asks: list[Callable[[], object]] = [lambda: store.open(image), lambda: store.delete(image), lambda: put(store, image, b'x')]
    for ask in asks:
        with pytest.raises(Unavailable):
            ask()
    assert 'does not answer' in (store.check() or '')


def test_the_highest_priority_with_room_is_taken(tmp_path: pathlib.Path, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = next(stores('directories', tmp_path))
    assert '/high/' in put(store, image, b'x')
    room = os.statvfs(tmp_path)
    too_large = room.f_bavail * room.f_frsize + (1 << 40)
    with pytest.raises(Unavailable, match='full'):
        store.begin(image, 'one', too_large)
    (tmp_path / 'high' / image).rename(tmp_path / 'low' / image)
    with store.open(image) as file:
        assert file.read() == b'x'
    put(store, image, b'new')
    assert not (tmp_path / 'low' / image).exists() and held(store) == [image]


def test_a_file_survives_a_power_cut_once_its_row_does(tmp_path: pathlib.Path, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data, then the name, then the folder that has the name: the row that says `active` is written after all of them."""
    store = FilesystemStore(StoreSetup('s', options.FilesystemStoreOptions(), tmp_path / 'images'))
    done: list[str] = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda file: (done.append(pathlib.Path(f'/proc/self/fd/{file}').readlink().name), sync(file))[1])
    monkeypatch.setattr(os, 'replace', lambda old, new: (done.append(f'to {new.name}'), rename(old, new))[1])
    upload = store.begin(image, 'upload')
    upload.write(b'data')
    upload.sync()
    upload.commit()
    assert done == [f'{image}.upload.part', f'to {image}', 'images']
