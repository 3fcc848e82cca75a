"""Volume types with the client `openstack`: made, described, changed, and kept for some projects."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually
from tests.openstack_shell import CommandFailed, OpenStack


@pytest.fixture
def name(admin: Client) -> Iterator[str]:
    """A name for a type, which is gone afterwards."""
    made = f'type-{uuid.uuid4().hex[:8]}'
    yield made
    for kind in admin.ask('GET', 'volumev3', '/types')['volume_types']:
        if kind['name'].startswith(made):
            admin.ask('DELETE', 'volumev3', f'/types/{kind["id"]}')


def names(openstack: OpenStack, *words: str) -> set[str]:
    return {kind['Name'] for kind in openstack.show('volume type list', *words)}


def test_a_type_is_made_described_changed_and_removed(openstack: OpenStack, name: str) -> None:
    made = openstack.show('volume type create', '--description', 'quick', '--property', 'disks=ssd', '--property', 'tier=1', name)
    assert made['properties'] == {'disks': 'ssd', 'tier': '1'}
    openstack('volume type set', '--name', f'{name}-x', '--description', 'quicker', '--property', 'tier=2', name)
    openstack('volume type unset', '--property', 'disks', f'{name}-x')
    shown = openstack.show('volume type show', f'{name}-x')
    assert (shown['name'], shown['description'], shown['properties']) == (f'{name}-x', 'quicker', {'tier': '2'})
    with pytest.raises(CommandFailed, match='already exists'):
        openstack('volume type create', f'{name}-x')
    openstack('volume type delete', f'{name}-x')
    assert f'{name}-x' not in names(openstack)


def test_types_are_listed_as_public_and_as_private(openstack: OpenStack, name: str) -> None:
    openstack('volume type create', '--private', name)
    assert name in names(openstack) and name in names(openstack, '--private') and name not in names(openstack, '--public')
    assert '__DEFAULT__' in names(openstack, '--public') and '__DEFAULT__' not in names(openstack, '--private')
    openstack('volume type set', '--public', name)
    assert name in names(openstack, '--public')


def test_a_private_type_is_for_the_projects_that_were_let(cloud: TestCloud, admin: Client, openstack: OpenStack, name: str) -> None:
    member = cloud.newcomer(f'typed-{uuid.uuid4()}')
    kind = openstack.show('volume type create', '--private', name)['id']
    url = member.catalog['volumev3']

    def seen() -> bool:
        listed = name in [one['name'] for one in member.ask('GET', 'volumev3', '/types')['volume_types']]
        shown = member.raw('GET', f'{url}/types/{kind}')[0] == 200
        assert listed is shown
        return listed

    def make() -> int:
        status, _, _ = member.raw('POST', f'{url}/volumes', {'volume': {'size': 1, 'volume_type': name}})
        return status

    assert not seen() and make() == 404
    openstack('volume type set', '--project', member.project_id, name)
    assert openstack.show('volume type show', name)['access_project_ids'] == [member.project_id]
    assert seen() and make() == 202
    with pytest.raises(CommandFailed):
        openstack('volume type set', '--project', member.project_id, name)
    openstack('volume type unset', '--project', member.project_id, name)
    assert not seen() and make() == 404
    for volume in member.ask('GET', 'volumev3', '/volumes')['volumes']:
        member.wait('volumev3', f'/volumes/{volume["id"]}', 'volume', 'available')
        member.ask('DELETE', 'volumev3', f'/volumes/{volume["id"]}')
        eventually(lambda gone=f'{url}/volumes/{volume["id"]}': member.raw('GET', gone)[0] == 404)


def test_members_change_no_types(cloud: TestCloud, admin: Client) -> None:
    member = cloud.newcomer(f'typist-{uuid.uuid4()}')
    default = member.ask('GET', 'volumev3', '/types/default')['volume_type']['id']
    url = f'{member.catalog["volumev3"]}/types/{default}'
    for method, path, body in (
        ('PUT', '', {'volume_type': {'description': 'mine'}}), ('POST', '/extra_specs', {'extra_specs': {'a': 'b'}}),
        ('POST', '/action', {'addProjectAccess': {'project': member.project_id}}), ('DELETE', '/extra_specs/a', None),
    ):  # fmt: skip
        assert member.raw(method, url + path, body)[0] == 403, path


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'status', 'words'),
    [
        ('PUT', '', {'volume_type': {}}, 400, b'Give at least one'),
        ('PUT', '', {'volume_type': {'name': 'other'}}, 400, b'keeps its name'),
        ('PUT', '', {'volume_type': {'is_public': False}}, 400, b'for everybody'),
        ('PUT', '/extra_specs/a', {'b': 'c'}, 400, b'mismatch'),
        ('GET', '/extra_specs/none', None, 404, b'no extra specs with key none'),
        ('DELETE', '/extra_specs/none', None, 404, b'no extra specs with key none'),
        ('GET', '/os-volume-type-access', None, 404, b'public volume types'),
        ('POST', '/action', {'addProjectAccess': {'project': 'p'}}, 409, b'public volume type'),
        ('DELETE', '', None, 400, b'cannot be deleted'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_default_type_cannot_be_is_refused(
    admin: Client, method: str, path: str, body: dict | None, status: int, words: bytes
) -> None:
    default = admin.ask('GET', 'volumev3', '/types/default')['volume_type']
    answer = admin.raw(method, f'{admin.catalog["volumev3"]}/types/{default["id"]}{path}', body)
    assert answer[0] == status and words in answer[2], answer
    assert admin.ask('GET', 'volumev3', '/types/default')['volume_type'] == default
