"""Application credentials: made, used, narrowed, and gone when what they rest on is gone."""

from __future__ import annotations

import datetime
import uuid

import pytest
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common import clock
from tests.functional.identity.conftest import Client


def make(client, name=None, status=201, **values):
    """An application credential of the client's user, as the API answers."""
    body = {'application_credential': {'name': uuid.uuid4().hex if name is None else name, **values}}
    answer = client.ok('POST', f'/v3/users/{user_of(client)}/application_credentials', body, status)
    return answer['application_credential'] if status == 201 else answer


def user_of(client):
    return client.session.get_user_id()


def login(cloud, made, **changes):
    """A client that has logged in with a credential, as keystoneauth does."""
    given = {'application_credential_id': made['id'], 'application_credential_secret': made['secret'], **changes}
    return Client(ks_session.Session(v3.ApplicationCredential(f'{cloud.url}/v3', **given)), cloud.url)


def refused(cloud, made, **changes):
    with pytest.raises(ks_exceptions.Unauthorized):
        login(cloud, made, **changes).session.get_token()
    return True


def role_id(admin, name):
    return admin.ok('GET', f'/v3/roles?name={name}')['roles'][0]['id']


@pytest.fixture
def person(cloud, admin):
    """A fresh user with the role member on a fresh project: its client."""
    name = f'person-{uuid.uuid4().hex[:8]}'
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': 'long-enough'}}, 201)['user']['id']
    project = admin.ok('POST', '/v3/projects', {'project': {'name': name}}, 201)['project']['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{role_id(admin, "member")}', status=204)
    found = cloud.client(name, 'long-enough', project_id=project)
    found.name, found.user_id, found.project_id = name, user, project
    return found


def test_a_credential_logs_in_and_shows_its_secret_once(cloud, person):
    made = make(person, 'robot', description='builds')
    assert len(made['secret']) >= 64 and made['project_id'] == person.project_id and made['unrestricted'] is False
    assert made['expires_at'] is None and {role['name'] for role in made['roles']} == {'member', 'reader'}
    path = f'/v3/users/{person.user_id}/application_credentials'
    shown = person.ok('GET', f'{path}/{made["id"]}')['application_credential']
    assert shown == {key: value for key, value in made.items() if key != 'secret'}
    listed = person.ok('GET', path)
    assert listed['application_credentials'] == [shown] and listed['links']['self'].endswith(path)
    assert person.ok('GET', f'{path}?name=other')['application_credentials'] == []

    robot = login(cloud, made)
    token = robot.ok('GET', '/v3/auth/tokens', X_Subject_Token=robot.token)['token']
    assert token['project']['id'] == person.project_id and token['methods'] == ['application_credential']
    assert token['application_credential'] == {'id': made['id'], 'name': 'robot', 'restricted': True}
    assert {role['name'] for role in token['roles']} == {'member', 'reader'}


def test_a_credential_is_found_by_name_and_user_too(cloud, person):
    made = make(person, 'by-name')
    by_name = {'application_credential_id': None, 'application_credential_name': 'by-name'}
    assert login(cloud, made, **by_name, user_id=person.user_id).token
    assert login(cloud, made, **by_name, username=person.name, user_domain_id='default').token
    assert refused(cloud, made, **by_name, username='demo', user_domain_id='default')
    assert refused(cloud, made, **by_name, username='nobody', user_domain_id='default')


def test_wrong_secrets_ids_and_scopes_are_refused(cloud, person):
    made = make(person, secret='chosen by the user')
    assert made['secret'] == 'chosen by the user' and login(cloud, made).token
    assert refused(cloud, made, application_credential_secret='chosen by the User')
    assert refused(cloud, made, application_credential_id=uuid.uuid4().hex)
    identity = {'methods': ['application_credential'], 'application_credential': {'id': made['id'], 'secret': made['secret']}}
    for scope in ({'project': {'id': person.project_id}}, {'system': {'all': True}}, 'unscoped'):
        assert person('POST', '/v3/auth/tokens', {'auth': {'identity': identity, 'scope': scope}}).status_code == 401
    robot = login(cloud, made)
    again = {'auth': {'identity': {'methods': ['token'], 'token': {'id': robot.token}}}}
    assert person('POST', '/v3/auth/tokens', again).status_code == 403


def test_guessing_secrets_is_slowed_down(cloud, person, no_time_passes):
    made = make(person)
    body = {'methods': ['application_credential'], 'application_credential': {'id': made['id'], 'secret': 'a guess'}}
    limit = 20
    statuses = [person('POST', '/v3/auth/tokens', {'auth': {'identity': body}}, token='').status_code for _ in range(limit + 5)]
    assert statuses == [401] * limit + [429] * 5


def test_names_are_unique_for_a_user(person, demo):
    make(person, 'twice')
    assert make(person, 'twice', status=409)['error']['code'] == 409
    made = make(demo, 'twice')
    demo.ok('DELETE', f'/v3/users/{user_of(demo)}/application_credentials/{made["id"]}', status=204)


def test_bad_input(person):
    for values in (
        {'name': ''},
        {'name': 'x' * 256},
        {'expires_at': '2020-01-01T00:00:00'},
        {'expires_at': 'soon'},
        {'roles': [{}]},
        {'roles': [{'id': uuid.uuid4().hex}]},
        {'roles': [{'name': 'admin'}]},
        {'secret': ''},
        {'unrestricted': 'perhaps'},
        {'access_rules': [{'service': 'image', 'method': 'GET'}]},
        {'access_rules': [{'service': 'image', 'method': 'LOOK', 'path': '/v2/images'}]},
        {'access_rules': [{'service': 'image', 'method': 'GET', 'path': 'v2/images'}]},
    ):
        assert make(person, status=400, **{'name': 'bad', **values})['error']['code'] == 400
    assert make(person, 'bad', status=404, access_rules=[{'id': uuid.uuid4().hex}])['error']['code'] == 404


def test_a_credential_passes_on_the_roles_that_were_chosen(cloud, admin, person):
    reader = role_id(admin, 'reader')
    for wanted in ({'id': reader}, {'name': 'reader'}, {'id': reader, 'name': 'reader'}):
        robot = login(cloud, make(person, roles=[wanted]))
        token = robot.ok('GET', '/v3/auth/tokens', X_Subject_Token=robot.token)['token']
        assert [role['name'] for role in token['roles']] == ['reader']


def test_no_token_outlives_its_credential(cloud, person, monkeypatch):
    ends = clock.now() + datetime.timedelta(seconds=600, microseconds=7)
    made = make(person, expires_at=ends.isoformat())
    assert made['expires_at'] == ends.isoformat()
    robot = login(cloud, made)
    shown = robot.ok('GET', '/v3/auth/tokens', X_Subject_Token=robot.token)['token']
    assert shown['expires_at'] <= f'{ends.isoformat()}Z'
    token = robot.token
    later = clock.timestamp() + 601
    monkeypatch.setattr('common.clock.timestamp', lambda: later)
    monkeypatch.setattr('common.clock.now', lambda: datetime.datetime.fromtimestamp(later, datetime.UTC).replace(tzinfo=None))
    assert person('GET', '/v3/auth/projects', token=token).status_code == 401
    assert refused(cloud, made)


def test_restricted_credentials_make_nothing_that_lasts_and_read_no_secrets(cloud, person):
    path = f'/v3/users/{person.user_id}/application_credentials'
    ec2 = f'/v3/users/{person.user_id}/credentials/OS-EC2'
    kept = make(person)
    key = person.ok('POST', ec2, {'tenant_id': person.project_id}, 201)['credential']['access']
    cert = person.ok('POST', '/v3/credentials', {'credential': {'type': 'cert', 'blob': 'x'}}, 201)['credential']['id']
    trust = {'trustor_user_id': person.user_id, 'trustee_user_id': person.user_id, 'impersonation': False}
    tries = [
        ('POST', path, {'application_credential': {'name': 'more'}}, 201),
        ('DELETE', f'{path}/{kept["id"]}', None, 204),
        ('POST', '/v3/OS-TRUST/trusts', {'trust': trust}, 201),
        ('PUT', f'/v3/OS-OAUTH1/authorize/{uuid.uuid4().hex}', {'roles': [{'name': 'reader'}]}, 404),
        ('POST', ec2, {'tenant_id': person.project_id}, 201),
        ('GET', ec2, None, 200),
        ('GET', f'{ec2}/{key}', None, 200),
        ('GET', f'/v2.0/users/{person.user_id}/credentials/OS-EC2', None, 200),
        ('DELETE', f'{ec2}/{key}', None, 204),
        ('POST', '/v3/credentials', {'credential': {'type': 'cert', 'blob': 'y'}}, 201),
        ('GET', '/v3/credentials', None, 200),
        ('GET', f'/v3/credentials/{cert}', None, 200),
        ('PATCH', f'/v3/credentials/{cert}', {'credential': {'blob': 'z'}}, 200),
        ('DELETE', f'/v3/credentials/{cert}', None, 204),
    ]
    restricted = login(cloud, make(person))
    assert [restricted(*one[:3]).status_code for one in tries] == [403] * len(tries)
    free = login(cloud, make(person, unrestricted=True, roles=[{'name': 'reader'}]))
    assert [free(*one[:3]).status_code for one in tries] == [one[3] for one in tries]
    # What an unrestricted one makes has no more roles than itself.
    assert {role['name'] for role in make(free)['roles']} == {'reader'}
    assert free('POST', path, {'application_credential': {'name': 'up', 'roles': [{'name': 'member'}]}}).status_code == 400


def test_credentials_are_for_projects(cloud, admin):
    system = cloud.client(system_scope='all')
    body = {'application_credential': {'name': 'nowhere'}}
    assert system('POST', f'/v3/users/{user_of(system)}/application_credentials', body).status_code == 400


def test_only_oneself_makes_them_and_strangers_see_nothing(cloud, admin, person, demo):
    made = make(person)
    path = f'/v3/users/{person.user_id}/application_credentials'
    for other, statuses in ((demo, [403, 403, 403]), (admin, [403, 200, 200])):
        body = {'application_credential': {'name': 'planted'}}
        asked = [other('POST', path, body), other('GET', path), other('GET', f'{path}/{made["id"]}')]
        assert [answer.status_code for answer in asked] == statuses
    assert demo('DELETE', f'{path}/{made["id"]}').status_code == 403
    # Not by the own path either.
    assert demo('GET', f'/v3/users/{user_of(demo)}/application_credentials/{made["id"]}').status_code == 404
    assert demo('DELETE', f'/v3/users/{user_of(demo)}/application_credentials/{made["id"]}').status_code == 404
    admin.ok('DELETE', f'{path}/{made["id"]}', status=204)
    assert refused(cloud, made)


def test_a_deleted_credential_takes_its_tokens_along(cloud, person):
    made, other = make(person), make(person)
    robot, remains = login(cloud, made), login(cloud, other)
    token = robot.token
    assert person('GET', '/v3/auth/projects', token=token).status_code == 200 and remains.token
    person.ok('DELETE', f'/v3/users/{person.user_id}/application_credentials/{made["id"]}', status=204)
    assert person('GET', '/v3/auth/projects', token=token).status_code == 401
    assert person('GET', '/v3/auth/projects', token=remains.token).status_code == 200
    assert refused(cloud, made)


def test_a_role_that_is_taken_takes_the_credentials_with_it_along(cloud, admin, person):
    second = admin.ok('POST', '/v3/roles', {'role': {'name': f'second-{person.name}'}}, 201)['role']['id']
    at = f'/v3/projects/{person.project_id}/users/{person.user_id}/roles/{second}'
    assert person.token
    admin.ok('PUT', at, status=204)
    # A role that came after the token counts: it is the user who passes it on.
    both, without = make(person), make(person, roles=[{'name': 'reader'}])
    token = login(cloud, both).token
    admin.ok('DELETE', at, status=204)
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 401
    admin.ok('PUT', at, status=204)
    assert refused(cloud, both)  # it does not come back with the role
    assert login(cloud, without).token
    admin.ok('DELETE', f'/v3/roles/{second}', status=204)
    assert login(cloud, without).token


def test_a_role_through_a_group_counts_while_one_is_in_it(cloud, admin, person):
    group = admin.ok('POST', '/v3/groups', {'group': {'name': f'group-{person.name}'}}, 201)['group']['id']
    admin.ok('PUT', f'/v3/projects/{person.project_id}/groups/{group}/roles/{role_id(admin, "manager")}', status=204)
    admin.ok('PUT', f'/v3/groups/{group}/users/{person.user_id}', status=204)
    manager, member = make(person), make(person, roles=[{'name': 'member'}])
    assert login(cloud, manager).token
    admin.ok('DELETE', f'/v3/groups/{group}/users/{person.user_id}', status=204)
    assert refused(cloud, manager) and login(cloud, member).token


@pytest.mark.parametrize('what', ['user disabled', 'user deleted', 'project disabled', 'project deleted'])
def test_what_a_credential_rests_on(cloud, admin, person, what):
    made = make(person)
    token = login(cloud, made).token
    noun, verb = what.split()
    path = f'/v3/{noun}s/{person.user_id if noun == "user" else person.project_id}'
    if verb == 'deleted':
        admin.ok('DELETE', path, status=204)
    else:
        admin.ok('PATCH', path, {noun: {'enabled': False}})
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 401
    assert refused(cloud, made)
    if verb == 'disabled':
        admin.ok('PATCH', path, {noun: {'enabled': True}})
        assert login(cloud, made).token


def test_access_rules_are_kept_and_shared(cloud, person):
    path = f'/v3/users/{person.user_id}/access_rules'
    rules = [
        {'service': 'compute', 'method': 'GET', 'path': '/v2.1/servers/*/ips'},
        {'service': 'image', 'method': 'GET', 'path': '/v2/**'},
    ]
    made = make(person, access_rules=rules)
    assert sorted((rule['service'], rule['method'], rule['path']) for rule in made['access_rules']) == sorted(
        tuple(r.values()) for r in rules
    )
    first = made['access_rules'][0]
    listed = person.ok('GET', path)['access_rules']
    assert {rule['id'] for rule in listed} == {rule['id'] for rule in made['access_rules']}
    assert person.ok('GET', f'{path}?service=image')['access_rules'][0]['path'] == '/v2/**'
    shown = person.ok('GET', f'{path}/{first["id"]}')['access_rule']
    assert {key: shown[key] for key in first} == first

    same = make(person, access_rules=[{'id': first['id']}, {key: first[key] for key in ('service', 'method', 'path')}])
    assert same['access_rules'] == [first] and len(person.ok('GET', path)['access_rules']) == 2
    assert person('DELETE', f'{path}/{first["id"]}').status_code == 403
    for one in (made, same):
        person.ok('DELETE', f'/v3/users/{person.user_id}/application_credentials/{one["id"]}', status=204)
    person.ok('DELETE', f'{path}/{first["id"]}', status=204)
    assert person('GET', f'{path}/{first["id"]}').status_code == 404


def test_identity_keeps_access_rules_too(cloud, person):
    rules = [{'service': 'identity', 'method': 'GET', 'path': '/v3/users/{user}/application_credentials'}]
    robot = login(cloud, make(person, access_rules=rules))
    path = f'/v3/users/{person.user_id}/application_credentials'
    assert robot('GET', path).status_code == 200 and robot('GET', f'{path}/').status_code == 200
    for method, other in (
        ('GET', '/v3/auth/projects'),
        ('HEAD', path),
        ('POST', path),
        ('GET', f'{path}/x'),
        ('GET', f'/v3/users/{person.user_id}'),
    ):
        answer = robot(method, other, {'application_credential': {'name': 'x'}} if method == 'POST' else None)
        assert answer.status_code == 401, (method, other)
    # Any token may be looked at.
    shown = robot.ok('GET', '/v3/auth/tokens', X_Subject_Token=robot.token)['token']['application_credential']['access_rules']
    assert [rule['path'] for rule in shown] == [rules[0]['path']]


def test_no_rules_means_no_limits(cloud, person):
    """As the `openstack` command asks: everything that is not wanted is empty or null."""
    made = make(person, roles=[], access_rules=[], secret=None, description=None, expires_at=None, unrestricted=False)
    assert 'access_rules' not in made and login(cloud, made).ok('GET', '/v3/auth/projects')['projects']


def test_together_with_a_password_the_limits_hold(cloud, person):
    made = make(person, roles=[{'name': 'reader'}], access_rules=[{'service': 'identity', 'method': 'GET', 'path': '/v3/auth/projects'}])
    identity = {
        'methods': ['password', 'application_credential'],
        'password': {'user': {'id': person.user_id, 'password': 'long-enough'}},
        'application_credential': {'id': made['id'], 'secret': made['secret']},
    }
    for methods in (identity['methods'], identity['methods'][::-1]):
        answer = person('POST', '/v3/auth/tokens', {'auth': {'identity': {**identity, 'methods': methods}}}, token='')
        assert answer.status_code == 201 and [role['name'] for role in answer.json()['token']['roles']] == ['reader']
        token = answer.headers['X-Subject-Token']
        assert person('GET', '/v3/auth/projects', token=token).status_code == 200
        assert person('GET', '/v3/auth/domains', token=token).status_code == 401
    other = {**identity, 'password': {'user': {'name': 'demo', 'domain': {'id': 'default'}, 'password': 'demo-secret'}}}
    assert person('POST', '/v3/auth/tokens', {'auth': {'identity': other}}, token='').status_code == 401


def test_rules_on_methods_count(cloud, admin, person):
    made = make(person)

    def options(*rules):
        admin.ok('PATCH', f'/v3/users/{person.user_id}', {'user': {'options': {'multi_factor_auth_rules': list(rules)}}})

    options(['password', 'totp'])
    assert refused(cloud, made)
    # Half of what is needed gives no receipt here: it would not say how the credential is limited.
    options(['application_credential', 'totp'])
    identity = {'methods': ['application_credential'], 'application_credential': {'id': made['id'], 'secret': made['secret']}}
    answer = person('POST', '/v3/auth/tokens', {'auth': {'identity': identity}}, token='')
    assert answer.status_code == 401 and 'Openstack-Auth-Receipt' not in answer.headers
    options(['password', 'totp'], ['application_credential'])
    assert login(cloud, made).token


def test_a_credential_that_is_deleted_while_it_logs_in_opens_nothing(cloud, person, monkeypatch):
    made = make(person)
    check = cloud.service.hasher.check

    def deleted_meanwhile(given, stored):
        person.ok('DELETE', f'/v3/users/{person.user_id}/application_credentials/{made["id"]}', status=204)
        return check(given, stored)

    assert person.token
    monkeypatch.setattr(cloud.service.hasher, 'check', deleted_meanwhile)
    identity = {'methods': ['application_credential'], 'application_credential': {'id': made['id'], 'secret': made['secret']}}
    assert person('POST', '/v3/auth/tokens', {'auth': {'identity': identity}}, token='').status_code == 404


def test_a_user_who_is_disabled_while_logging_in_gets_a_void_token(cloud, admin, person, monkeypatch):
    made = make(person)
    check = cloud.service.hasher.check

    def disabled_meanwhile(given, stored):
        admin.ok('PATCH', f'/v3/users/{person.user_id}', {'user': {'enabled': False}})
        return check(given, stored)

    assert admin.token
    monkeypatch.setattr(cloud.service.hasher, 'check', disabled_meanwhile)
    token = login(cloud, made).session.get_token()
    assert admin('GET', '/v3/auth/projects', token=token).status_code == 401
