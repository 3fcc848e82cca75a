"""Every command that the `glance` client has, for version 1 and version 2 of the API, run against a real service."""

from __future__ import annotations

import functools
import json
import pathlib

import pytest

from tests.functional.cloud import TestCloud, eventually
from tests.functional.image.stores_cloud import stores_cloud
from tests.functional.image.web import Web
from tests.glance_shell import CommandFailed, GlanceCommand, commands_of

DATA = bytes(range(256)) * 64
CLOUD = functools.partial(stores_cloud, cache_max_size=1 << 20)
RAW = ('--disk-format', 'raw', '--container-format', 'bare')
KIND = 'OS::Nova::Flavor'


@pytest.fixture(scope='module')
def glance(here: TestCloud) -> GlanceCommand:
    return GlanceCommand(here.client())


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client keeps schemas there."""
    monkeypatch.setenv('HOME', str(tmp_path))


@pytest.fixture
def source(tmp_path: pathlib.Path) -> str:
    """A file with image data."""
    (tmp_path / 'in').write_bytes(DATA)
    return str(tmp_path / 'in')


@pytest.fixture(scope='module')
def project(here: TestCloud) -> str:
    """The id of another project."""
    body = {'project': {'name': 'another', 'domain_id': 'default'}}
    return str(here.client().ask('POST', 'identity', '/projects', body)['project']['id'])


def test_version_1(glance: GlanceCommand, web: Web, source: str, tmp_path: pathlib.Path, project: str) -> None:
    made = glance.show('image-create', *RAW, '--name', 'old', '--copy-from', web.url, '--is-public', 'true', '--property', 'a=1', version=1)
    image = made['id']
    eventually(lambda: glance.show('image-show', 'old', version=1)['status'] == 'active', what='the copy')
    assert glance.show('image-show', image, version=1)['is_public'] == 'True'
    glance('image-download', '--file', str(tmp_path / 'out'), image, version=1)
    assert (tmp_path / 'out').read_bytes() == DATA
    changed = glance.show('image-update', '--name', 'older', '--purge-props', '--property', 'b=2', '--is-public', 'false', 'old', version=1)
    assert changed['name'] == 'older' and changed["Property 'b'"] == '2' and "Property 'a'" not in changed
    glance('member-create', image, project, version=1)
    assert [row['Member ID'] for row in glance.list('member-list', '--image-id', image, version=1)] == [project]
    assert [row['Image ID'] for row in glance.list('member-list', '--tenant-id', project, version=1)] == [image]
    glance('member-delete', image, project, version=1)
    second = glance.show('image-create', *RAW, '--name', 'second', '--file', source, version=1)
    assert second['status'] == 'active' and second['size'] == str(len(DATA))
    assert [row['Name'] for row in glance.list('image-list', version=1)] == ['older', 'second']
    assert len(glance.list('image-list', '--is-public', 'False', version=1)) == 2
    glance('image-delete', 'older', second['id'], version=1)
    assert glance.list('image-list', '--all-tenants', version=1) == []


def test_images(glance: GlanceCommand, source: str, tmp_path: pathlib.Path) -> None:
    image = glance.show('image-create', *RAW, '--name', 'new', '--property', 'os_distro=debian', '--visibility', 'public')['id']
    glance('image-upload', '--file', source, image)
    glance('image-download', '--file', str(tmp_path / 'out'), image)
    assert (tmp_path / 'out').read_bytes() == DATA
    glance('image-tag-update', image, 'blue')
    changed = glance.show('image-update', '--name', 'newer', '--remove-property', 'os_distro', '--min-ram', '64', image)
    assert changed['name'] == 'newer' and changed['min_ram'] == '64' and 'os_distro' not in changed and 'blue' in changed['tags']
    glance('image-tag-delete', image, 'blue')
    assert [row['ID'] for row in glance.list('image-list', '--visibility', 'public')] == [image]
    glance('image-deactivate', image)
    assert glance.show('image-show', image)['status'] == 'deactivated'
    glance('image-reactivate', image)
    glance('image-delete', image)
    with pytest.raises(CommandFailed, match='404'):
        glance('image-show', image)


def test_members(glance: GlanceCommand, project: str) -> None:
    image = glance.show('image-create', *RAW, '--visibility', 'shared')['id']
    glance('member-create', image, project)
    glance('member-update', image, project, 'accepted')
    assert [row['Status'] for row in glance.list('member-list', '--image-id', image)] == ['accepted']
    assert 'accepted' in glance('member-get', image, project)
    glance('member-delete', image, project)
    assert glance.list('member-list', '--image-id', image) == []
    glance('image-delete', image)


def test_imports_tasks_and_stores(glance: GlanceCommand, web: Web, source: str) -> None:
    assert 'web-download' in glance('import-info')
    assert 'fast' in glance('stores-info') and 'weight' in glance('stores-info', '--detail')
    fetched = glance.show('image-create-via-import', *RAW, '--import-method', 'web-download', '--uri', web.url, '--store', 'slow')['id']
    staged = glance.show('image-create', *RAW)['id']
    glance('image-stage', '--file', source, staged)
    glance('image-import', '--import-method', 'glance-direct', staged)
    for image in (fetched, staged):
        eventually(lambda image=image: glance.show('image-show', image)['status'] == 'active', what='the import')
    glance('image-import', '--import-method', 'copy-image', '--stores', 'fast', fetched)
    eventually(lambda: glance.show('image-show', fetched)['stores'] in ('slow,fast', 'fast,slow'), what='the copy')
    glance('stores-delete', '--store', 'slow', fetched)
    assert glance.show('image-show', fetched)['stores'] == 'fast'
    assert len(glance.list('image-tasks', fetched)) == 2 and {row['Status'] for row in glance.list('task-list')} == {'success'}
    given = {'import_from': web.url, 'import_from_format': 'raw', 'image_properties': {'name': 'by-task', 'container_format': 'bare'}}
    task = glance.show('task-create', '--type', 'import', '--input', json.dumps(given))['id']
    eventually(lambda: glance.show('task-show', task)['status'] == 'success', what='the task')
    by_task = glance.list('image-list', '--property-filter', 'name=by-task')[0]['ID']
    assert 'image_count_total' in glance('usage')
    glance('image-delete', fetched, staged, by_task)


def test_locations(glance: GlanceCommand, web: Web) -> None:
    image = glance.show('image-create', *RAW)['id']
    glance('location-add', '--url', web.url, '--metadata', '{"kind": "web"}', image)
    glance('location-update', '--url', web.url, '--metadata', '{"kind": "other"}', image)
    assert 'other' in glance.show('image-show', '--max-column-width', '500', image)['locations']
    glance('location-add', '--url', f'{web.url}?again', image)
    glance('location-delete', '--url', web.url, image)
    assert glance.show('image-show', '--max-column-width', '500', image)['locations'].count('disk.img') == 1
    newer = glance.show('image-create', *RAW)['id']
    glance('add-location', '--url', web.url, newer)
    eventually(lambda: glance.show('image-show', newer)['status'] == 'active', what='the location')
    glance('image-delete', image, newer)


def test_the_cache(here: TestCloud, glance: GlanceCommand, source: str) -> None:
    image = glance.show('image-create', *RAW, '--file', source)['id']
    glance('cache-queue', image)
    eventually(lambda: image in glance('cache-list') and 'cached' in glance('cache-list'), what='the copy')
    assert here.runtime.parts['image'].service.cache.host in glance('cache-nodes-list', image)
    glance('cache-delete', image)
    assert image not in glance('cache-list')
    glance('cache-prune')
    glance('cache-clean')
    glance('cache-queue', image)
    eventually(lambda: 'cached' in glance('cache-list'), what='the copy once more')
    glance('cache-clear', '--target', 'both')
    assert image not in glance('cache-list')
    glance('image-delete', image)
    assert 'disk_format' in glance('explain', 'image')


def test_namespaces(glance: GlanceCommand, tmp_path: pathlib.Path) -> None:
    assert glance.show('md-namespace-create', '--visibility', 'public', '--description', 'first', 'Test')['namespace'] == 'Test'
    assert glance.show('md-namespace-update', '--description', 'second', '--visibility', 'public', 'Test')['description'] == 'second'
    glance('md-resource-type-associate', '--name', KIND, '--prefix', 'p:', 'Test')
    assert [row['name'] for row in glance.list('md-namespace-resource-type-list', 'Test')] == [KIND]
    assert KIND in [row['name'] for row in glance.list('md-resource-type-list')]
    assert [row['namespace'] for row in glance.list('md-namespace-list', '--resource-types', KIND)] == ['Test']
    glance('md-resource-type-deassociate', 'Test', KIND)
    assert glance.show('md-namespace-show', 'Test')['visibility'] == 'public'
    own = pathlib.Path(__file__).parents[3] / 'image' / 'metadefs' / 'definitions'
    document = {**json.loads((own / 'image_placement.json').read_text()), 'protected': False}
    (tmp_path / 'in.json').write_text(json.dumps(document))
    imported = glance.show('md-namespace-import', '--file', str(tmp_path / 'in.json'))
    assert 'hw_architecture' in imported['properties']
    for name in ('Test', document['namespace']):
        glance('md-namespace-delete', name)
    assert glance.list('md-namespace-list') == []


def test_what_is_in_a_namespace(glance: GlanceCommand) -> None:
    glance('md-namespace-create', 'Full')
    form = '{"title": "Depth", "type": "integer"}'
    glance('md-property-create', '--name', 'depth', '--title', 'Depth', '--type', 'integer', '--schema', '{"minimum": 1}', 'Full')
    glance('md-property-update', '--title', 'How deep', '--name', 'depth', '--schema', form, 'Full', 'depth')
    assert glance.show('md-property-show', 'Full', 'depth')['type'] == 'integer'
    assert [row['name'] for row in glance.list('md-property-list', 'Full')] == ['depth']
    glance('md-property-delete', 'Full', 'depth')
    glance('md-namespace-properties-delete', 'Full')
    glance('md-object-create', '--name', 'box', '--schema', json.dumps({'properties': {'depth': json.loads(form)}}), 'Full')
    glance('md-object-update', '--name', 'case', 'Full', 'box')
    assert [row['name'] for row in glance.list('md-object-list', 'Full')] == ['case']
    assert 'depth' in glance('md-object-show', 'Full', 'case')
    assert glance.show('md-object-property-show', 'Full', 'case', 'depth')['title'] == 'Depth'
    glance('md-object-delete', 'Full', 'case')
    glance('md-namespace-objects-delete', 'Full')
    glance('md-tag-create', '--name', 'one', 'Full')
    glance('md-tag-update', '--name', '1', 'Full', 'one')
    assert glance.show('md-tag-show', 'Full', '1')['name'] == '1'
    glance('md-tag-create-multiple', '--names', 'two,three', '--delim', ',', 'Full')
    assert {row['name'] for row in glance.list('md-tag-list', 'Full')} == {'two', 'three'}
    glance('md-tag-delete', 'Full', 'two')
    glance('md-namespace-tags-delete', 'Full')
    assert glance.list('md-tag-list', 'Full') == glance.list('md-object-list', 'Full') == glance.list('md-property-list', 'Full') == []
    glance('md-namespace-delete', 'Full')


def test_no_command_was_left_out(whole_file: None, glance: GlanceCommand) -> None:
    """Counted is what the tests above did."""
    assert sorted((commands_of(1) | commands_of(2)) - glance.ran) == []
