"""Metadata definitions over HTTP: what is made comes out, each project sees its own and what is public, administrators write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud

BASE = '/v2/metadefs/namespaces'
WHOLE: dict[str, Any] = {
    'namespace': 'Acme::Storage',
    'display_name': 'Storage',
    'description': 'How data is kept',
    'visibility': 'public',
    'protected': False,
    'resource_type_associations': [{'name': 'OS::Glance::Image', 'prefix': 'acme_'}, {'name': 'Acme::Shelf'}],
    'properties': {'layout': {'title': 'Layout', 'type': 'string', 'enum': ['plain', 'packed']}},
    'objects': [{'name': 'Shelf', 'required': ['height'], 'properties': {'height': {'title': 'Height', 'type': 'integer', 'minimum': 1}}}],
    'tags': [{'name': 'cold'}, {'name': 'warm'}],
}


@pytest.fixture(scope='module')
def admin(cloud: TestCloud) -> Client:
    return cloud.client()


@pytest.fixture(scope='module')
def member(cloud: TestCloud, admin: Client) -> Client:
    """A member of a project of its own."""
    project = admin.ask('POST', 'identity', '/projects', {'project': {'name': 'plain', 'domain_id': 'default'}})['project']['id']
    user = {'name': 'plain', 'domain_id': 'default', 'password': 'plain-secret'}
    user_id = admin.ask('POST', 'identity', '/users', {'user': user})['user']['id']
    role = admin.ask('GET', 'identity', '/roles?name=member')['roles'][0]['id']
    admin.ask('PUT', 'identity', f'/projects/{project}/users/{user_id}/roles/{role}')
    return cloud.client('plain', 'plain', 'plain-secret')


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """An empty namespace that everybody sees."""
    admin.ask('POST', 'image', BASE, {'namespace': 'Empty', 'visibility': 'public'})
    yield f'{BASE}/Empty'
    status(admin, 'PUT', f'{BASE}/Empty', {'namespace': 'Empty', 'protected': False})
    status(admin, 'DELETE', f'{BASE}/Empty')


@pytest.fixture
def whole(admin: Client) -> Iterator[str]:
    """A namespace with something of every kind."""
    admin.ask('POST', 'image', BASE, WHOLE)
    yield f'{BASE}/Acme::Storage'
    status(admin, 'DELETE', f'{BASE}/Acme::Storage')


def status(client: Client, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> int:
    return client.raw(method, client.catalog['image'] + path, body, headers=headers)[0]


def names(listed: dict[str, Any]) -> list[str]:
    return [namespace['namespace'] for namespace in listed['namespaces']]


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in ('created_at', 'updated_at', 'self', 'schema')}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def test_a_namespace_is_made_with_all_that_is_in_it_and_shown_so(admin: Client, member: Client, whole: str) -> None:
    shown = member.ask('GET', 'image', whole)
    assert without_times(shown) == {
        **WHOLE,
        'owner': admin.project_id,
        'resource_type_associations': [{'name': 'Acme::Shelf'}, {'name': 'OS::Glance::Image', 'prefix': 'acme_'}],
    }
    assert shown['self'] == whole and shown['schema'] == '/v2/schemas/metadefs/namespace' and shown['created_at'].endswith('Z')
    kinds = [kind['name'] for kind in member.ask('GET', 'image', '/v2/metadefs/resource_types')['resource_types']]
    assert {'Acme::Shelf', 'OS::Glance::Image', 'OS::Nova::Flavor'} <= set(kinds) and len(kinds) == len(set(kinds))


def test_names_as_they_are_on_a_kind_of_thing(member: Client, whole: str) -> None:
    on_images = member.ask('GET', 'image', f'{whole}?resource_type=OS::Glance::Image')
    assert list(on_images['properties']) == ['acme_layout']
    assert list(on_images['objects'][0]['properties']) == ['acme_height'] and on_images['objects'][0]['required'] == ['acme_height']
    assert member.ask('GET', 'image', f'{whole}/properties/acme_layout?resource_type=OS::Glance::Image')['name'] == 'acme_layout'
    assert status(member, 'GET', f'{whole}/properties/layout?resource_type=OS::Glance::Image') == 404
    assert status(member, 'GET', f'{whole}/properties/acme_layout') == 404
    assert member.ask('GET', 'image', f'{whole}/properties/layout?resource_type=Acme::Shelf')['name'] == 'layout'


def test_a_private_namespace_is_its_projects_own(admin: Client, member: Client) -> None:
    mine = {'namespace': 'Plain::Own', 'owner': member.project_id, 'tags': [{'name': 'x'}]}
    other = {'namespace': 'Admin::Own', 'tags': [{'name': 'x'}]}
    for body in (mine, other):
        admin.ask('POST', 'image', BASE, body)
    assert names(member.ask('GET', 'image', BASE)) == ['Plain::Own']
    assert names(member.ask('GET', 'image', f'{BASE}?visibility=private')) == ['Plain::Own']
    assert names(member.ask('GET', 'image', f'{BASE}?visibility=public')) == []
    assert set(names(admin.ask('GET', 'image', BASE))) == {'Plain::Own', 'Admin::Own'}
    assert member.ask('GET', 'image', f'{BASE}/Plain::Own')['visibility'] == 'private'
    for path in ('', '/objects', '/properties', '/tags', '/tags/x', '/resource_types'):
        assert status(member, 'GET', f'{BASE}/Admin::Own{path}') == 404, path
    assert status(member, 'GET', f'{BASE}?marker=Admin::Own') == 400
    assert status(member, 'DELETE', f'{BASE}/Plain::Own') == 403
    for body in (mine, other):
        admin.ask('DELETE', 'image', f'{BASE}/{body["namespace"]}')


def test_what_a_list_can_be_narrowed_to_and_its_pages(admin: Client) -> None:
    made = [f'Page::{number}' for number in range(5)]
    for number, name in enumerate(made):
        meant = [{'name': 'OS::Nova::Flavor' if number % 2 else 'OS::Nova::Server'}]
        admin.ask('POST', 'image', BASE, {'namespace': name, 'visibility': 'public', 'resource_type_associations': meant})
    assert set(names(admin.ask('GET', 'image', f'{BASE}?resource_types=OS::Nova::Flavor'))) == {'Page::1', 'Page::3'}
    assert len(names(admin.ask('GET', 'image', f'{BASE}?resource_types=OS::Nova::Flavor,OS::Nova::Server'))) == 5
    assert names(admin.ask('GET', 'image', f'{BASE}?resource_types=Nothing')) == []
    found: list[str] = []
    path = f'{BASE}?limit=2&sort_key=namespace&sort_dir=asc'
    while path:
        page = admin.ask('GET', 'image', path)
        found += names(page)
        path = page.get('next', '')
    assert found == made
    assert names(admin.ask('GET', 'image', BASE)) == made[::-1], 'the newest first'
    assert status(admin, 'GET', f'{BASE}?visibility=shared') == 400 and status(admin, 'GET', f'{BASE}?sort_key=owner') == 400
    for name in made:
        admin.ask('DELETE', 'image', f'{BASE}/{name}')


def test_put_writes_the_attributes_anew_and_keeps_what_is_inside(admin: Client, whole: str) -> None:
    changed = admin.ask('PUT', 'image', whole, {'namespace': 'Acme::Depot', 'description': 'Elsewhere'})
    assert changed['visibility'] == 'private' and 'display_name' not in changed and changed['description'] == 'Elsewhere'
    moved = admin.ask('GET', 'image', f'{BASE}/Acme::Depot')
    assert [tag['name'] for tag in moved['tags']] == ['cold', 'warm'] and status(admin, 'GET', whole) == 404
    assert moved['created_at'] <= moved['updated_at']
    admin.ask('DELETE', 'image', f'{BASE}/Acme::Depot')


def test_of_a_protected_namespace_nothing_can_be_deleted(admin: Client, whole: str) -> None:
    admin.ask('PUT', 'image', whole, {'namespace': 'Acme::Storage', 'protected': True, 'visibility': 'public'})
    inside = ('', '/objects', '/objects/Shelf', '/properties', '/properties/layout', '/tags', '/tags/cold', '/resource_types/Acme::Shelf')
    for path in inside:
        assert status(admin, 'DELETE', whole + path) == 403, path
    assert status(admin, 'POST', f'{whole}/tags', {'tags': [{'name': 'new'}]}) == 403
    assert status(admin, 'POST', f'{whole}/tags', {'tags': [{'name': 'new'}]}, {'X-Openstack-Append': 'True'}) == 201
    assert len(admin.ask('GET', 'image', whole)['tags']) == 3
    admin.ask('PUT', 'image', whole, {'namespace': 'Acme::Storage', 'protected': False})
    for path in reversed(inside):
        assert status(admin, 'DELETE', whole + path) == 204, path


def test_objects(admin: Client, namespace: str) -> None:
    made = admin.ask('POST', 'image', f'{namespace}/objects', {'name': 'Disk', 'description': 'Turns'})
    assert made['properties'] == {} and made['required'] == [] and made['self'] == f'{namespace}/objects/Disk'
    body = {'name': 'Drive', 'properties': {'rpm': {'title': 'Speed', 'type': 'integer'}}, 'required': ['rpm']}
    changed = admin.ask('PUT', 'image', f'{namespace}/objects/Disk', body)
    assert changed['name'] == 'Drive' and changed['properties'] == body['properties'] and 'description' not in changed
    assert changed['created_at'] == made['created_at']
    assert status(admin, 'GET', f'{namespace}/objects/Disk') == 404
    assert status(admin, 'POST', f'{namespace}/objects', {'name': 'Drive'}) == 409
    admin.ask('POST', 'image', f'{namespace}/objects', {'name': 'Tape'})
    assert status(admin, 'PUT', f'{namespace}/objects/Tape', {'name': 'Drive'}) == 409
    first = admin.ask('GET', 'image', f'{namespace}/objects?limit=1&sort_key=name&sort_dir=asc')
    assert [one['name'] for one in first['objects']] == ['Drive']
    assert [one['name'] for one in admin.ask('GET', 'image', first['next'])['objects']] == ['Tape']
    admin.ask('DELETE', 'image', f'{namespace}/objects/Tape')
    admin.ask('DELETE', 'image', f'{namespace}/objects')
    assert admin.ask('GET', 'image', f'{namespace}/objects')['objects'] == []
    assert status(admin, 'DELETE', f'{namespace}/objects/Drive') == 404


def test_properties(admin: Client, namespace: str) -> None:
    form = {'name': 'rpm', 'title': 'Speed', 'type': 'integer', 'minimum': 5400, 'default': 7200, 'operators': ['<or>']}
    assert admin.ask('POST', 'image', f'{namespace}/properties', form) == form
    assert admin.ask('GET', 'image', f'{namespace}/properties/rpm') == form
    assert status(admin, 'POST', f'{namespace}/properties', form) == 409
    other = {'name': 'speed', 'title': 'Speed', 'type': 'number'}
    assert admin.ask('PUT', 'image', f'{namespace}/properties/rpm', other) == other
    assert admin.ask('GET', 'image', f'{namespace}/properties') == {'properties': {'speed': {'title': 'Speed', 'type': 'number'}}}
    admin.ask('DELETE', 'image', f'{namespace}/properties/speed')
    admin.ask('POST', 'image', f'{namespace}/properties', form)
    admin.ask('DELETE', 'image', f'{namespace}/properties')
    assert admin.ask('GET', 'image', f'{namespace}/properties') == {'properties': {}}


def test_tags(admin: Client, namespace: str) -> None:
    def listed() -> list[str]:
        return sorted(tag['name'] for tag in admin.ask('GET', 'image', f'{namespace}/tags')['tags'])

    assert admin.ask('POST', 'image', f'{namespace}/tags/one')['name'] == 'one'
    assert status(admin, 'POST', f'{namespace}/tags/one') == 409
    admin.ask('POST', 'image', f'{namespace}/tags', {'tags': [{'name': 'two'}, {'name': 'three'}]}, {'X-Openstack-Append': 'True'})
    assert listed() == ['one', 'three', 'two']
    admin.ask('POST', 'image', f'{namespace}/tags', {'tags': [{'name': 'four'}, {'name': 'five'}]}, {'X-OpenStack-Append': 'False'})
    assert listed() == ['five', 'four']
    assert admin.ask('PUT', 'image', f'{namespace}/tags/four', {'name': '4'})['name'] == '4'
    assert status(admin, 'PUT', f'{namespace}/tags/4', {'name': 'five'}) == 409
    admin.ask('DELETE', 'image', f'{namespace}/tags/4')
    assert listed() == ['five'] and status(admin, 'GET', f'{namespace}/tags/4') == 404
    admin.ask('DELETE', 'image', f'{namespace}/tags')
    assert listed() == []


def test_associations(admin: Client, namespace: str) -> None:
    body = {'name': 'OS::Nova::Server', 'prefix': 'hw:', 'properties_target': 'metadata'}
    made = admin.ask('POST', 'image', f'{namespace}/resource_types', body)
    assert without_times(made) == body and made['created_at']
    assert status(admin, 'POST', f'{namespace}/resource_types', body) == 409
    assert without_times(admin.ask('GET', 'image', f'{namespace}/resource_types')['resource_type_associations']) == [body]
    admin.ask('DELETE', 'image', f'{namespace}/resource_types/OS::Nova::Server')
    assert status(admin, 'DELETE', f'{namespace}/resource_types/OS::Nova::Server') == 404


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'wanted'),
    [
        ('POST', '', {'namespace': 'Empty'}, 409),
        ('POST', '', {}, 400),
        ('POST', '', {'namespace': ''}, 400),
        ('POST', '', {'namespace': 'x' * 81}, 400),
        ('POST', '', {'namespace': 'n', 'visibility': 'shared'}, 400),
        ('POST', '', {'namespace': 'n', 'color': 'red'}, 400),
        ('POST', '', {'namespace': 'n', 'created_at': '2026-01-01T00:00:00Z'}, 403),
        ('POST', '', {'namespace': 'n', 'tags': [{'name': 'twice'}, {'name': 'twice'}]}, 409),
        ('POST', '', {'namespace': 'n', 'properties': {'p' * 81: {'title': 'P', 'type': 'string'}}}, 400),
        ('POST', '', {'namespace': 'n', 'properties': {'p': {'type': 'string'}}}, 400),
        ('POST', '', {'namespace': 'n', 'tags': ['bare']}, 400),
        ('POST', '', {'namespace': 'n', 'objects': [None]}, 400),
        ('POST', '', {'namespace': 'n', 'resource_type_associations': ['bare']}, 400),
        ('POST', '/Empty/objects', {'name': 'o', 'properties': {'p': {'title': 'P', 'type': 'date'}}}, 400),
        ('POST', '/Empty/properties', {'name': 'p'}, 400),
        ('POST', '/Empty/tags', {'tags': ['bare']}, 400),
        ('POST', '/Empty/tags/' + 'x' * 81, None, 400),
        ('POST', '/Missing/tags/x', None, 404),
        ('POST', '/Missing/objects', {'name': 'o'}, 404),
        ('PUT', '/Missing', {'namespace': 'Missing'}, 404),
        ('DELETE', '/Missing', None, 404),
        ('GET', '/' + 'x' * 300, None, 404),
    ],
)
def test_what_is_wrong_is_refused_and_leaves_nothing(admin: Client, namespace: str, method: str, path: str, body: Any, wanted: int) -> None:
    assert status(admin, method, BASE + path, body) == wanted
    assert names(admin.ask('GET', 'image', BASE)) == ['Empty'] and set(admin.ask('GET', 'image', namespace)) <= {
        'namespace', 'visibility', 'protected', 'owner', 'created_at', 'updated_at', 'self', 'schema',
    }  # fmt: skip


def test_members_read_and_administrators_write(admin: Client, member: Client, whole: str) -> None:
    prop = {'name': 'p', 'title': 'P', 'type': 'string'}
    writes: list[tuple[str, str, Any]] = [
        ('POST', BASE, {'namespace': 'mine'}), ('PUT', whole, {'namespace': 'mine'}), ('DELETE', whole, None),
        ('POST', f'{whole}/objects', {'name': 'o'}), ('PUT', f'{whole}/objects/Shelf', {'name': 'o'}),
        ('DELETE', f'{whole}/objects/Shelf', None), ('DELETE', f'{whole}/objects', None),
        ('POST', f'{whole}/properties', prop), ('PUT', f'{whole}/properties/layout', prop),
        ('DELETE', f'{whole}/properties/layout', None), ('DELETE', f'{whole}/properties', None),
        ('POST', f'{whole}/tags', {'tags': []}), ('POST', f'{whole}/tags/t', None), ('PUT', f'{whole}/tags/cold', {'name': 't'}),
        ('DELETE', f'{whole}/tags/cold', None), ('DELETE', f'{whole}/tags', None),
        ('POST', f'{whole}/resource_types', {'name': 'x'}), ('DELETE', f'{whole}/resource_types/Acme::Shelf', None),
    ]  # fmt: skip
    before = admin.ask('GET', 'image', whole)
    for method, path, body in writes:
        assert status(member, method, path, body) == 403, (method, path)
    assert admin.ask('GET', 'image', whole) == before
    for path in ('', '/objects', '/objects/Shelf', '/properties', '/properties/layout', '/tags', '/tags/cold', '/resource_types'):
        assert status(member, 'GET', whole + path) == 200, path


def test_what_is_shown_fits_the_published_schemas(member: Client, whole: str) -> None:
    import jsonschema

    for path, schema in (
        (whole, 'namespace'), (BASE, 'namespaces'), (f'{whole}/objects', 'objects'), (f'{whole}/objects/Shelf', 'object'),
        (f'{whole}/properties', 'properties'), (f'{whole}/properties/layout', 'property'), (f'{whole}/tags', 'tags'),
        (f'{whole}/tags/cold', 'tag'), (f'{whole}/resource_types', 'resource_types'),
    ):  # fmt: skip
        document = member.ask('GET', 'image', f'/v2/schemas/metadefs/{schema}')
        jsonschema.validate(json.loads(json.dumps(member.ask('GET', 'image', path))), document)
