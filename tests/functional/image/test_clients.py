"""openstacksdk and the glance client against a real image service; at the end, that together they have asked every route of version 2."""

from __future__ import annotations

import functools
import io
import re
import urllib.parse
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.functional.cloud import TestCloud, eventually
from tests.functional.image.stores_cloud import stores_cloud
from tests.functional.image.web import Web

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    from glanceclient import exc
    from glanceclient.v2.client import Client as Glance

DATA = bytes(range(256)) * 64
CLOUD = functools.partial(stores_cloud, cache_max_size=1 << 20)
RAW = {'disk_format': 'raw', 'container_format': 'bare'}
KIND = 'OS::Nova::Flavor'
# What neither of the clients ever asks for, and why it is there.
OTHERS = {
    ('GET', '/pileus/events'): 'the timeline is of our own command',
    ('DELETE', '/v2/tasks/{id}'): 'upstream answers that it is not allowed, and so do we',
}


@pytest.fixture(scope='module', autouse=True)
def asked() -> Iterator[set[tuple[str, str]]]:
    """(method, path) of every request that a client library makes and that does not fail."""
    found: set[tuple[str, str]] = set()
    send = requests.Session.send

    def recording(self: Any, request: Any, **rest: Any) -> Any:
        answer = send(self, request, **rest)
        if answer.status_code < 400:
            found.add((request.method, urllib.parse.unquote(urllib.parse.urlsplit(request.url).path)))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, 'send', recording)
        yield found


@pytest.fixture(scope='module')
def sdk(here: TestCloud) -> Any:
    return here.sdk().image


@pytest.fixture(scope='module')
def glance(here: TestCloud) -> Any:
    client = here.client()
    return Glance(client.catalog['image'], token=client.token)


@pytest.fixture(scope='module')
def project(here: TestCloud) -> str:
    """The id of another project."""
    body = {'project': {'name': 'another', 'domain_id': 'default'}}
    return str(here.client().ask('POST', 'identity', '/projects', body)['project']['id'])


def test_images_with_the_sdk(sdk: Any) -> None:
    image = sdk.create_image('sdk-image', data=DATA, validate_checksum=True, wait=True, tags=['blue'], os_distro='debian', **RAW)
    assert sdk.download_image(image).content == DATA
    changed = sdk.update_image(image, name='sdk-other', min_ram=64, visibility='public', is_protected=True)
    assert (changed.name, changed.min_ram, changed.visibility, changed.is_protected) == ('sdk-other', 64, 'public', True)
    assert [one.id for one in sdk.images(visibility='public', tag='blue')] == [image.id] == [sdk.find_image('sdk-other').id]
    sdk.add_tag(image, 'red')
    sdk.remove_tag(image, 'blue')
    assert sdk.get_image(image.id).tags == ['red']
    sdk.deactivate_image(image)
    assert sdk.get_image(image.id).status == 'deactivated'
    sdk.reactivate_image(image)
    sdk.update_image(image.id, is_protected=False)
    sdk.delete_image(image)
    sdk.wait_for_delete(image)
    assert sdk.find_image('sdk-other') is None


def test_images_with_the_glance_client(glance: Any) -> None:
    image = glance.images.create(name='glance-image', os_version='12', tags=['blue'], **RAW)
    glance.images.upload(image.id, io.BytesIO(DATA), image_size=len(DATA))
    assert b''.join(glance.images.data(image.id)) == DATA
    changed = glance.images.update(image.id, remove_props=['os_version'], name='glance-other', os_distro='debian')
    assert changed.name == 'glance-other' and changed.os_distro == 'debian' and 'os_version' not in changed
    assert [one.id for one in glance.images.list(filters={'name': 'glance-other'})] == [image.id]
    made = [glance.images.create(name=f'page-{number}', **RAW).id for number in range(5)]
    assert [one.name for one in glance.images.list(page_size=2, sort='name:asc', filters={'status': 'queued'})] == [
        f'page-{n}' for n in range(5)
    ]
    glance.image_tags.update(image.id, 'red')
    glance.image_tags.delete(image.id, 'blue')
    glance.images.deactivate(image.id)
    glance.images.reactivate(image.id)
    assert glance.images.get(image.id).tags == ['red']
    for one in (*made, image.id):
        glance.images.delete(one)
    with pytest.raises(exc.HTTPNotFound):
        glance.images.get(image.id)


def test_members(sdk: Any, glance: Any, project: str) -> None:
    image = sdk.create_image('shared', visibility='shared', **RAW)
    assert sdk.add_member(image, member_id=project).status == 'pending'
    assert sdk.update_member(project, image, status='accepted').status == 'accepted'
    assert [one.member_id for one in sdk.members(image)] == [project] and sdk.get_member(project, image).status == 'accepted'
    assert sdk.find_member(project, image).member_id == project
    sdk.remove_member(project, image)
    assert glance.image_members.create(image.id, project).status == 'pending'
    assert glance.image_members.update(image.id, project, 'rejected').status == 'rejected'
    assert [one.member_id for one in glance.image_members.list(image.id)] == [project]
    assert glance.image_members.get(image.id, project).status == 'rejected'
    glance.image_members.delete(image.id, project)
    assert list(sdk.members(image)) == []
    sdk.delete_image(image)


def test_imports_and_tasks(sdk: Any, glance: Any, web: Web) -> None:
    assert {'glance-direct', 'web-download', 'copy-image'} <= set(sdk.get_import_info().import_methods['value'])
    assert glance.images.get_import_info()['import-methods']
    staged = sdk.create_image('staged', **RAW)
    sdk.stage_image(staged, data=DATA)
    sdk.import_image(staged)
    fetched = glance.images.create(name='fetched', **RAW)
    glance.images.image_import(fetched.id, 'web-download', uri=web.url, stores=['fast'], allow_failure=False)
    for image in (staged.id, fetched.id):
        eventually(lambda image=image: sdk.get_image(image).status == 'active', what='the import')
        assert sdk.download_image(image).content == DATA
    sdk.import_image(sdk.get_image(staged.id), method='copy-image', stores=['fast'])
    eventually(lambda: 'fast' in glance.images.get(staged.id).stores, what='the copy')
    assert len(list(sdk.image_tasks(staged.id))) == 2
    assert [one['image_id'] for one in glance.images.get_associated_image_tasks(fetched.id)['tasks']] == [fetched.id]
    given = {'import_from': web.url, 'import_from_format': 'raw', 'image_properties': {'name': 'by-task', 'container_format': 'bare'}}
    task = sdk.create_task(type='import', input=given)
    task = sdk.wait_for_task(task, interval=0.05)
    assert sdk.get_task(task.id).result['image_id'] == sdk.find_image('by-task').id
    assert task.id in [one.id for one in sdk.tasks()] and task.id in [one.id for one in glance.tasks.list()]
    assert glance.tasks.get(task.id).status == 'success'
    for name in (staged.id, fetched.id, 'by-task'):
        sdk.delete_image(sdk.find_image(name))


def test_stores_and_locations(sdk: Any, glance: Any, web: Web) -> None:
    assert {one.id for one in sdk.stores()} >= {'slow', 'fast'} and {one.id for one in sdk.stores(details=True)} >= {'slow', 'fast'}
    assert {one['id'] for one in glance.images.get_stores_info()['stores']} >= {'slow', 'fast'}
    assert glance.images.get_stores_info_detail()['stores']
    image = glance.images.create(name='placed', **RAW)
    glance.images.upload(image.id, io.BytesIO(DATA), backend='slow')
    glance.images.image_import(image.id, 'copy-image', stores=['fast'])
    eventually(lambda: set(glance.images.get(image.id).stores.split(',')) == {'slow', 'fast'}, what='the copy')
    glance.images.delete_from_store('slow', image.id)
    assert glance.images.get(image.id).stores == 'fast' and sdk.download_image(image.id).content == DATA
    linked = sdk.create_image('linked', **RAW)
    sdk.add_image_location(linked, web.url)
    eventually(lambda: sdk.get_image(linked.id).status == 'active', what='the location')
    assert (
        [one.url for one in sdk.image_locations(linked)]
        == [web.url]
        == [one['url'] for one in glance.images.get_image_locations(linked.id)]
    )
    assert sdk.download_image(linked).content == DATA
    for one in (image.id, linked.id):
        sdk.delete_image(one)


def test_the_cache(sdk: Any, glance: Any) -> None:
    image = sdk.create_image('cached', data=DATA, wait=True, **RAW)
    sdk.queue_image(image)
    eventually(lambda: sdk.get_image_cache().cached_images, what='the copy')
    assert [one['image_id'] for one in glance.cache.list()['cached_images']] == [image.id]
    assert len(sdk.cached_image_nodes(image)) == 1
    sdk.cache_delete_image(image.id)
    assert sdk.get_image_cache().cached_images == []
    glance.cache.queue(image.id)
    eventually(lambda: glance.cache.list()['cached_images'], what='the copy')
    sdk.clean_cache()
    assert sdk.prune_cache()['total_files_pruned'] == 0
    sdk.clear_cache()
    assert glance.cache.list()['cached_images'] == []
    sdk.delete_image(image)


def test_what_the_service_tells_of_itself(sdk: Any, glance: Any) -> None:
    assert set(glance.info.get_usage()) >= {'image_count_total', 'image_size_total'}
    assert 'v2.0' in [version['id'] for version in glance.versions.list()]
    for name in ('image', 'images', 'member', 'members', 'task', 'tasks'):
        assert getattr(sdk, f'get_{name}_schema')().properties and glance.schemas.get(name).name == name
    for name in (
        'namespace',
        'namespaces',
        'object',
        'objects',
        'property',
        'properties',
        'tag',
        'tags',
        'resource_type',
        'resource_types',
    ):
        assert getattr(sdk, f'get_metadef_{name}_schema')().properties


def test_definitions_with_the_sdk(sdk: Any) -> None:
    space = sdk.create_metadef_namespace(namespace='SDK::Test', visibility='public', display_name='Test')
    assert sdk.get_metadef_namespace('SDK::Test').display_name == 'Test' and space.is_protected is False
    assert sdk.update_metadef_namespace('SDK::Test', description='changed', visibility='public').description == 'changed'
    assert [one.namespace for one in sdk.metadef_namespaces(visibility='public')] == ['SDK::Test']
    sdk.create_metadef_object(space, name='box', properties={'depth': {'title': 'Depth', 'type': 'integer'}}, required=['depth'])
    assert sdk.get_metadef_object('box', space).properties['depth']['type'] == 'integer'
    sdk.update_metadef_object('box', space, name='case')
    assert [one.name for one in sdk.metadef_objects(space)] == ['case']
    sdk.delete_metadef_object('case', space)
    sdk.delete_all_metadef_objects(space)
    sdk.create_metadef_property(space, name='depth', title='Depth', type='integer', minimum=1)
    sdk.update_metadef_property('depth', space, name='depth', title='How deep', type='integer')
    assert sdk.get_metadef_property('depth', space).title == 'How deep'
    assert [one.name for one in sdk.metadef_properties(space)] == ['depth']
    sdk.delete_metadef_property('depth', space)
    sdk.delete_all_metadef_properties(space)
    sdk.add_tag_to_metadef_namespace(space, 'one')
    sdk.remove_tag_from_metadef_namespace(space, 'one')
    space.set_tags(sdk, ['two', 'three'], append=True)
    space.fetch_tags(sdk)
    sdk.remove_tags_from_metadef_namespace(space)
    assert KIND in [one.name for one in sdk.metadef_resource_types()]
    sdk.create_metadef_resource_type_association(space, name=KIND, prefix='hw:')
    assert [(one.name, one.prefix) for one in sdk.metadef_resource_type_associations(space)] == [(KIND, 'hw:')]
    assert [one.namespace for one in sdk.metadef_namespaces(resource_types=KIND)] == ['SDK::Test']
    sdk.delete_metadef_resource_type_association(KIND, space)
    sdk.delete_metadef_namespace(space)
    assert list(sdk.metadef_namespaces()) == []


def test_definitions_with_the_glance_client(glance: Any) -> None:
    name = 'Glance::Test'
    properties = {'depth': {'title': 'Depth', 'type': 'integer'}}
    glance.metadefs_namespace.create(
        namespace=name, visibility='public', properties=properties, resource_type_associations=[{'name': KIND}]
    )
    assert glance.metadefs_namespace.update(name, description='changed', visibility='public').description == 'changed'
    assert glance.metadefs_namespace.get(name, resource_type=KIND).properties == properties
    for number in range(3):
        glance.metadefs_namespace.create(namespace=f'Page::{number}', visibility='public')
    assert len(list(glance.metadefs_namespace.list(page_size=2, sort_key='namespace', sort_dir='asc'))) == 4
    glance.metadefs_property.create(name, name='width', title='Width', type='integer')
    assert glance.metadefs_property.update(name, 'width', title='How wide').title == 'How wide'
    assert {one.name for one in glance.metadefs_property.list(name)} == {'depth', 'width'}
    glance.metadefs_property.delete(name, 'width')
    glance.metadefs_property.delete_all(name)
    glance.metadefs_object.create(name, name='box', properties=properties)
    assert glance.metadefs_object.update(name, 'box', name='case').properties == properties
    assert [one.name for one in glance.metadefs_object.list(name)] == ['case']
    glance.metadefs_object.delete(name, 'case')
    glance.metadefs_object.delete_all(name)
    glance.metadefs_tag.create(name, 'one')
    assert glance.metadefs_tag.update(name, 'one', name='1').name == '1' == glance.metadefs_tag.get(name, '1').name
    assert {one.name for one in glance.metadefs_tag.create_multiple(name, tags=['two', 'three'])} == {'two', 'three'}
    assert {one.name for one in glance.metadefs_tag.list(name)} == {'two', 'three'}
    glance.metadefs_tag.delete(name, 'two')
    glance.metadefs_tag.delete_all(name)
    glance.metadefs_resource_type.deassociate(name, KIND)
    assert glance.metadefs_resource_type.associate(name, name=KIND, prefix='p:').prefix == 'p:'
    assert [one.name for one in glance.metadefs_resource_type.get(name)] == [KIND]
    assert KIND in [one.name for one in glance.metadefs_resource_type.list()]
    for one in (name, *(f'Page::{number}' for number in range(3))):
        glance.metadefs_namespace.delete(one)


def test_no_route_was_left_out(whole_file: None, here: TestCloud, asked: set[tuple[str, str]]) -> None:
    """Counted is what the tests above did."""
    routes = [bound.route for bound in here.runtime.parts['image'].apis[0].application().router.bound]
    wanted = {(route.method, route.path) for route in routes if not route.path.startswith('/v1/') and not route.hidden}
    literal = {path for _, path in wanted if '{' not in path}
    left = set()
    for method, path in wanted - set(OTHERS):
        form = re.compile(re.sub(r'\{[^}]*\}', '[^/]+', path))
        hits = [p for m, p in asked if m == method and form.fullmatch(p) and (p == path or p not in literal)]
        left |= set() if hits else {(method, path)}
    assert sorted(left) == []
