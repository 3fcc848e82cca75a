"""Tokens over the real API: who gets one, what it says, and when it ends."""

from __future__ import annotations

import pytest
from keystoneauth1 import exceptions
from keystoneauth1.identity import v3

from tests.databases import CHOSEN
from tests.functional.identity.conftest import ADMIN_PASSWORD

DATABASES = CHOSEN

PASSWORD = {'methods': ['password'], 'password': {'user': {'name': 'demo', 'domain': {'id': 'default'}, 'password': 'demo-secret'}}}
DEMO = {'project': {'name': 'demo', 'domain': {'name': 'Default'}}}


def ask(admin, identity, scope=None, query=''):
    body = {'auth': {'identity': identity}}
    if scope is not None:
        body['auth']['scope'] = scope
    return admin.session.post(f'{admin.url}/v3/auth/tokens{query}', json=body, authenticated=False, raise_exc=False)


@pytest.fixture
def user(admin):
    """A user `eve` with the role member on a project of her own."""
    domain = 'default'
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'eve', 'domain_id': domain, 'password': 'first'}}, 201)['user']
    project = admin.ok('POST', '/v3/projects', {'project': {'name': 'eves', 'domain_id': domain}}, 201)['project']
    role = admin.ok('GET', '/v3/roles?name=member')['roles'][0]
    admin.ok('PUT', f'/v3/projects/{project["id"]}/users/{user["id"]}/roles/{role["id"]}', status=204)
    yield {'id': user['id'], 'project': project['id'], 'role': role['id']}
    admin('DELETE', f'/v3/users/{user["id"]}')
    admin('DELETE', f'/v3/projects/{project["id"]}')


def eve(user, password='first'):
    return {'methods': ['password'], 'password': {'user': {'id': user['id'], 'password': password}}}


def test_a_project_token_says_all_that_clients_look_for(admin):
    answer = ask(admin, PASSWORD, DEMO)
    assert answer.status_code == 201
    token = answer.json()['token']
    assert token['methods'] == ['password']
    assert token['user']['name'] == 'demo' and token['user']['domain'] == {'id': 'default', 'name': 'Default'}
    assert token['user']['password_expires_at'] is None
    assert token['project']['name'] == 'demo' and token['project']['domain']['name'] == 'Default'
    assert token['is_domain'] is False
    assert {role['name'] for role in token['roles']} == {'member', 'reader'}
    assert all(role['id'] for role in token['roles'])
    assert len(token['audit_ids']) == 1
    assert token['expires_at'].endswith('Z') and token['issued_at'] < token['expires_at']
    assert len(answer.headers['X-Subject-Token']) < 256
    project_id = token['project']['id']
    urls = {service['type']: {e['interface']: e['url'] for e in service['endpoints']} for service in token['catalog']}
    assert urls['volumev3']['public'] == f'http://127.0.0.1:1/v3/{project_id}'
    assert set(urls['identity']) == {'public', 'internal', 'admin'}


def test_the_catalog_can_be_left_out(admin):
    assert 'catalog' not in ask(admin, PASSWORD, DEMO, '?nocatalog').json()['token']


def test_scopes_of_the_administrator(admin):
    identity = {'methods': ['password'], 'password': {'user': {'name': 'admin', 'domain': {'name': 'Default'}, 'password': ADMIN_PASSWORD}}}
    domain = ask(admin, identity, {'domain': {'name': 'Default'}}).json()['token']
    assert domain['domain'] == {'id': 'default', 'name': 'Default'} and 'project' not in domain
    # What needs a project has no endpoint in this catalog.
    assert [s['endpoints'] for s in domain['catalog'] if s['type'] == 'volumev3'] == [[]]
    system = ask(admin, identity, {'system': {'all': True}}).json()['token']
    assert system['system'] == {'all': True}
    assert {role['name'] for role in system['roles']} == {'admin', 'manager', 'member', 'reader'}
    for unscoped in ('unscoped', {'unscoped': {}}, None):
        token = ask(admin, identity, unscoped).json()['token']
        assert not {'project', 'domain', 'system', 'roles', 'catalog'} & token.keys()


def test_a_default_project_is_the_scope_of_a_request_without_one(admin, user):
    admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'default_project_id': user['project']}})
    assert ask(admin, eve(user)).json()['token']['project']['id'] == user['project']
    assert 'project' not in ask(admin, eve(user), 'unscoped').json()['token']
    # Without a role there, the token has no scope, and the login is good all the same.
    admin.ok('DELETE', f'/v3/projects/{user["project"]}/users/{user["id"]}/roles/{user["role"]}', status=204)
    assert 'project' not in ask(admin, eve(user)).json()['token']


@pytest.mark.parametrize(
    ('identity', 'scope'),
    [
        ({'methods': ['password'], 'password': {'user': {'name': 'demo', 'domain': {'id': 'default'}, 'password': 'wrong'}}}, None),
        ({'methods': ['password'], 'password': {'user': {'name': 'nobody', 'domain': {'id': 'default'}, 'password': 'wrong'}}}, None),
        ({'methods': ['password'], 'password': {'user': {'name': 'demo', 'domain': {'id': 'nowhere'}, 'password': 'demo-secret'}}}, None),
        ({'methods': ['password'], 'password': {'user': {'name': 'demo', 'password': 'demo-secret'}}}, None),
        ({'methods': ['password'], 'password': {'user': {'id': 'f' * 32, 'password': 'demo-secret'}}}, None),
        (PASSWORD, {'project': {'name': 'admin', 'domain': {'id': 'default'}}}),
        (PASSWORD, {'project': {'id': 'f' * 32}}),
        (PASSWORD, {'domain': {'id': 'default'}}),
        (PASSWORD, {'system': {'all': True}}),
    ],
)
def test_a_refusal_does_not_tell_what_was_wrong(admin, identity, scope):
    answer = ask(admin, identity, scope)
    assert answer.status_code == 401
    assert answer.json() == {
        'error': {'code': 401, 'message': 'The request you have made requires authentication.', 'title': 'Unauthorized'}
    }
    assert answer.headers['WWW-Authenticate'] == f'Keystone uri="{admin.url}/v3"'


@pytest.mark.parametrize(
    ('auth', 'status'),
    [
        ({}, 400),
        ({'auth': {}}, 400),
        ({'auth': {'identity': {}}}, 400),
        ({'auth': {'identity': {'methods': 'password'}}}, 400),
        ({'auth': {'identity': {'methods': ['password']}}}, 400),
        ({'auth': {'identity': {'methods': ['password'], 'password': {}}}}, 400),
        ({'auth': {'identity': {'methods': ['password'], 'password': {'user': {'password': 'x'}}}}}, 400),
        ({'auth': {'identity': {'methods': ['password'], 'password': {'user': {'id': 1, 'password': 'x'}}}}}, 400),
        ({'auth': {'identity': {'methods': []}}}, 401),
        ({'auth': {'identity': {'methods': ['magic'], 'magic': {}}}}, 401),
        ({'auth': {'identity': PASSWORD, 'scope': {**DEMO, 'domain': {'id': 'default'}}}}, 400),
        ({'auth': {'identity': PASSWORD, 'scope': {'project': {}}}}, 400),
        ({'auth': {'identity': PASSWORD, 'scope': 'all'}}, 400),
    ],
)
def test_malformed_requests(admin, auth, status):
    answer = admin.session.post(f'{admin.url}/v3/auth/tokens', json=auth, authenticated=False, raise_exc=False)
    assert answer.status_code == status, answer.text
    assert set(answer.json()['error']) == {'code', 'message', 'title'}


def test_a_password_is_never_repeated(admin):
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': {'name': 'x', 'password': ['canary-7521']}}}}}
    answer = admin.session.post(f'{admin.url}/v3/auth/tokens', json=body, authenticated=False, raise_exc=False)
    assert answer.status_code == 400 and 'canary' not in answer.text


def test_looking_at_tokens(admin, demo):
    mine = demo('GET', '/v3/auth/tokens', X_Subject_Token=demo.token)
    assert mine.status_code == 200 and mine.json()['token']['user']['name'] == 'demo'
    assert mine.headers['X-Subject-Token'] == demo.token
    assert admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=demo.token) == mine.json()
    assert demo('GET', '/v3/auth/tokens', X_Subject_Token=admin.token).status_code == 403
    assert 'catalog' not in admin.ok('GET', '/v3/auth/tokens?nocatalog', X_Subject_Token=demo.token)['token']
    head = admin('HEAD', '/v3/auth/tokens', X_Subject_Token=demo.token)
    assert head.status_code == 200 and head.content == b''
    assert admin('GET', '/v3/auth/tokens', X_Subject_Token='gAAAAnonsense').status_code == 404
    assert admin('HEAD', '/v3/auth/tokens', X_Subject_Token='pl1.nonsense').status_code == 404
    assert admin('GET', '/v3/auth/tokens').status_code == 400
    assert admin('GET', '/v3/users', token='pl1.nonsense').status_code == 401
    assert admin('GET', '/v3/users', token='').status_code == 401


def test_a_token_can_be_exchanged_for_one_with_another_scope(cloud, admin):
    unscoped = cloud.session('admin', ADMIN_PASSWORD, unscoped=True)
    first = unscoped.auth.get_access(unscoped)
    auth = v3.Token(f'{cloud.url}/v3', unscoped.get_token(), project_name='admin', project_domain_id='default')
    second = auth.get_access(unscoped)
    assert second.project_name == 'admin' and 'admin' in second.role_names
    assert second.expires == first.expires
    assert second._data['token']['methods'] == ['password', 'token']
    assert second._data['token']['audit_ids'][1] == first.audit_id


def test_what_the_token_opens(demo):
    assert [p['name'] for p in demo.ok('GET', '/v3/auth/projects')['projects']] == ['demo']
    assert demo.ok('GET', '/v3/auth/domains')['domains'] == []
    assert demo.ok('GET', '/v3/auth/system')['system'] == []
    catalog = demo.ok('GET', '/v3/auth/catalog')
    assert {service['type'] for service in catalog['catalog']} == {'identity', 'compute', 'volumev3'}
    assert catalog['links']['self'].endswith('/v3/auth/catalog')


def test_a_revoked_token_is_good_for_nothing(cloud, admin):
    mine, other = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default'), cloud.client()
    token = mine.token
    assert mine('DELETE', '/v3/auth/tokens', X_Subject_Token=admin.token).status_code == 403
    mine.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=token, status=204)
    assert other('GET', '/v3/auth/projects', token=token).status_code == 401
    assert other('GET', '/v3/auth/tokens', X_Subject_Token=token).status_code == 404
    assert other('DELETE', '/v3/auth/tokens', X_Subject_Token=token).status_code == 404
    again = ask(admin, {'methods': ['token'], 'token': {'id': token}}, DEMO)
    assert again.status_code == 404


def group(admin, name, *members):
    found = admin.ok('POST', '/v3/groups', {'group': {'name': name, 'domain_id': 'default'}}, 201)['group']['id']
    for member in members:
        admin.ok('PUT', f'/v3/groups/{found}/users/{member}', status=204)
    return found


def disable_user(admin, user):
    admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'enabled': False}})


def delete_user(admin, user):
    admin.ok('DELETE', f'/v3/users/{user["id"]}', status=204)


def reset_password(admin, user):
    admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'password': 'second'}})


def change_password(admin, user):
    body = {'user': {'original_password': 'first', 'password': 'second'}}
    admin.ok('POST', f'/v3/users/{user["id"]}/password', body, 204)


def take_role(admin, user):
    admin.ok('DELETE', f'/v3/projects/{user["project"]}/users/{user["id"]}/roles/{user["role"]}', status=204)


def disable_project(admin, user):
    admin.ok('PATCH', f'/v3/projects/{user["project"]}', {'project': {'enabled': False}})


def delete_project(admin, user):
    admin.ok('DELETE', f'/v3/projects/{user["project"]}', status=204)


def leave_group(admin, user):
    admin.ok('DELETE', f'/v3/groups/{user["group"]}/users/{user["id"]}', status=204)


def delete_group(admin, user):
    admin.ok('DELETE', f'/v3/groups/{user["group"]}', status=204)


@pytest.mark.parametrize(
    'act',
    [disable_user, delete_user, reset_password, change_password, take_role, disable_project, delete_project, leave_group, delete_group],
    ids=lambda act: act.__name__,
)
def test_what_voids_tokens(cloud, admin, user, act):
    user['group'] = group(admin, act.__name__, user['id'])
    token = ask(admin, eve(user), {'project': {'id': user['project']}}).headers['X-Subject-Token']
    bystander = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 200
    assert bystander('GET', '/v3/auth/projects').status_code == 200
    act(admin, user)
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 401
    assert admin('GET', '/v3/auth/tokens', X_Subject_Token=token).status_code == 404
    assert bystander('GET', '/v3/auth/projects', token=bystander.token).status_code == 200
    if act in (reset_password, change_password):
        assert ask(admin, eve(user)).status_code == 401
        assert ask(admin, eve(user, 'second')).status_code == 201
    if act in (disable_user, delete_user):
        assert ask(admin, eve(user)).status_code == 401
    if act in (take_role, disable_project, delete_project):
        assert ask(admin, eve(user), {'project': {'id': user['project']}}).status_code == 401
        assert ask(admin, eve(user)).status_code == 201
    admin('DELETE', f'/v3/groups/{user["group"]}')


def test_the_own_password_needs_the_old_one(admin, user):
    path = f'/v3/users/{user["id"]}/password'
    assert admin('POST', path, {'user': {'original_password': 'wrong', 'password': 'new'}}).status_code == 401
    assert admin('POST', path, {'user': {'password': 'new'}}).status_code == 400
    assert admin('POST', f'/v3/users/{"f" * 32}/password', {'user': {'original_password': 'a', 'password': 'b'}}).status_code == 401
    assert ask(admin, eve(user)).status_code == 201


def test_a_disabled_domain_locks_its_users_and_projects_out(cloud, admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'closing'}}, 201)['domain']['id']
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'eve', 'domain_id': domain, 'password': 'first'}}, 201)['user']
    identity = eve(user)
    token = ask(admin, identity).headers['X-Subject-Token']
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 200
    admin.ok('PATCH', f'/v3/domains/{domain}', {'domain': {'enabled': False}})
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 401
    assert ask(admin, identity).status_code == 401
    admin.ok('DELETE', f'/v3/domains/{domain}', status=204)
    assert admin('GET', f'/v3/users/{user["id"]}').status_code == 404


def test_rotated_keys_leave_tokens_good(cloud, admin, demo):
    before = demo.token
    cloud.service.keys.rotate(3600)
    fresh = cloud.client()
    assert fresh.token[:9] != before[:9]
    assert fresh('GET', '/v3/auth/projects', token=before).status_code == 200


def test_keystoneauth_reports_wrong_passwords(cloud):
    with pytest.raises(exceptions.Unauthorized):
        cloud.session('admin', 'wrong').get_token()
