"""Limits of a project over HTTP: from the options, from identity, from the operator's command; refused with 413 and figures."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import io
from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import InvalidInput
from common.limits import IdentityLimits
from image import quotas
from image.db.images import set_columns
from image.quota_commands import quota_verb
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running

OCTETS = {'Content-Type': 'application/octet-stream'}
MIB = 1 << 20
# It holds to identity's limits, and has a limit of its own for what identity does not register.
CLOUD = functools.partial(running, image={'use_identity_limits': True, 'image_count_uploading': 5})


@pytest.fixture(scope='module')
def limits(admin: Client, demo: Client) -> dict[str, str]:
    """Registered limits without bound, and ids of demo's own."""
    service = admin.ask('GET', 'identity', '/services?type=image')['services'][0]['id']
    place = [{'service_id': service, 'region_id': 'RegionOne', 'resource_name': name} for name in (quotas.SIZE, quotas.STAGE, quotas.COUNT)]
    admin.ask('POST', 'identity', '/registered_limits', {'registered_limits': [{**one, 'default_limit': -1} for one in place]})
    own = [{**one, 'resource_limit': 10, 'project_id': demo.project_id} for one in place]
    made = admin.ask('POST', 'identity', '/limits', {'limits': own})['limits']
    return {one['resource_name']: one['id'] for one in made}


@pytest.fixture
def images(demo: Client) -> Iterator[list[str]]:
    """Ids of demo's images, which are deleted at the end."""
    made: list[str] = []
    yield made
    for one in made:
        demo.raw('DELETE', f'{demo.catalog["image"]}/v2/images/{one}')


def set_limit(admin: Client, limits: dict[str, str], name: str, amount: int) -> None:
    admin.ask('PATCH', 'identity', f'/limits/{limits[name]}', {'limit': {'resource_limit': amount}})


def create(demo: Client, images: list[str]) -> tuple[int, Any]:
    import json

    body = {'name': 'counted', 'disk_format': 'raw', 'container_format': 'bare'}
    headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
    status, _, answer = demo.raw('POST', f'{demo.catalog["image"]}/v2/images', json.dumps(body).encode(), headers=headers)
    found = json.loads(answer)
    if status == 201:
        images.append(found['id'])
    return status, found


def upload(demo: Client, image: str, data: Any) -> tuple[int, str]:
    status, _, answer = demo.raw(
        'PUT', f'{demo.catalog["image"]}/v2/images/{image}/file', data, headers={**OCTETS, 'Accept': 'application/json'}
    )
    return status, answer.decode()


def made(demo: Client, images: list[str], data: bytes) -> tuple[int, str]:
    status, image = create(demo, images)
    assert status == 201
    return upload(demo, image['id'], data)


def usage(client: Client, name: str) -> dict[str, int]:
    found: dict[str, int] = client.ask('GET', 'image', '/v2/info/usage')['usage'][name]
    return found


def test_the_number_of_images(admin: Client, demo: Client, limits: dict[str, str], images: list[str]) -> None:
    set_limit(admin, limits, quotas.COUNT, 1)
    assert create(demo, images)[0] == 201
    status, answer = create(demo, images)
    assert status == 413 and 'image_count_total: limit 1, in use 1, wanted 1' in answer['message']
    assert usage(demo, quotas.COUNT) == {'limit': 1, 'usage': 1}
    set_limit(admin, limits, quotas.COUNT, 2)
    assert create(demo, images)[0] == 201, 'a raised limit holds at once'
    assert create(demo, images)[0] == 413
    set_limit(admin, limits, quotas.COUNT, -1)
    assert create(demo, images)[0] == 201


def test_many_at_once_do_not_get_more_than_the_limit(admin: Client, demo: Client, limits: dict[str, str], images: list[str]) -> None:
    set_limit(admin, limits, quotas.COUNT, 3)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: create(demo, images)[0], range(12)))
    assert sorted(statuses) == [201] * 3 + [413] * 9


def test_a_service_that_heard_nothing_asks_before_it_refuses(
    here: TestCloud, admin: Client, demo: Client, limits: dict[str, str], images: list[str]
) -> None:
    service = here.runtime.parts['image'].service
    usual = service.quotas.identity
    service.quotas.identity = IdentityLimits(here.runtime.rest('image', 'identity'), 'image', 'RegionOne')
    try:
        set_limit(admin, limits, quotas.COUNT, 1)
        assert create(demo, images)[0] == 201 and create(demo, images)[0] == 413
        set_limit(admin, limits, quotas.COUNT, 2)
        assert create(demo, images)[0] == 201
    finally:
        service.quotas.identity = usual


def test_a_lowered_limit_is_heard_of(
    admin: Client, demo: Client, limits: dict[str, str], images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('common.limits.REMEMBERED', 3600.0)
    set_limit(admin, limits, quotas.COUNT, 10)
    assert create(demo, images)[0] == 201
    set_limit(admin, limits, quotas.COUNT, 1)
    eventually(lambda: usage(demo, quotas.COUNT)['limit'] == 1, what='the new limit, though the old one is not forgotten')
    assert create(demo, images)[0] == 413


def test_the_size_of_all_data(admin: Client, demo: Client, limits: dict[str, str], images: list[str]) -> None:
    set_limit(admin, limits, quotas.COUNT, 10)
    set_limit(admin, limits, quotas.SIZE, 1)
    assert made(demo, images, b'\0' * MIB)[0] == 204
    assert made(demo, images, b'\0' * MIB)[0] == 413, 'it says what it needs'
    assert upload(demo, images[-1], iter([b'\0' * MIB]))[0] == 204, 'at its limit, not above it, and nobody knows what will come'
    status, words = made(demo, images, b'\0' * 10)
    assert status == 413 and 'image_size_total: limit 1 MiB, in use 2.0 MiB' in words
    assert usage(demo, quotas.SIZE) == {'limit': 1, 'usage': 2}
    assert demo.ask('GET', 'image', f'/v2/images/{images[-1]}')['status'] == 'queued', 'it waits for room'
    demo.ask('DELETE', 'image', f'/v2/images/{images.pop(0)}')
    assert upload(demo, images[-1], iter([b'\0' * 10]))[0] == 204
    set_limit(admin, limits, quotas.SIZE, -1)


def test_data_larger_than_all_that_is_allowed(admin: Client, demo: Client, limits: dict[str, str], images: list[str]) -> None:
    set_limit(admin, limits, quotas.COUNT, 10)
    set_limit(admin, limits, quotas.SIZE, 1)
    status, words = made(demo, images, b'\0' * (MIB + 1))
    assert status == 413 and 'limit 1 MiB' in words
    assert demo.ask('GET', 'image', f'/v2/images/{images[-1]}')['status'] == 'queued'
    set_limit(admin, limits, quotas.SIZE, -1)


def test_what_identity_does_not_register_has_the_options_limit(demo: Client, limits: dict[str, str]) -> None:
    assert usage(demo, quotas.UPLOADING) == {'limit': 5, 'usage': 0}


def test_uploads_at_once(here: TestCloud, demo: Client, limits: dict[str, str], images: list[str]) -> None:
    service = here.runtime.parts['image'].service
    for _ in range(2):
        assert create(demo, images)[0] == 201
    assert 'image_count_uploading: 0 of 1' in manage(here, 'set', demo.project_id, 'image_count_uploading=1')
    with service.db.write() as session:  # one that is under way elsewhere
        set_columns(session, images[0], expect={}, status='uploading', size=1)
    assert usage(demo, quotas.UPLOADING) == {'limit': 1, 'usage': 1}
    status, words = upload(demo, images[1], b'data')
    assert status == 413 and 'image_count_uploading: limit 1, in use 1, wanted 1' in words
    assert 'image_count_uploading: 1 of 5' in manage(here, 'reset', demo.project_id)
    assert upload(demo, images[1], b'data')[0] == 204


def manage(cloud: TestCloud, *words: str) -> str:
    """What `image-manage quota` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        quota_verb(list(words), cloud.settings)
    return printed.getvalue()


def test_the_command_refuses_nonsense(here: TestCloud) -> None:
    for words in ('image_count_total', 'image_count_total=x', 'cows=1', 'image_count_total=-2'):
        with pytest.raises(InvalidInput):
            manage(here, 'set', 'p', words)


def test_identity_is_asked_seldom_and_may_be_away(
    here: TestCloud, demo: Client, limits: dict[str, str], images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('common.limits.REMEMBERED', 3600.0)
    asked: list[str] = []
    rest = here.runtime.rest('image', 'identity')

    class Counting:
        away = False

        def get(self, path: str) -> Any:
            asked.append(path)
            if self.away:
                from common.errors import Unavailable

                raise Unavailable
            return rest.get(path)

    counting = Counting()
    known = IdentityLimits(counting, 'image', 'RegionOne')  # type: ignore[arg-type]
    first = known.of(demo.project_id)
    for _ in range(20):
        assert known.of(demo.project_id) == first and first
    assert len(asked) == 3, 'the service, what is registered, what the project has'
    counting.away = True
    known.forget()
    assert known.of(demo.project_id) == first, 'the last answer stays in force'
