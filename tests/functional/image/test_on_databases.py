"""What must hold on every database when several processes do it at once: limits of projects, and who fetches into the cache."""

from __future__ import annotations

import concurrent.futures
import datetime
import types
from collections.abc import Iterator
from typing import Any

import pytest

from common.clock import now
from common.db import Database, migrate
from common.errors import OverQuota
from common.ids import new_id
from image import quotas
from image.conf import ImageOptions
from image.db import cache, images
from image.db.usage import usage
from image.records import ImageRecord
from image.room import Room
from tests.databases import database_url, servers  # noqa: F401

MIB = 1 << 20


@pytest.fixture
def service(database_url: str) -> Iterator[Any]:  # noqa: F811
    db = Database(database_url)
    migrate.sync(db, 'image.db')
    yield types.SimpleNamespace(db=db, quotas=quotas.ImageQuotas(ImageOptions(image_count_total=3)))
    db.dispose()


def record(owner: str = 'p', **values: Any) -> ImageRecord:
    given = {
        'id': new_id(), 'name': 'x', 'status': 'queued', 'visibility': 'private', 'owner': owner, 'container_format': 'bare', 'disk_format': 'raw',
        'min_disk': 0, 'min_ram': 0, 'protected': False, 'os_hidden': False, 'size': None, 'virtual_size': None, 'checksum': None,
        'os_hash_algo': None, 'os_hash_value': None, 'created_at': now(), 'updated_at': now(),
    }  # fmt: skip
    return ImageRecord(**{**given, **values})


def test_many_at_once_do_not_get_more_than_the_limit(service: Any) -> None:
    def create(number: int) -> bool:
        made = record()
        try:
            quotas.enforced(service, 'p', quotas.NEW_IMAGE, lambda session: images.insert_image(session, made))
        except OverQuota:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(create, range(12))) == 3
    with service.db.read() as session:
        assert usage(session, 'p')['image_count_total'] == 3, 'what is refused is not there'


def test_what_is_counted(service: Any) -> None:
    states = {'active': 5, 'deactivated': 7, 'queued': None, 'saving': None, 'uploading': 11, 'importing': 13}
    with service.db.write() as session:
        for status, size in states.items():
            images.insert_image(session, record(status=status, size=size and size * MIB))
        images.insert_image(session, record('another', status='active', size=MIB))
    with service.db.read() as session:
        assert usage(session, 'p') == {
            'image_size_total': 12 * MIB, 'image_stage_total': 24 * MIB, 'image_count_total': 6, 'image_count_uploading': 3,
        }  # fmt: skip
        assert set(usage(session, 'nobody').values()) == {0}


@pytest.mark.parametrize('known', [True, False], ids=['announced', 'growing'])
def test_room_is_taken_once(service: Any, known: bool) -> None:
    """Five times 3 MiB at once where there are 7: two get theirs, or one more ends above. They do not keep each other from it."""
    service.quotas = quotas.ImageQuotas(ImageOptions(image_size_total=7))
    coming = [record(status='saving', upload_id='u') for _ in range(5)]
    with service.db.write() as session:
        for one in coming:
            images.insert_image(session, one)

    def arrive(one: ImageRecord) -> int:
        room = Room(service, 'p', one.id, quotas.SIZE, lambda: {'status': 'saving', 'upload_id': 'u'})
        try:
            if known:
                room.take(3 * MIB)
            else:
                for size in range(MIB // 4, 3 * MIB + 1, MIB // 4):
                    room.cover(size)
        except OverQuota:
            with service.db.write() as session:  # as an upload that is given up
                images.set_columns(session, one.id, expect={}, status='queued')
            return 0
        with service.db.write() as session:
            images.set_columns(session, one.id, expect={}, status='active', size=3 * MIB, reserved_size=0)
        return 1

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        taken = sum(pool.map(arrive, coming))
    assert taken == (2 if known else 3)
    with service.db.read() as session:
        assert usage(session, 'p')['image_size_total'] == 3 * MIB * taken


def test_a_wish_is_taken_by_one_worker(service: Any) -> None:
    wanted = [record(status='active', size=1) for _ in range(6)]
    with service.db.write() as session:
        for one in wanted:
            images.insert_image(session, one)
            cache.queue(session, 'h', one.id, 'file', now())
            cache.queue(session, 'h', one.id, 'file', now())

    def claim(number: int) -> str | None:
        with service.db.write() as session:
            entry = cache.claim(session, 'h', f'worker-{number}', now(), now() + datetime.timedelta(seconds=60))
        return entry.image_id if entry is not None else None

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        taken = [image for image in pool.map(claim, range(10)) if image is not None]
    assert len(taken) == len(set(taken)), 'nobody took what another had'
    taken += [image for image in (claim(number) for number in range(10, 20)) if image is not None]
    assert sorted(taken) == sorted(one.id for one in wanted)


def test_a_lease_that_ran_out_is_lost(service: Any) -> None:
    one = record(status='active', size=1)
    with service.db.write() as session:
        images.insert_image(session, one)
        cache.queue(session, 'h', one.id, 'file', now())
        cache.claim(session, 'h', 'first', now(), now() - datetime.timedelta(seconds=1))
    with service.db.write() as session:
        assert cache.claim(session, 'other', 'x', now(), now()) is None
        entry = cache.claim(session, 'h', 'second', now(), now() + datetime.timedelta(seconds=60))
        assert entry is not None and entry.image_id == one.id
    with service.db.write() as session:
        assert not cache.renew(session, 'h', one.id, 'first', now())
        assert not cache.change(session, 'h', one.id, expect_lease='first', state='cached')
        assert cache.change(session, 'h', one.id, expect_lease='second', state='cached')
        images.remove_image(session, one.id)
    with service.db.read() as session:
        assert cache.list_entries(session, 'h') == [], 'it goes with its image'
