"""Who may do what: personas of the cloud, of a domain and of a project, each against every kind of act."""

from __future__ import annotations

import pytest

DENIED, UNKNOWN, OK = 403, 404, 'ok'


@pytest.fixture(scope='module')
def world(cloud):
    """Two domains; in the first, users with roles on it, on its project and on the system."""
    admin = cloud.client()

    def make(kind, **values):
        return admin.ok('POST', f'/v3/{kind}s', {kind: values}, 201)[kind]['id']

    roles = {role['name']: role['id'] for role in admin.ok('GET', '/v3/roles')['roles']}
    home, abroad = make('domain', name='home'), make('domain', name='abroad')
    ids = {
        'home': home,
        'abroad': abroad,
        'project': make('project', name='p', domain_id=home),
        'foreign_project': make('project', name='p', domain_id=abroad),
        'user': make('user', name='victim', domain_id=home),
        'foreign_user': make('user', name='victim', domain_id=abroad),
        'group': make('group', name='g', domain_id=home),
        'foreign_group': make('group', name='g', domain_id=abroad),
        'admin_role': roles['admin'],
        'member_role': roles['member'],
        'missing': 'f' * 32,
    }
    clients = {'cloud admin': admin}
    for scope, path in (
        ('system', 'system'),
        ('domain', f'domains/{home}'),
        ('project', f'projects/{ids["project"]}'),
    ):
        for role in ('admin', 'manager', 'member', 'reader'):
            name = f'{scope} {role}'
            user = make('user', name=name, domain_id='default', password='pw')
            admin.ok('PUT', f'/v3/{path}/users/{user}/roles/{roles[role]}', status=204)
            wanted = {'system': {'system_scope': 'all'}, 'domain': {'domain_id': home}, 'project': {'project_id': ids['project']}}[scope]
            clients[name] = cloud.client(name, 'pw', **wanted)
            clients[name].user_id = user
    make('user', name='stranger', domain_id='default', password='pw')
    clients['nobody'] = cloud.client('stranger', 'pw', unscoped=True)
    return ids, clients


CLOUD = {'cloud admin', 'system admin', 'project admin'}
SYSTEM_READERS = CLOUD | {'system manager', 'system member', 'system reader'}
HOME_MANAGERS = CLOUD | {'domain admin', 'domain manager'}
HOME_READERS = SYSTEM_READERS | {'domain admin', 'domain manager', 'domain member', 'domain reader'}
IN_PROJECT = {'project manager', 'project member', 'project reader'}
EVERYBODY = HOME_READERS | IN_PROJECT | {'nobody'}
DOMAIN = {'domain admin', 'domain manager', 'domain member', 'domain reader'}

TRUST = {'trust': {'trustor_user_id': '{user}', 'trustee_user_id': '{user}', 'impersonation': False}}
# (method, path, body, who may). What they change is no persona's, or is not there.
ACTS = [
    ('GET', '/v3/users', None, HOME_READERS),
    ('GET', '/v3/users?domain_id={abroad}', None, SYSTEM_READERS),
    ('GET', '/v3/users/{user}', None, HOME_READERS),
    ('GET', '/v3/users/{foreign_user}', None, SYSTEM_READERS),
    ('GET', '/v3/users/{user}/groups', None, HOME_READERS),
    ('GET', '/v3/users/{user}/projects', None, HOME_READERS),
    ('PATCH', '/v3/users/{user}', {'user': {}}, HOME_MANAGERS),
    ('PATCH', '/v3/users/{foreign_user}', {'user': {}}, CLOUD),
    ('POST', '/v3/users', {'user': {'name': 'x', 'domain_id': '{missing}'}}, CLOUD),
    ('DELETE', '/v3/users/{missing}', None, CLOUD),
    ('GET', '/v3/groups', None, HOME_READERS),
    ('GET', '/v3/groups/{group}/users', None, HOME_READERS),
    ('GET', '/v3/groups/{foreign_group}', None, SYSTEM_READERS),
    ('PATCH', '/v3/groups/{group}', {'group': {}}, HOME_MANAGERS),
    ('PATCH', '/v3/groups/{foreign_group}', {'group': {}}, CLOUD),
    ('PUT', '/v3/groups/{group}/users/{user}', None, HOME_MANAGERS),
    ('PUT', '/v3/groups/{group}/users/{foreign_user}', None, CLOUD),
    ('PUT', '/v3/groups/{foreign_group}/users/{missing}', None, CLOUD),
    ('DELETE', '/v3/groups/{group}/users/{user}', None, HOME_MANAGERS),
    ('GET', '/v3/projects', None, HOME_READERS),
    ('GET', '/v3/projects?domain_id={abroad}', None, SYSTEM_READERS),
    ('GET', '/v3/projects/{project}', None, HOME_READERS | IN_PROJECT),
    ('GET', '/v3/projects/{project}/tags', None, HOME_READERS | IN_PROJECT),
    ('GET', '/v3/projects/{foreign_project}', None, SYSTEM_READERS),
    ('PATCH', '/v3/projects/{project}', {'project': {}}, HOME_MANAGERS),
    ('PATCH', '/v3/projects/{foreign_project}', {'project': {}}, CLOUD),
    ('PUT', '/v3/projects/{project}/tags', {'tags': []}, HOME_MANAGERS),
    ('DELETE', '/v3/projects/{missing}', None, CLOUD),
    ('GET', '/v3/domains', None, HOME_READERS),
    ('GET', '/v3/domains/{home}', None, HOME_READERS | IN_PROJECT),
    ('GET', '/v3/domains/{abroad}', None, SYSTEM_READERS),
    ('PATCH', '/v3/domains/{home}', {'domain': {}}, CLOUD),
    ('DELETE', '/v3/domains/{missing}', None, CLOUD),
    ('GET', '/v3/roles', None, SYSTEM_READERS | {'domain admin', 'domain manager', 'project manager'}),
    ('DELETE', '/v3/roles/{missing}', None, CLOUD),
    ('PUT', '/v3/roles/{missing}/implies/{missing}', None, CLOUD),
    ('GET', '/v3/role_inferences', None, SYSTEM_READERS),
    ('GET', '/v3/projects/{project}/users/{user}/roles', None, HOME_READERS),
    ('GET', '/v3/projects/{foreign_project}/users/{user}/roles', None, SYSTEM_READERS),
    ('PUT', '/v3/projects/{project}/users/{user}/roles/{member_role}', None, HOME_MANAGERS),
    ('PUT', '/v3/projects/{project}/users/{user}/roles/{admin_role}', None, CLOUD),
    ('PUT', '/v3/domains/{home}/users/{user}/roles/{admin_role}', None, CLOUD | {'domain admin'}),
    ('PUT', '/v3/OS-INHERIT/domains/{home}/users/{user}/roles/{admin_role}/inherited_to_projects', None, CLOUD),
    ('PUT', '/v3/projects/{project}/users/{foreign_user}/roles/{member_role}', None, CLOUD),
    ('PUT', '/v3/projects/{project}/users/{missing}/roles/{member_role}', None, CLOUD),
    ('PUT', '/v3/domains/{home}/groups/{group}/roles/{member_role}', None, HOME_MANAGERS),
    ('PUT', '/v3/domains/{home}/groups/{foreign_group}/roles/{member_role}', None, CLOUD),
    ('PUT', '/v3/domains/{abroad}/groups/{group}/roles/{member_role}', None, CLOUD),
    ('PUT', '/v3/system/users/{missing}/roles/{member_role}', None, CLOUD),
    ('DELETE', '/v3/projects/{foreign_project}/users/{missing}/roles/{member_role}', None, CLOUD),
    ('PUT', '/v3/OS-INHERIT/domains/{home}/users/{user}/roles/{member_role}/inherited_to_projects', None, HOME_MANAGERS),
    ('GET', '/v3/role_assignments', None, SYSTEM_READERS),
    ('GET', '/v3/role_assignments?scope.domain.id={home}', None, HOME_READERS),
    ('GET', '/v3/role_assignments?scope.project.id={project}', None, HOME_READERS),
    ('GET', '/v3/role_assignments?scope.domain.id={abroad}', None, SYSTEM_READERS),
    ('GET', '/v3/regions', None, EVERYBODY),
    ('DELETE', '/v3/regions/{missing}', None, CLOUD),
    ('POST', '/v3/regions', {'region': {'parent_region_id': '{missing}'}}, CLOUD),
    ('GET', '/v3/services', None, SYSTEM_READERS),
    ('DELETE', '/v3/services/{missing}', None, CLOUD),
    ('GET', '/v3/endpoints', None, SYSTEM_READERS),
    ('DELETE', '/v3/endpoints/{missing}', None, CLOUD),
    ('GET', '/v3/OS-TRUST/trusts', None, SYSTEM_READERS),
    ('GET', '/v3/OS-TRUST/trusts?trustor_user_id={user}', None, SYSTEM_READERS),
    ('GET', '/v3/OS-TRUST/trusts/{missing}', None, SYSTEM_READERS),
    ('DELETE', '/v3/OS-TRUST/trusts/{missing}', None, CLOUD),
    ('POST', '/v3/OS-TRUST/trusts', TRUST, set()),
    ('GET', '/v3/OS-OAUTH1/consumers', None, SYSTEM_READERS),
    ('POST', '/v3/OS-OAUTH1/consumers', {'consumer': {}}, CLOUD),
    ('DELETE', '/v3/OS-OAUTH1/consumers/{missing}', None, CLOUD),
    ('PUT', '/v3/OS-OAUTH1/authorize/{missing}', {'roles': [{'id': '{member_role}'}]}, EVERYBODY),
    ('GET', '/v3/users/{user}/OS-OAUTH1/access_tokens', None, SYSTEM_READERS),
    ('DELETE', '/v3/users/{user}/OS-OAUTH1/access_tokens/{missing}', None, CLOUD),
    ('GET', '/v3/pileus/revocations', None, CLOUD),
    ('GET', '/v3/auth/catalog', None, EVERYBODY),
    ('GET', '/v3/auth/projects', None, EVERYBODY),
]


def fill(value, ids):
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, list):
        return [fill(inner, ids) for inner in value]
    return {key: fill(inner, ids) for key, inner in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(('method', 'path', 'body', 'allowed'), ACTS, ids=[f'{act[0]} {act[1]}' for act in ACTS])
def test_who_may(world, method, path, body, allowed):
    ids, clients = world
    answers = {name: client(method, fill(path, ids), fill(body, ids)).status_code for name, client in clients.items()}
    assert {name for name, status in answers.items() if status != DENIED} == allowed
    assert not {status for status in answers.values() if status in (401, 500)}


def test_lists_of_those_who_manage_a_domain_show_that_domain_alone(world):
    ids, clients = world
    reader = clients['domain reader']
    assert {user['domain_id'] for user in reader.ok('GET', '/v3/users')['users']} == {ids['home']}
    assert {project['domain_id'] for project in reader.ok('GET', '/v3/projects')['projects']} == {ids['home']}
    assert {group['domain_id'] for group in reader.ok('GET', '/v3/groups')['groups']} == {ids['home']}
    assert [domain['id'] for domain in reader.ok('GET', '/v3/domains')['domains']] == [ids['home']]


def test_what_a_manager_makes_is_in_the_own_domain(world):
    ids, clients = world
    manager = clients['domain manager']
    for kind in ('user', 'project', 'group'):
        made = manager.ok('POST', f'/v3/{kind}s', {kind: {'name': f'made-{kind}'}}, 201)[kind]
        assert made['domain_id'] == ids['home']
        manager.ok('DELETE', f'/v3/{kind}s/{made["id"]}', status=204)


def test_everybody_may_look_at_themselves(world):
    _, clients = world
    for name in ('project reader', 'domain member', 'system reader'):
        client = clients[name]
        assert client.ok('GET', f'/v3/users/{client.user_id}')['user']['name'] == name
        client.ok('GET', f'/v3/users/{client.user_id}/projects')
        client.ok('GET', f'/v3/users/{client.user_id}/groups')
        client.ok('GET', f'/v3/role_assignments?user.id={client.user_id}')


def test_who_may_not_look_cannot_tell_what_exists(world):
    ids, clients = world
    for kind in ('user', 'project', 'group', 'domain'):
        for client in (clients['project member'], clients['nobody']):
            there = client('GET', f'/v3/{kind}s/{ids["foreign_" + kind if kind != "domain" else "abroad"]}')
            gone = client('GET', f'/v3/{kind}s/{ids["missing"]}')
            assert there.status_code == gone.status_code == DENIED
            assert there.json() == gone.json()


def test_without_a_token_nothing_but_the_open_routes(cloud, world):
    from identity.api import RESOURCES

    ids, clients = world
    routes = [route for resource in RESOURCES for route in resource.routes]
    assert len(routes) > 200
    for route in routes:
        if route.open:
            continue
        path = route.path.replace('{', '').replace('}', '')
        assert clients['nobody'](route.method, path, token='').status_code == 401, route
