"""Every command that the `openstack` client has for images, run against a real service."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import pytest

from tests.functional.cloud import TestCloud, eventually
from tests.functional.image.stores_cloud import stores_cloud
from tests.functional.image.web import Web
from tests.openstack_shell import CommandFailed, OpenStack, commands_of

DATA = bytes(range(256)) * 64
CLOUD = functools.partial(stores_cloud, cache_max_size=1 << 20)
RAW = ('--disk-format', 'raw', '--container-format', 'bare')


@pytest.fixture(scope='module')
def friend(here: TestCloud) -> OpenStack:
    """A member of a project of its own."""
    admin = here.client()
    project = admin.ask('POST', 'identity', '/projects', {'project': {'name': 'friend', 'domain_id': 'default'}})['project']['id']
    user = {'name': 'friend', 'domain_id': 'default', 'password': 'friend-secret'}
    user_id = admin.ask('POST', 'identity', '/users', {'user': user})['user']['id']
    role = admin.ask('GET', 'identity', '/roles?name=member')['roles'][0]['id']
    admin.ask('PUT', 'identity', f'/projects/{project}/users/{user_id}/roles/{role}')
    return here.openstack('friend', password='friend-secret')


@pytest.fixture(scope='module')
def admin(here: TestCloud) -> OpenStack:
    return here.openstack()


def column(rows: list[dict[str, Any]], name: str) -> set[str]:
    return {row[name] for row in rows}


def test_an_image_from_a_file_and_back(admin: OpenStack, tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / 'in', tmp_path / 'out'
    source.write_bytes(DATA)
    made = admin.show(
        'image create', *RAW, '--file', str(source), '--property', 'os_distro=debian', '--tag', 'blue', '--public', 'cli-image'
    )
    assert made['status'] == 'active' and made['size'] == len(DATA) and made['visibility'] == 'public' and made['tags'] == ['blue']
    admin('image save', '--file', str(target), 'cli-image')
    assert target.read_bytes() == DATA
    admin('image set', '--name', 'cli-other', '--min-ram', '64', '--property', 'os_version=12', '--tag', 'red', '--protected', 'cli-image')
    shown = admin.show('image show', 'cli-other')
    assert shown['min_ram'] == 64 and shown['properties']['os_version'] == '12' and sorted(shown['tags']) == ['blue', 'red']
    admin('image unset', '--tag', 'blue', '--property', 'os_distro', 'cli-other')
    shown = admin.show('image show', 'cli-other')
    assert shown['tags'] == ['red'] and 'os_distro' not in shown['properties']
    for words in (('--public',), ('--tag', 'red'), ('--property', 'os_version=12'), ('--status', 'active'), ('--name', 'cli-other')):
        assert column(admin.show('image list', *words), 'Name') == {'cli-other'}, words
    assert admin.show('image list', '--tag', 'blue') == []
    admin('image set', '--deactivate', 'cli-other')
    assert admin.show('image show', 'cli-other')['status'] == 'deactivated'
    admin('image set', '--activate', '--unprotected', 'cli-other')
    admin('image delete', 'cli-other')
    with pytest.raises(CommandFailed, match='cli-other'):
        admin('image show', 'cli-other')


def test_sharing(admin: OpenStack, friend: OpenStack) -> None:
    image = admin.show('image create', *RAW, '--shared', 'cli-shared')['id']
    admin('image add project', 'cli-shared', 'friend')
    assert column(admin.show('image member list', 'cli-shared'), 'Status') == {'pending'}
    project = admin.show('project show', 'friend')['id']
    assert admin.show('image member get', 'cli-shared', project)['status'] == 'pending'
    assert friend.show('image list', '--shared', '--member-status', 'accepted') == []
    friend('image set', '--accept', image)
    assert column(friend.show('image list', '--shared'), 'Name') == {'cli-shared'}
    friend('image set', '--reject', image)
    assert friend.show('image list', '--shared') == []
    admin('image remove project', 'cli-shared', 'friend')
    assert admin.show('image member list', 'cli-shared') == []
    with pytest.raises(CommandFailed):
        friend('image show', image)
    admin('image delete', image)


def test_imports_and_their_tasks(admin: OpenStack, web: Web, tmp_path: pathlib.Path) -> None:
    source = tmp_path / 'in'
    source.write_bytes(DATA)
    assert 'web-download' in str(admin.show('image import info'))
    staged = admin.show('image create', *RAW, 'cli-staged')['id']
    admin('image stage', '--file', str(source), 'cli-staged')
    admin('image import', '--method', 'glance-direct', 'cli-staged')
    fetched = admin.show('image create', *RAW, 'cli-fetched')['id']
    admin('image import', 'cli-fetched', '--method', 'web-download', '--uri', web.url, '--store', 'fast')
    for image in (staged, fetched):
        eventually(lambda image=image: admin.show('image show', image)['status'] == 'active', what='the import')
        assert admin.show('image show', image)['size'] == len(DATA)
    tasks = admin.show('image task list')
    assert column(tasks, 'Status') == {'success'} and len(tasks) == 2
    assert admin.show('image task show', tasks[0]['ID'])['type'] == 'api_image_import'
    admin('image delete', staged, fetched)


def test_stores_and_the_cache(admin: OpenStack, tmp_path: pathlib.Path) -> None:
    source = tmp_path / 'in'
    source.write_bytes(DATA)
    assert {'slow', 'fast'} <= column(admin.show('image stores list'), 'ID')
    image = admin.show('image create', *RAW, '--file', str(source), 'cli-cached')['id']
    admin('cached image queue', image)
    eventually(lambda: admin.show('cached image list'), what='the copy')
    assert column(admin.show('cached image list'), 'ID') == {image}
    admin('cached image delete', image)
    assert admin.show('cached image list') == []
    admin('cached image queue', image)
    admin('cached image clear')
    assert admin.show('cached image list') == []
    admin('image delete', image)


def test_namespaces_of_metadata_definitions(admin: OpenStack, friend: OpenStack) -> None:
    made = admin.show('image metadef namespace create', '--display-name', 'Of tests', '--public', '--protected', 'CLI::Test')
    assert made['visibility'] == 'public' and made['protected'] is True and made['display_name'] == 'Of tests'
    with pytest.raises(CommandFailed):
        admin('image metadef namespace delete', 'CLI::Test')
    admin(
        'image metadef namespace set', '--description', 'changed', '--public', '--unprotected', '--tag', 'one', '--tag', 'two', 'CLI::Test'
    )
    shown = admin.show('image metadef namespace show', 'CLI::Test')
    assert shown['description'] == 'changed' and {tag['name'] for tag in shown['tags']} == {'one', 'two'}
    admin('image metadef namespace unset', '--tag', 'one', 'CLI::Test')
    assert [tag['name'] for tag in friend.show('image metadef namespace show', 'CLI::Test')['tags']] == ['two']
    admin('image metadef namespace unset', '--all-tags', 'CLI::Test')
    assert column(admin.show('image metadef namespace list', '--visibility', 'public'), 'namespace') == {'CLI::Test'}
    assert 'OS::Nova::Flavor' in column(admin.show('image metadef resource type list'), 'Name')
    kind = ('CLI::Test', 'OS::Nova::Flavor')
    admin('image metadef resource type association create', *kind)
    assert admin.show('image metadef namespace list', '--resource-types', 'OS::Nova::Flavor') == [{'namespace': 'CLI::Test'}]
    assert len(admin.show('image metadef resource type association list', 'CLI::Test')) == 1
    admin('image metadef resource type association delete', *kind)
    with pytest.raises(CommandFailed):
        friend('image metadef namespace delete', 'CLI::Test')
    admin('image metadef namespace delete', 'CLI::Test')
    assert admin.show('image metadef namespace list') == []


def test_what_is_in_a_namespace(admin: OpenStack) -> None:
    admin('image metadef namespace create', 'CLI::Full')
    words = ('--name', 'depth', '--title', 'Depth', '--type', 'integer', '--schema', '{"minimum": 1}')
    assert admin.show('image metadef property create', *words, 'CLI::Full')['minimum'] == 1
    admin('image metadef property set', '--title', 'How deep', 'CLI::Full', 'depth')
    shown = admin.show('image metadef property show', 'CLI::Full', 'depth')
    assert shown['title'] == 'How deep' and shown['minimum'] == 1
    assert column(admin.show('image metadef property list', 'CLI::Full'), 'name') == {'depth'}
    admin('image metadef object create', '--namespace', 'CLI::Full', 'box')
    admin('image metadef object update', '--name', 'case', 'CLI::Full', 'box')
    assert admin.show('image metadef object show', 'CLI::Full', 'case')['name'] == 'case'
    assert column(admin.show('image metadef object list', 'CLI::Full'), 'name') == {'case'}
    with pytest.raises(CommandFailed, match='width'):
        admin('image metadef object property show', 'CLI::Full', 'case', 'width')
    admin('image metadef object delete', 'CLI::Full', 'case')
    admin('image metadef property delete', 'CLI::Full', 'depth')
    assert admin.show('image metadef object list', 'CLI::Full') == admin.show('image metadef property list', 'CLI::Full') == []
    admin('image metadef namespace delete', 'CLI::Full')


def test_no_command_was_left_out(whole_file: None, admin: OpenStack, friend: OpenStack) -> None:
    """Counted is what the tests above did."""
    assert sorted(commands_of('openstack.image.v2') - admin.ran - friend.ran) == []
