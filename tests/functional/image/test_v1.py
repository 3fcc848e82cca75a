"""Version 1 of the image API, spoken to by the last client library that speaks it, and by bare requests where that never goes."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.stores_cloud import stores_cloud
from tests.functional.image.web import Web

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    from glanceclient import exc
    from glanceclient.v1.client import Client as Glance

DATA = bytes(range(256)) * 300
CLOUD = stores_cloud
OCTETS = {'Content-Type': 'application/octet-stream'}


def member_of(here: TestCloud, name: str) -> Client:
    admin = here.client()
    project = admin.ask('POST', 'identity', '/projects', {'project': {'name': name, 'domain_id': 'default'}})['project']['id']
    user = admin.ask('POST', 'identity', '/users', {'user': {'name': name, 'domain_id': 'default', 'password': 'secret-of-it'}})['user'][
        'id'
    ]
    role = admin.ask('GET', 'identity', '/roles?name=member')['roles'][0]['id']
    admin.ask('PUT', 'identity', f'/projects/{project}/users/{user}/roles/{role}')
    return here.client(name, name, 'secret-of-it')


@pytest.fixture(scope='module')
def friend(here: TestCloud) -> Client:
    return member_of(here, 'friend')


@pytest.fixture(scope='module')
def stranger(here: TestCloud) -> Client:
    return member_of(here, 'stranger')


def glance(client: Client) -> Any:
    """The client library with a user's token."""
    return Glance(client.catalog['image'], token=client.token)


@pytest.fixture
def v1(admin: Client) -> Iterator[Any]:
    """That of an administrator; what it made is gone afterwards."""
    found = glance(admin)
    yield found
    for image in found.images.list(is_public=None):
        found.images.update(image.id, protected=False)
        found.images.delete(image.id)


def make(v1: Any, **rest: Any) -> Any:
    return v1.images.create(**{'name': 'an image', 'disk_format': 'raw', 'container_format': 'bare', **rest})


def raw(client: Client, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, bytes]:
    return client.raw(method, client.catalog['image'] + path, body, headers=headers)


def test_metadata_and_data_in_one_request_come_back(v1: Any) -> None:
    image = make(v1, data=io.BytesIO(DATA), is_public=True, min_ram=64, min_disk=1, properties={'kernel_id': 'k', 'os-distro': 'debian'})
    assert image.status == 'active' and image.size == len(DATA) and image.checksum == hashlib.md5(DATA).hexdigest()
    shown = v1.images.get(image.id)
    assert (shown.name, shown.is_public, shown.protected, shown.min_ram, shown.min_disk) == ('an image', True, False, 64, 1)
    assert shown.properties == {'kernel_id': 'k', 'os_distro': 'debian'} and shown.disk_format == 'raw' and shown.owner
    assert shown.created_at.startswith('20') and shown.deleted is False
    assert b''.join(v1.images.data(image.id)) == DATA


def test_an_image_of_one_version_is_the_same_in_the_other(v1: Any, admin: Client) -> None:
    image = make(v1, properties={'os_distro': 'debian'})
    newer = admin.ask('GET', 'image', f'/v2/images/{image.id}')
    assert newer['visibility'] == 'shared' and newer['os_distro'] == 'debian' and newer['status'] == 'queued'
    v1.images.update(image.id, is_public=True)
    assert admin.ask('GET', 'image', f'/v2/images/{image.id}')['visibility'] == 'public'


def test_data_from_a_pipe_whose_length_nobody_knows(v1: Any, admin: Client) -> None:
    def sent(pieces: list[bytes], **headers: str) -> tuple[int, Any]:
        meta = {'X-Image-Meta-Disk-Format': 'raw', 'X-Image-Meta-Container-Format': 'bare', **headers}
        address = f'{admin.catalog["image"]}/v1/images'
        answer = requests.post(address, data=iter(pieces), headers={'X-Auth-Token': admin.token, **OCTETS, **meta}, timeout=120)
        return answer.status_code, answer.json() if answer.ok else answer.text

    status, answer = sent([DATA[:1000], DATA[1000:]])
    assert status == 201 and answer['image']['status'] == 'active' and answer['image']['size'] == len(DATA)
    assert b''.join(v1.images.data(answer['image']['id'])) == DATA
    status, answer = sent([])
    assert status == 201 and answer['image']['status'] == 'queued', 'a pipe that nothing came out of'
    assert sent([DATA], **{'X-Image-Meta-Size': '17'})[0] == 400


def test_data_later(v1: Any, admin: Client) -> None:
    image = make(v1)
    assert image.status == 'queued' and image.size == 0
    with pytest.raises(exc.HTTPNotFound):
        v1.images.data(image.id)
    changed = v1.images.update(image.id, data=io.BytesIO(DATA), properties={'b': '2'})
    assert changed.status == 'active' and changed.properties == {'b': '2'}
    with pytest.raises(exc.HTTPConflict):
        v1.images.update(image.id, data=io.BytesIO(DATA))
    assert raw(admin, 'GET', f'/v1/images/{image.id}')[2] == DATA


def test_properties_are_replaced_unless_the_client_says_otherwise(v1: Any, admin: Client) -> None:
    image = make(v1, properties={'a': '1'})
    assert v1.images.update(image.id, properties={'b': '2'}).properties == {'a': '1', 'b': '2'}
    assert v1.images.update(image.id, properties={'c': '3'}, purge_props=True).properties == {'c': '3'}
    status, _, body = raw(admin, 'PUT', f'/v1/images/{image.id}', headers={'X-Image-Meta-Property-D': '4', 'X-Image-Meta-Name': 'new'})
    assert status == 200 and json.loads(body)['image']['properties'] == {'d': '4'} and json.loads(body)['image']['name'] == 'new'


def test_copy_from(v1: Any, web: Web) -> None:
    image = make(v1, copy_from=web.url, is_public=True)
    assert image.status in ('queued', 'saving', 'active')
    eventually(lambda: v1.images.get(image.id).status == 'active', what='the copy')
    assert b''.join(v1.images.data(image.id)) == DATA
    later = make(v1)
    v1.images.update(later.id, copy_from=web.url)
    eventually(lambda: v1.images.get(later.id).status == 'active', what='the copy')
    web.status = 404
    lost = make(v1, copy_from=web.url)
    eventually(lambda: v1.images.get(lost.id).status == 'killed', what='the failure')
    web.status = 200


@pytest.mark.parametrize('url', ['file:///etc/passwd', 'http://169.254.169.254/latest', 'http://[::1]:5000/v3', 'nonsense'])
def test_copy_from_where_users_have_no_business(v1: Any, url: str) -> None:
    with pytest.raises(exc.HTTPBadRequest):
        make(v1, copy_from=url)
    assert list(v1.images.list(is_public=None)) == [], 'nothing is left of it'


def test_a_copy_that_cannot_begin_leaves_nothing(v1: Any, web: Web) -> None:
    for source in ('copy_from', 'location'):
        with pytest.raises(exc.HTTPBadRequest):
            make(v1, protected=True, store='nowhere', **{source: f'ftp://127.0.0.1/{source}'})
    with pytest.raises(exc.HTTPBadRequest):
        make(v1, protected=True, store='nowhere', copy_from=web.url)
    assert list(v1.images.list(is_public=None)) == []
    image = make(v1, protected=True, copy_from=web.url)
    assert v1.images.get(image.id).protected is True
    eventually(lambda: v1.images.get(image.id).status == 'active', what='the copy')


def test_a_location(v1: Any, web: Web) -> None:
    image = make(v1, location=web.url)
    eventually(lambda: v1.images.get(image.id).status == 'active', what='the location')
    assert v1.images.get(image.id).size == len(DATA) and b''.join(v1.images.data(image.id)) == DATA
    with pytest.raises(exc.HTTPBadRequest):
        make(v1, location='http://169.254.169.254/latest')


def test_text_beyond_ascii_and_what_no_header_may_hold(v1: Any, admin: Client) -> None:
    image = make(v1, name='Größe 100 %', properties={'note': 'a/b c%20d'})
    newer = admin.ask('GET', 'image', f'/v2/images/{image.id}')
    assert newer['name'] == 'Größe 100 %' and newer['note'] == 'a/b c%20d'
    change = [{'op': 'add', 'path': '/odd', 'value': 'one\r\nX-Evil: 1'}, {'op': 'add', 'path': '/odd name', 'value': 'x'}]
    patched = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}
    assert raw(admin, 'PATCH', f'/v2/images/{image.id}', json.dumps(change).encode(), patched)[0] == 200
    status, headers, _ = raw(admin, 'HEAD', f'/v1/images/{image.id}')
    assert status == 200 and headers['x-image-meta-name'].encode('latin-1').decode() == 'Größe 100 %'
    assert headers['x-image-meta-property-odd'] == 'one X-Evil: 1' and 'x-evil' not in headers
    assert headers['x-image-meta-property-odd%20name'] == 'x'
    assert raw(admin, 'PUT', f'/v1/images/{image.id}', headers={'x-image-meta-name': 'plain%20text', 'User-Agent': 'curl'})[0] == 200
    assert admin.ask('GET', 'image', f'/v2/images/{image.id}')['name'] == 'plain%20text'


def test_lists_and_their_filters(v1: Any, admin: Client, friend: Client) -> None:
    small = make(v1, name='small', data=io.BytesIO(DATA[:512]), is_public=True, properties={'os': 'a'})
    large = make(v1, name='large', data=io.BytesIO(DATA), container_format='ovf', min_ram=32)
    theirs = make(glance(friend), name='theirs')

    def names(**filters: Any) -> set[str]:
        return {image.name for image in v1.images.list(filters=filters)}

    assert names() == {'small', 'large'}, 'what is public or of the own project'
    assert {image.name for image in v1.images.list(is_public=None)} == {'small', 'large', 'theirs'}
    assert {image.name for image in v1.images.list(is_public=False)} == {'large', 'theirs'}
    assert {image.name for image in v1.images.list(owner=friend.project_id)} == {'theirs'}
    assert names(name='small') == names(size_max=1000) == names(properties={'os': 'a'}) == {'small'}
    assert names(size_min=1000) == names(container_format='ovf') == names(min_ram=32) == {'large'}
    assert names(status='queued') == names(protected=True) == names(**{'changes-since': '2100-01-01T00:00:00Z'}) == set()
    assert names(**{'changes-since': '2020-01-01T00:00:00Z'}) == names(disk_format='raw') == {'small', 'large'}
    assert [image.id for image in v1.images.list(sort_key='name', sort_dir='asc')] == [large.id, small.id]
    assert [image.name for image in v1.images.list(page_size=1, sort_key='size', sort_dir='asc')] == ['small', 'large'], 'two pages'
    assert len(list(v1.images.list(limit=1))) == 1
    brief = json.loads(raw(admin, 'GET', '/v1/images?name=small')[2])['images']
    assert [sorted(image) for image in brief] == [['checksum', 'container_format', 'disk_format', 'id', 'name', 'size']]
    assert {image.name for image in glance(friend).images.list()} == {'small', 'theirs'}
    assert theirs.id


def test_members(v1: Any, admin: Client, friend: Client, stranger: Client) -> None:
    image = make(v1, data=io.BytesIO(DATA))
    with pytest.raises(exc.HTTPNotFound):
        glance(friend).images.get(image.id)
    v1.image_members.create(image.id, friend.project_id)
    v1.image_members.create(image.id, friend.project_id)
    assert [(one.member_id, one.can_share) for one in v1.image_members.list(image=image.id)] == [(friend.project_id, False)]
    assert b''.join(glance(friend).images.data(image.id)) == DATA
    assert [one.image_id for one in glance(friend).image_members.list(member=friend.project_id)] == [image.id]
    assert [one.image_id for one in v1.image_members.list(member=friend.project_id)] == [image.id]
    assert glance(stranger).image_members.list(member=friend.project_id) == []
    v1.image_members.replace(image.id, [{'member_id': stranger.project_id}])
    assert [one.member_id for one in v1.image_members.list(image=image.id)] == [stranger.project_id]
    with pytest.raises(exc.HTTPNotFound):
        glance(friend).images.get(image.id)
    with pytest.raises(exc.HTTPForbidden):
        glance(stranger).image_members.create(image.id, friend.project_id)
    with pytest.raises(exc.HTTPBadRequest):
        v1.image_members.create(image.id, friend.project_id, can_share=True)
    assert raw(admin, 'PUT', f'/v1/images/{image.id}/members/{friend.project_id}')[0] == 204, 'without a body'
    for one in (stranger, friend):
        v1.image_members.delete(image.id, one.project_id)
    assert v1.image_members.list(image=image.id) == []
    with pytest.raises(exc.HTTPNotFound):
        v1.image_members.delete(image.id, stranger.project_id)


def test_only_the_owner_changes_an_image_and_only_administrators_publish(v1: Any, friend: Client) -> None:
    image = make(v1, data=io.BytesIO(DATA), is_public=True, protected=True)
    theirs = glance(friend)
    for wrong in (
        lambda: theirs.images.update(image.id, name='taken'),
        lambda: theirs.images.delete(image.id),
        lambda: make(theirs, is_public=True),
        lambda: make(theirs, owner='another'),
        lambda: v1.images.delete(image.id),
    ):
        with pytest.raises(exc.HTTPForbidden):
            wrong()
    v1.images.update(image.id, protected=False)
    v1.images.delete(image.id)
    with pytest.raises(exc.HTTPNotFound):
        v1.images.get(image.id)


@pytest.mark.parametrize(
    ('headers', 'body', 'wanted'),
    [
        ({'X-Image-Meta-Disk-Format': 'floppy'}, None, 400),
        ({'X-Image-Meta-Min-Ram': '-1'}, None, 400),
        ({'X-Image-Meta-Protected': 'perhaps'}, None, 400),
        ({'X-Image-Meta-Name': 'x' * 256}, None, 400),
        ({'X-Image-Meta-Id': 'not-a-uuid'}, None, 400),
        ({'X-Image-Meta-Property-Os_glance_stage_host': 'evil'}, None, 403),
        ({'X-Image-Meta-Disk-Format': 'raw', 'X-Image-Meta-Container-Format': 'bare', 'X-Image-Meta-Checksum': '0' * 32}, DATA, 400),
        ({'X-Image-Meta-Disk-Format': 'raw', 'X-Image-Meta-Container-Format': 'bare', 'X-Image-Meta-Size': '5'}, DATA, 400),
        ({'X-Image-Meta-Disk-Format': 'qcow2', 'X-Image-Meta-Container-Format': 'bare'}, DATA, 400),
        ({'X-Image-Meta-Name': 'no formats'}, DATA, 400),
        ({'X-Image-Meta-Location': 'http://example.org/x', 'X-Glance-Api-Copy-From': 'http://example.org/x'}, None, 400),
        ({'X-Image-Meta-Location': 'http://example.org/x'}, DATA, 400),
        ({'Content-Type': 'text/html'}, DATA, 415),
    ],
)
def test_what_is_wrong_is_refused(v1: Any, admin: Client, headers: dict[str, str], body: bytes | None, wanted: int) -> None:
    status, _, answer = raw(admin, 'POST', '/v1/images', body, {**OCTETS, **headers} if body else headers)
    assert status == wanted, answer
    assert [image.status for image in v1.images.list(is_public=None)] in ([], ['queued'])


def test_the_checksum_of_a_good_upload_is_believed(v1: Any) -> None:
    assert make(v1, data=io.BytesIO(DATA), checksum=hashlib.md5(DATA).hexdigest()).status == 'active'


def test_parts_of_the_data(v1: Any, admin: Client) -> None:
    image = make(v1, data=io.BytesIO(DATA))
    status, headers, body = raw(admin, 'GET', f'/v1/images/{image.id}', headers={'Range': 'bytes=10-19'})
    assert status == 206 and body == DATA[10:20] and headers['x-image-meta-id'] == image.id
    assert headers['etag'] == hashlib.md5(DATA).hexdigest()


def test_it_is_announced_as_old(admin: Client) -> None:
    found = {version['id']: version['status'] for version in json.loads(raw(admin, 'GET', '/versions')[2])['versions']}
    assert found['v1.1'] == 'DEPRECATED' and found['v2.0'] == 'SUPPORTED' and 'CURRENT' in found.values()


def test_it_can_be_switched_off(tmp_path: Any) -> None:
    with running(tmp_path, image={'enable_v1_api': False}) as here:
        client = here.client()
        assert raw(client, 'GET', '/v1/images')[0] == 404 and raw(client, 'GET', '/v2/images')[0] == 200
        assert 'v1.1' not in [version['id'] for version in json.loads(raw(client, 'GET', '/versions')[2])['versions']]
