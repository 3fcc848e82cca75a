"""Roles given directly, to groups, inherited and implied: what is stored, and what a token shows in the end."""

from __future__ import annotations

import itertools

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN

_COUNT = itertools.count()


class World:
    """A domain with a tree of two projects, a user in a group, all new."""

    def __init__(self, admin):
        self.admin = admin
        self.mark = f'w{next(_COUNT)}'
        self.domain = self.make('domain')
        self.top = self.make('project', domain_id=self.domain, name='top')
        self.low = self.make('project', parent_id=self.top, name='low')
        self.user = self.make('user', domain_id=self.domain, password='pw')
        self.group = self.make('group', domain_id=self.domain)
        admin.ok('PUT', f'/v3/groups/{self.group}/users/{self.user}', status=204)
        self.roles = {role['name']: role['id'] for role in admin.ok('GET', '/v3/roles')['roles']}

    def make(self, kind, **values):
        values.setdefault('name', f'{kind}-{self.mark}')
        return self.admin.ok('POST', f'/v3/{kind}s', {kind: values}, 201)[kind]['id']

    def give(self, path, role, status=204):
        self.admin.ok('PUT', self.path(path, role), status=status)

    def take(self, path, role, status=204):
        self.admin.ok('DELETE', self.path(path, role), status=status)

    def path(self, path, role):
        inherited = path.startswith('inherit ')
        path = path.removeprefix('inherit ').format(top=self.top, low=self.low, domain=self.domain, user=self.user, group=self.group)
        role = self.roles.get(role, role)
        return f'/v3/OS-INHERIT/{path}/roles/{role}/inherited_to_projects' if inherited else f'/v3/{path}/roles/{role}'

    def token_roles(self, **scope):
        """Names of the roles in a token, None if there is no token to be had."""
        body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': {'id': self.user, 'password': 'pw'}}}, 'scope': scope}}
        answer = self.admin.session.post(f'{self.admin.url}/v3/auth/tokens', json=body, authenticated=False, raise_exc=False)
        if answer.status_code == 401:
            return None
        return {role['name'] for role in answer.json()['token']['roles']}

    def on(self, project):
        return self.token_roles(project={'id': project})

    def listed(self, query):
        found = self.admin.ok('GET', f'/v3/role_assignments?{query}')['role_assignments']
        names = {role_id: name for name, role_id in self.roles.items()}
        return {(names[one['role']['id']], *(_where(one['scope'])), next(k for k in ('user', 'group') if k in one)) for one in found}


def _where(scope):
    return next((kind, scope[kind].get('id', 'all')) for kind in ('project', 'domain', 'system') if kind in scope)


@pytest.fixture
def world(admin):
    made = World(admin)
    yield made
    admin.ok('PATCH', f'/v3/domains/{made.domain}', {'domain': {'enabled': False}})
    admin.ok('DELETE', f'/v3/domains/{made.domain}', status=204)


def test_a_role_brings_those_it_implies(world):
    assert world.on(world.top) is None
    world.give('projects/{top}/users/{user}', 'manager')
    assert world.on(world.top) == {'manager', 'member', 'reader'}
    assert world.on(world.low) is None
    world.take('projects/{top}/users/{user}', 'manager')
    assert world.on(world.top) is None


def test_a_group_gives_its_roles_to_its_members(world):
    world.give('projects/{top}/groups/{group}', 'member')
    assert world.on(world.top) == {'member', 'reader'}
    world.admin.ok('DELETE', f'/v3/groups/{world.group}/users/{world.user}', status=204)
    assert world.on(world.top) is None


def test_inherited_roles_hold_below_and_not_on_the_target_itself(world):
    world.give('inherit projects/{top}/users/{user}', 'reader')
    assert (world.on(world.top), world.on(world.low)) == (None, {'reader'})
    world.take('inherit projects/{top}/users/{user}', 'reader')
    assert world.on(world.low) is None


def test_roles_inherited_from_a_domain_hold_on_all_its_projects(world):
    world.give('inherit domains/{domain}/groups/{group}', 'member')
    assert world.on(world.top) == world.on(world.low) == {'member', 'reader'}
    assert world.token_roles(domain={'id': world.domain}) is None
    found = world.admin.ok('GET', f'/v3/users/{world.user}/projects')['projects']
    assert {project['id'] for project in found} == {world.top, world.low}


def test_domain_and_system_roles(world):
    world.give('domains/{domain}/users/{user}', 'reader')
    assert world.token_roles(domain={'id': world.domain}) == {'reader'}
    assert world.token_roles(system={'all': True}) is None
    world.give('system/groups/{group}', 'reader')
    assert world.token_roles(system={'all': True}) == {'reader'}
    world.take('system/groups/{group}', 'reader')
    assert world.token_roles(system={'all': True}) is None


def test_a_role_of_a_domain_stands_for_what_it_implies(world):
    own = world.make('role', domain_id=world.domain)
    world.give('projects/{top}/users/{user}', own)
    # It is given, and seen by nobody.
    assert world.on(world.top) is None
    world.admin.ok('PUT', f'/v3/roles/{own}/implies/{world.roles["member"]}', status=201)
    assert world.on(world.top) == {'member', 'reader'}
    foreign = world.admin.ok('POST', '/v3/projects', {'project': {'name': f'foreign-{world.mark}'}}, 201)['project']['id']
    assert world.admin('PUT', f'/v3/projects/{foreign}/users/{world.user}/roles/{own}').status_code == 403
    assert world.admin('PUT', f'/v3/roles/{world.roles["member"]}/implies/{own}').status_code == 403
    world.admin.ok('DELETE', f'/v3/projects/{foreign}', status=204)


def test_loops_of_implications_end(world):
    first, second = (world.make('role', name=f'{name}-{world.mark}') for name in ('one', 'two'))
    for prior, implied in ((first, second), (second, first)):
        world.admin.ok('PUT', f'/v3/roles/{prior}/implies/{implied}', status=201)
    world.give('projects/{top}/users/{user}', first)
    assert world.on(world.top) == {f'one-{world.mark}', f'two-{world.mark}'}
    for role in (first, second):
        world.admin.ok('DELETE', f'/v3/roles/{role}', status=204)


def test_giving_twice_and_taking_twice(world):
    world.give('projects/{top}/users/{user}', 'member')
    world.give('projects/{top}/users/{user}', 'member')
    assert world.admin('HEAD', world.path('projects/{top}/users/{user}', 'member')).status_code == 204
    assert world.admin('GET', world.path('projects/{top}/users/{user}', 'reader')).status_code == 404
    listed = world.admin.ok('GET', f'/v3/projects/{world.top}/users/{world.user}/roles')['roles']
    assert [role['name'] for role in listed] == ['member']
    world.take('projects/{top}/users/{user}', 'member')
    world.take('projects/{top}/users/{user}', 'member', status=404)


@pytest.mark.parametrize(
    'path', ['projects/{top}/users/nobody', 'projects/nowhere/users/{user}', 'domains/{top}/users/{user}', 'system/groups/none']
)
def test_nothing_is_given_to_or_on_what_does_not_exist(world, path):
    world.give(path, 'member', status=404)


def test_no_role_that_does_not_exist_is_given(world):
    world.give('projects/{top}/users/{user}', 'f' * 32, status=404)


def test_the_list_as_stored(world):
    world.give('projects/{top}/users/{user}', 'member')
    world.give('projects/{top}/groups/{group}', 'reader')
    world.give('inherit domains/{domain}/users/{user}', 'reader')
    assert world.listed(f'user.id={world.user}') == {('member', 'project', world.top, 'user'), ('reader', 'domain', world.domain, 'user')}
    assert world.listed(f'group.id={world.group}') == {('reader', 'project', world.top, 'group')}
    assert world.listed(f'scope.project.id={world.top}&role.id={world.roles["reader"]}') == {('reader', 'project', world.top, 'group')}
    assert world.listed(f'user.id={world.user}&scope.OS-INHERIT:inherited_to=projects') == {('reader', 'domain', world.domain, 'user')}
    assert world.listed(f'scope.project.id={world.domain}&include_subtree') == {
        ('member', 'project', world.top, 'user'),
        ('reader', 'project', world.top, 'group'),
    }


def test_the_list_as_it_works_out(world):
    world.give('projects/{top}/groups/{group}', 'manager')
    world.give('inherit domains/{domain}/users/{user}', 'reader')
    expected = {(role, 'project', world.top, 'user') for role in ('manager', 'member', 'reader')} | {
        ('reader', 'project', world.low, 'user')
    }
    assert world.listed(f'user.id={world.user}&effective') == expected
    assert world.listed(f'scope.project.id={world.low}&effective') == {('reader', 'project', world.low, 'user')}
    assert world.listed(f'scope.project.id={world.top}&role.id={world.roles["member"]}&effective=true') == {
        ('member', 'project', world.top, 'user')
    }


def test_the_list_with_names(world):
    world.give('projects/{top}/groups/{group}', 'reader')
    (one,) = world.admin.ok('GET', f'/v3/role_assignments?group.id={world.group}&include_names=True')['role_assignments']
    domain = {'id': world.domain, 'name': f'domain-{world.mark}'}
    assert one['role'] == {'id': world.roles['reader'], 'name': 'reader'}
    assert one['group'] == {'id': world.group, 'name': f'group-{world.mark}', 'domain': domain}
    assert one['scope'] == {'project': {'id': world.top, 'name': 'top', 'domain': domain}}
    assert one['links']['assignment'].endswith(f'/v3/projects/{world.top}/groups/{world.group}/roles/{world.roles["reader"]}')


@pytest.mark.parametrize(
    'query',
    [
        'user.id=a&group.id=b',
        'scope.project.id=a&scope.domain.id=b',
        'effective&group.id=a',
        'include_subtree',
        'effective&scope.domain.id=a&scope.OS-INHERIT:inherited_to=projects',
    ],
)
def test_filters_that_cannot_be_meant(admin, query):
    assert admin('GET', f'/v3/role_assignments?{query}').status_code == 400
