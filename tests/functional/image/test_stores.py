"""Several stores over HTTP: data goes where it is told to, is read from the best place that has it, and goes from all of them."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
from collections.abc import Iterator

import pytest

from common.clock import now
from common.context import Context
from common.errors import Conflict, Gone, InvalidInput, Unavailable
from image import locations, placing, receiving, upload
from image.db import images as image_queries
from image.db import locations as queries
from image.service import ImageService
from tests.functional.cloud import TestCloud
from tests.functional.image.stores_cloud import Images, nobody_sweeps, stores_cloud

DATA = bytes(range(256)) * 40


@contextlib.contextmanager
def CLOUD(state: pathlib.Path) -> Iterator[TestCloud]:
    with nobody_sweeps(), stores_cloud(state) as made:
        yield made


@pytest.fixture(scope='module')
def service(here: TestCloud) -> ImageService:
    found: ImageService = here.runtime.parts['image'].service
    return found


def files(here: TestCloud, image: str) -> set[str]:
    """Where below the state folder there is anything of an image."""
    return {str(path.relative_to(here.state)) for path in here.state.rglob(f'{image}*')}


def source_of(path: pathlib.Path, data: bytes = DATA):
    path.write_bytes(data)
    return lambda: path.open('rb')


def rows(service: ImageService, image: str) -> list[str]:
    with service.db.read() as session:
        found = [queries.find_own(session, image, name) for name in service.stores.names]
    return [f'{row.store}:{row.status}' for row in found if row]


def test_users_are_told_of_the_stores_and_administrators_more(admin: Images, demo: Images) -> None:
    status, body = demo.send('GET', '/info/stores')
    assert status == 200 and {one['id']: one for one in body['stores']} == {
        'fast': {'id': 'fast', 'weight': 5},
        'slow': {'id': 'slow', 'weight': 0, 'default': 'true', 'description': 'large'},
        'web': {'id': 'web', 'weight': 0, 'read-only': 'true'},
    }
    status, body = admin.send('GET', '/info/stores/detail')
    details = {one['id']: one for one in body['stores']}
    assert status == 200 and details['web']['type'] == 'http' and len(details['fast']['properties']['data_dir']) == 2
    assert demo.send('GET', '/info/stores/detail')[0] == 403


def test_who_has_one_store_only_is_not_bothered_with_it(cloud: TestCloud) -> None:
    images = Images.of(cloud)
    image = images.create()
    assert images.put(image, DATA) == 204
    assert 'stores' not in images.show(image) and 'locations' not in images.show(image) and 'direct_url' not in images.show(image)
    assert images.send('GET', '/info/stores')[0] == 404


def test_the_header_chooses_the_store(here: TestCloud, demo: Images) -> None:
    default, chosen = demo.create(), demo.create()
    assert demo.put(default, DATA) == 204 and demo.put(chosen, DATA, 'fast') == 204
    assert demo.show(default)['stores'] == 'slow' and demo.show(chosen)['stores'] == 'fast'
    assert files(here, chosen) == {f'fast-a/{chosen}'}
    assert demo.show(chosen)['direct_url'] == f'file://{here.state}/fast-a/{chosen}'
    assert demo.data(chosen) == (200, DATA)


@pytest.mark.parametrize('store', ['nowhere', 'web'])
def test_a_store_that_takes_nothing_is_refused_and_the_image_waits(demo: Images, store: str) -> None:
    image = demo.create()
    assert demo.put(image, DATA, store) == 400
    assert demo.show(image)['status'] == 'queued' and demo.put(image, DATA) == 204


def test_a_new_image_says_which_stores_it_may_go_to(demo: Images) -> None:
    _, headers, _ = demo.raw('POST', f'{demo.base}/images', {'name': 'x'})
    assert headers['openstack-image-store-ids'] == 'fast,slow' and 'glance-direct' in headers['openstack-image-import-methods']


def test_a_copy_is_placed_once_and_has_to_be_the_same_data(
    here: TestCloud, service: ImageService, demo: Images, tmp_path: pathlib.Path
) -> None:
    image = demo.create()
    demo.put(image, DATA)
    assert placing.place(service, image, 'fast', source_of(tmp_path / 'a')) is True
    assert placing.place(service, image, 'fast', lambda: pytest.fail('there already')) is False
    assert demo.show(image)['stores'] == 'fast,slow' and len(files(here, image)) == 2
    other = demo.create()
    demo.put(other, DATA)
    with pytest.raises(InvalidInput, match='is not that of image'):
        placing.place(service, other, 'fast', source_of(tmp_path / 'b', DATA[1:] + b'x'))
    assert demo.show(other)['stores'] == 'slow' and rows(service, other) == ['slow:active'] and len(files(here, other)) == 1


def test_the_first_copy_gives_the_image_its_hashes(service: ImageService, demo: Images, tmp_path: pathlib.Path) -> None:
    image, like = demo.create(), demo.create()
    demo.put(like, DATA)
    placing.place(service, image, 'slow', source_of(tmp_path / 'a'), status='active')
    shown, wanted = demo.show(image), demo.show(like)
    assert shown['status'] == 'active'
    for name in ('size', 'checksum', 'os_hash_algo', 'os_hash_value'):
        assert shown[name] == wanted[name] is not None


def test_a_broken_copy_leaves_nothing(here: TestCloud, service: ImageService, demo: Images) -> None:
    image = demo.create()
    demo.put(image, DATA)

    class Breaks:
        def read(self, size: int) -> bytes:
            raise Unavailable('gone')

        def close(self) -> None:
            """Nothing."""

    with pytest.raises(Unavailable):
        placing.place(service, image, 'fast', Breaks)
    assert rows(service, image) == ['slow:active'] and len(files(here, image)) == 1


def test_a_copy_of_a_deleted_image_ends(here: TestCloud, service: ImageService, demo: Images, tmp_path: pathlib.Path) -> None:
    image = demo.create()
    demo.put(image, DATA)

    def check() -> None:
        demo.raw('DELETE', f'{demo.base}/images/{image}')

    with pytest.raises(Gone):
        placing.place(service, image, 'fast', source_of(tmp_path / 'a'), check=check)
    assert files(here, image) == set() and rows(service, image) == []


def test_a_dead_copy_is_taken_over_by_who_goes_on_and_swept_otherwise(
    here: TestCloud, service: ImageService, demo: Images, tmp_path: pathlib.Path
) -> None:
    image = demo.create()
    demo.put(image, DATA)

    def die() -> None:
        """A process writes half of the data for operation `op`, and is no more."""
        lease = receiving.Lease(service, image, 'fast')
        with service.db.write() as session:
            assert lease.begin(session, 'op')
        service.stores.get('fast').begin(image, lease.upload_id).write(b'half')

    die()
    with pytest.raises(Conflict, match='busy'):
        placing.place(service, image, 'fast', source_of(tmp_path / 'a'), owner='another')
    assert placing.place(service, image, 'fast', source_of(tmp_path / 'a'), owner='op') is True
    assert demo.send('DELETE', f'/stores/fast/{image}')[0] == 403
    admin = Images.of(here)
    assert admin.send('DELETE', f'/stores/fast/{image}')[0] == 204 and len(files(here, image)) == 1
    die()
    with service.db.write() as session:
        row = queries.find_own(session, image, 'fast')
        assert row is not None and locations.sweep(service)['purged'] == 0
        queries.renew(session, image, 'fast', row.upload_id or '', now() - datetime.timedelta(seconds=1))
    assert locations.sweep(service)['purged'] == 1
    assert files(here, image) == {f'images-slow/{image}'} and rows(service, image) == ['slow:active']


def test_reading_goes_on_to_the_next_store(here: TestCloud, service: ImageService, demo: Images, tmp_path: pathlib.Path) -> None:
    image = demo.create()
    demo.put(image, DATA)
    placing.place(service, image, 'fast', source_of(tmp_path / 'a'))
    (here.state / 'images-slow' / image).write_bytes(b'x' * len(DATA))
    assert demo.data(image) == (200, DATA), 'the heavier store first'
    (here.state / 'images-slow' / image).write_bytes(DATA)
    (here.state / 'fast-a' / image).unlink()
    assert demo.data(image) == (200, DATA)
    assert demo.data(image, Range='bytes=3-5') == (206, DATA[3:6])
    (here.state / 'images-slow' / image).unlink()
    assert demo.data(image)[0] == 503


def test_data_goes_from_one_store_but_not_from_the_last(
    here: TestCloud, service: ImageService, admin: Images, tmp_path: pathlib.Path
) -> None:
    image = admin.create()
    admin.put(image, DATA)
    placing.place(service, image, 'fast', source_of(tmp_path / 'a'))
    assert admin.send('DELETE', f'/stores/nowhere/{image}')[0] == 404 and admin.send('DELETE', f'/stores/web/{image}')[0] == 404
    assert admin.send('DELETE', f'/stores/slow/{image}')[0] == 204
    assert admin.show(image)['stores'] == 'fast' and files(here, image) == {f'fast-a/{image}'} and admin.data(image) == (200, DATA)
    assert admin.send('DELETE', f'/stores/fast/{image}')[0] == 403
    assert placing.place(service, image, 'slow', source_of(tmp_path / 'b')) is True
    admin.send('DELETE', f'/images/{image}')
    assert files(here, image) == set() and rows(service, image) == []


def test_what_cannot_be_removed_now_is_removed_later(
    here: TestCloud, service: ImageService, demo: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = demo.create()
    demo.put(image, DATA)

    def fail(image_id: str) -> None:
        raise Unavailable('The disk is away.')

    with monkeypatch.context() as patched:
        patched.setattr(service.stores.get('slow'), 'delete', fail)
        assert demo.send('DELETE', f'/images/{image}')[0] == 204
        assert demo.send('GET', f'/images/{image}')[0] == 404
        assert locations.sweep(service)['purged'] == 0 and rows(service, image) == ['slow:pending_delete']
    assert demo.send('POST', '/images', {'id': image})[0] == 409, 'nobody gets the id of an image that is gone'
    assert locations.sweep(service)['purged'] == 1
    assert files(here, image) == set() and rows(service, image) == []


def test_data_that_no_row_speaks_of_is_removed(here: TestCloud, service: ImageService, demo: Images) -> None:
    image = demo.create()
    demo.put(image, DATA)
    orphan = here.state / 'fast-b' / '7e8e0ef0-0000-4000-8000-000000000000'
    orphan.write_bytes(b'x')
    assert upload.sweep(service)['orphans'] == 1
    assert not orphan.exists() and demo.data(image) == (200, DATA)


def test_a_dead_upload_is_given_back_and_its_part_removed(here: TestCloud, service: ImageService, demo: Images) -> None:
    image = demo.create()
    ctx = Context.service('test').but(project_id=demo.project_id)
    lease = upload._begin(service, ctx, image, 'fast')[1]
    service.stores.get('fast').begin(image, lease.upload_id).write(b'half')
    assert demo.show(image)['status'] == 'saving' and demo.put(image, DATA) == 409
    with service.db.write() as session:
        image_queries.set_columns(session, image, expect={}, upload_until=now() - datetime.timedelta(seconds=1))
    assert upload.sweep(service)['stale_uploads'] == 1
    assert demo.show(image)['status'] == 'queued' and files(here, image) == set() and rows(service, image) == []
    assert demo.put(image, DATA) == 204


def test_a_store_that_is_away_is_waited_for_once(service: ImageService, demo: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [demo.create() for _ in range(3)]
    for image in images:
        demo.put(image, DATA)
    asked: list[str] = []

    def fail(image_id: str) -> None:
        asked.append(image_id)
        raise Unavailable('The disk is away.')

    with monkeypatch.context() as patched:
        patched.setattr(service.stores.get('slow'), 'delete', fail)
        for image in images:
            demo.send('DELETE', f'/images/{image}')
        asked.clear()
        assert locations.sweep(service)['purged'] == 0 and asked == images[:1]
        assert locations.sweep(service)['purged'] == 0 and asked == images[:2], 'another one has its turn'
    assert locations.sweep(service)['purged'] == 3
