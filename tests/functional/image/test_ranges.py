"""Parts of images whose data are far away: one question each, for as many bytes as are wanted, gone on with where it breaks off."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.cloud import TestCloud, running
from tests.functional.image.stores_cloud import Images
from tests.functional.image.web import Web, web_server
from tests.unit.image.s3_server import S3Server, s3_server
from tests.unit.image.swift_server import SwiftServer, swift_server

DATA = os.urandom(1 << 20) * 3 + b'end'
END = len(DATA)
FAR = ['s3', 'swift', 'web']


@pytest.fixture(scope='module')
def far() -> Iterator[dict[str, Any]]:
    with s3_server() as s3, swift_server() as swift, web_server() as web:
        web.data = DATA
        yield {'s3': s3, 'swift': swift, 'web': web}


@pytest.fixture(scope='module')
def here(far: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    groups = {
        'image': {
            'stores': 'near:filesystem,s3:s3,swift:swift,web:http', 'cache_max_size': 0, 'allowed_networks': '127.0.0.0/8',
            'import_allowed_ports': '1-65535', 'show_multiple_locations': True,
        },
        'image_store_s3': {
            'endpoint': far['s3'].url, 'access_key': 'a', 'secret_key': 'b', 'addressing': 'path', 'create_bucket': True, 'timeout': 60.0,
        },
        'image_store_swift': {
            'auth_url': f'{far["swift"].url}/v3', 'username': 'glance', 'password': far['swift'].password, 'segment_size': 8 << 20, 'timeout': 60.0,
        },
    }  # fmt: skip
    with running(tmp_path_factory.mktemp('ranges'), **groups) as made:
        yield made


@pytest.fixture(scope='module')
def images(here: TestCloud) -> Images:
    return Images.of(here)


@pytest.fixture(scope='module')
def held(images: Images, far: dict[str, Any]) -> dict[str, str]:
    """An image in each of the stores far away."""
    made = {name: images.create() for name in FAR}
    for name in ('s3', 'swift'):
        assert images.put(made[name], DATA, name) == 204
    add = {'op': 'add', 'path': '/locations/-', 'value': {'url': far['web'].url, 'metadata': {}}}
    assert images.patch(made['web'], add)[0] == 200
    return made


@pytest.fixture
def server(request: pytest.FixtureRequest, far: dict[str, Any]) -> Iterator[S3Server | SwiftServer | Web]:
    made = far[request.param]
    made.asked.clear()
    yield made
    made.break_after = None


def get(images: Images, image: str, wanted: str = '') -> tuple[int, dict[str, str], bytes]:
    url = f'{images.catalog["image"]}/v2/images/{image}/file'
    return images.raw('GET', url, headers={'Range': wanted} if wanted else {})


@pytest.mark.parametrize(('store', 'server'), [(name, name) for name in FAR], indirect=['server'])
@pytest.mark.parametrize(
    ('wanted', 'first', 'last'),
    [('bytes=5-9', 5, 9), ('bytes=1048575-1048577', 1048575, 1048577), ('bytes=-3', END - 3, END - 1), (f'bytes={END - 3}-{END + 9}', END - 3, END - 1)],
)  # fmt: skip
def test_a_part_is_asked_for_once_and_no_more_than_it(
    images: Images, held: dict[str, str], store: str, server: Any, wanted: str, first: int, last: int
) -> None:
    status, headers, body = get(images, held[store], wanted)
    assert (status, body) == (206, DATA[first : last + 1])
    assert headers['content-range'] == f'bytes {first}-{last}/{END}' and headers['content-length'] == str(last - first + 1)
    assert server.asked == [f'bytes={first}-{last}']


@pytest.mark.parametrize(('store', 'server'), [(name, name) for name in FAR], indirect=['server'])
def test_all_is_asked_for_once(images: Images, held: dict[str, str], store: str, server: Any) -> None:
    status, headers, body = get(images, held[store])
    assert status == 200 and body == DATA and 'content-range' not in headers
    assert server.asked == [None]


@pytest.mark.parametrize(('store', 'server'), [(name, name) for name in FAR], indirect=['server'])
def test_what_is_not_there_is_not_asked_for(images: Images, held: dict[str, str], store: str, server: Any) -> None:
    status, headers, _ = get(images, held[store], f'bytes={END}-')
    assert status == 416 and headers['content-range'] == f'bytes */{END}'
    assert get(images, held[store], 'bytes=9-3')[0] in (400, 416)
    assert server.asked == []


@pytest.mark.parametrize(('store', 'server'), [(name, name) for name in FAR], indirect=['server'])
def test_a_part_goes_on_where_it_broke_off(images: Images, held: dict[str, str], store: str, server: Any) -> None:
    server.break_after = 700_000
    status, _, body = get(images, held[store], 'bytes=1000-2000999')
    assert status == 206 and body == DATA[1000:2001000]
    assert server.asked == ['bytes=1000-2000999', 'bytes=701000-2000999', 'bytes=1401000-2000999']


def test_a_server_that_knows_no_parts(images: Images, held: dict[str, str], far: dict[str, Any]) -> None:
    far['web'].ranges = False
    try:
        assert get(images, held['web'], 'bytes=2000000-2000009')[2] == DATA[2000000:2000010]
    finally:
        far['web'].ranges = True


def test_data_that_change_in_the_middle_are_not_put_together(images: Images, held: dict[str, str], far: dict[str, Any]) -> None:
    """Better a download that breaks off than one that is half of each."""
    web = far['web']
    web.break_after, before = 700_000, web.data

    class Changing(bytes):
        """Is other data, with another ETag, from the second question on."""

    web.asked.clear()
    real = web.asked

    class Asked(list[str | None]):
        def append(self, wanted: str | None) -> None:
            real.append(wanted)
            if len(real) == 2:
                web.data, web.etag = b'\0' * END, '"two"'

    web.asked = Asked()
    try:
        with pytest.raises(Exception, match='IncompleteRead|RemoteDisconnected|Connection'):
            get(images, held['web'])
    finally:
        web.asked, web.data, web.etag, web.break_after = [], before, '"one"', None


def test_a_store_that_holds_less_than_the_image_is_not_read(here: TestCloud, images: Images, far: dict[str, Any]) -> None:
    image = images.create()
    assert images.put(image, DATA, 's3') == 204
    s3: S3Server = far['s3']
    [key] = [one for one in s3.objects if one[1].startswith(image)]
    s3.objects[key] = DATA[:-1]
    assert get(images, image)[0] == 503 and get(images, image, 'bytes=0-9')[0] == 503
    near = images.create()
    assert images.put(near, DATA, 'near') == 204
    path: pathlib.Path = here.state / 'images-near' / near
    path.write_bytes(DATA[:1000])
    assert get(images, near)[0] == 503, 'half an image is none'
