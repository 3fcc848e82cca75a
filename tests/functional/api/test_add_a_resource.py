"""The example of docs/add-a-resource.md does what the page says, through the whole pipeline."""

from __future__ import annotations

import dataclasses

import pytest

from common import clock
from common.api import Application
from common.errors import NotFound
from common.ids import new_id


@dataclasses.dataclass
class Group:
    id: str
    project_id: str
    name: str
    description: str
    addresses: list[str]
    shared: bool
    created_at: str


class Groups:
    """The service of the example."""

    def __init__(self):
        self.rows = {}

    def address_group(self, group_id):
        if group_id not in self.rows:
            raise NotFound('address group', group_id)
        return self.rows[group_id]

    def address_groups(self, ctx, filters, page):
        rows = [row for row in self.rows.values() if ctx.is_admin or row.project_id == ctx.project_id]
        rows = [row for row in rows if all(getattr(row, name) in wanted for name, wanted in filters.items())]
        rows.sort(key=lambda row: row.name)
        if page.marker:
            rows = rows[[row.id for row in rows].index(page.marker) + 1 :]
        return rows[: page.limit]

    def create_address_group(self, ctx, **values):
        values.setdefault('project_id', ctx.project_id)
        row = Group(id=new_id(), created_at=clock.iso(clock.now()), **values)
        self.rows[row.id] = row
        return row

    def update_address_group(self, ctx, group, values):
        for name, value in values.items():
            setattr(group, name, value)
        return group

    def delete_address_group(self, ctx, group):
        del self.rows[group.id]


PATH = '/v2.0/address-groups'


@pytest.fixture
def url(cloud, document_module):
    return cloud.serve(Application('network', [document_module.ADDRESS_GROUPS], instance=Groups()))


@pytest.fixture
def member(cloud, session, url):
    return session(url, cloud.token('a' * 32))


@pytest.fixture
def other(cloud, session, url):
    return session(url, cloud.token('b' * 32))


def test_the_life_of_a_group(member, other):
    created = member('POST', PATH, {'address_group': {'name': ' web ', 'addresses': ['10.0.0.0/8', 'FD00::/16']}})
    assert created.status_code == 201
    group = created.json()['address_group']
    assert group['name'] == 'web'
    assert group['addresses'] == ['10.0.0.0/8', 'fd00::/16']
    assert group['shared'] is False
    one = f'{PATH}/{group["id"]}'
    assert member('GET', one).json()['address_group'] == group
    assert other('GET', one).status_code == 404
    assert other('DELETE', one).json()['NeutronError']['type'] == 'AddressGroupNotFound'
    changed = member('PUT', one, {'address_group': {'description': 'all'}}).json()['address_group']
    assert changed == {**group, 'description': 'all'}
    assert member('PUT', one, {'address_group': {'shared': True}}).status_code == 403
    assert member('DELETE', one).status_code == 204
    assert member('GET', one).status_code == 404


def test_lists_page_and_filter(member, other):
    names = [f'g{i}' for i in range(5)]
    assert member('POST', PATH, {'address_groups': [{'name': name} for name in names]}).status_code == 201
    seen, path = [], f'{PATH}?limit=2'
    while path:
        page = member('GET', path).json()
        seen += [group['name'] for group in page['address_groups']]
        following = [link['href'].removeprefix(member.url) for link in page.get('address_groups_links', []) if link['rel'] == 'next']
        path = following[0] if following else None
    assert seen == names
    assert [g['name'] for g in member('GET', f'{PATH}?name=g1&name=g3').json()['address_groups']] == ['g1', 'g3']
    assert other('GET', PATH).json() == {'address_groups': []}


def test_the_document_describes_it(member):
    found = member('GET', '/openapi.json').json()
    assert set(found['paths']) == {PATH, f'{PATH}/{{id}}'}
    assert 'AddressGroup' in found['components']['schemas']
