"""Secrets that users keep: sealed in the database, shown to their owners, gone with user or project."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from common.ids import new_hex_id


@pytest.fixture
def person(cloud, admin):
    """A user with a role on a project: (client, user id, project id)."""
    name = f'p{new_hex_id()[:8]}'
    project = admin.ok('POST', '/v3/projects', {'project': {'name': name, 'domain_id': 'default'}}, 201)['project']['id']
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': 'secret', 'domain_id': 'default'}}, 201)['user']['id']
    member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{member}', status=204)
    yield cloud.client(name, 'secret', project_id=project), user, project
    admin('DELETE', f'/v3/users/{user}')
    admin('DELETE', f'/v3/projects/{project}')


def test_access_keys_come_and_go(cloud, admin, person):
    client, user, project = person
    made = client.ok('POST', f'/v3/users/{user}/credentials/OS-EC2', {'tenant_id': project}, 201)['credential']
    assert (made['user_id'], made['tenant_id']) == (user, project) and made['access'] and made['secret']
    assert client.ok('GET', f'/v3/users/{user}/credentials/OS-EC2')['credentials'] == [made]
    assert client.ok('GET', f'/v3/users/{user}/credentials/OS-EC2/{made["access"]}')['credential'] == made
    kept = client.ok('GET', '/v3/credentials?type=ec2')['credentials']
    assert json.loads(kept[0]['blob'])['secret'] == made['secret']
    with cloud.service.read() as session:
        rows = session.execute(text('SELECT * FROM credentials')).all()
    assert rows and made['secret'] not in str(rows)
    client.ok('DELETE', f'/v3/users/{user}/credentials/OS-EC2/{made["access"]}', status=204)
    assert client('GET', f'/v3/users/{user}/credentials/OS-EC2/{made["access"]}').status_code == 404
    assert client.ok('GET', '/v3/credentials')['credentials'] == []


def test_only_the_blob_changes(admin, person):
    _, user, project = person
    blob = json.dumps({'access': new_hex_id(), 'secret': 's'})
    wanted = {'user_id': user, 'project_id': project, 'type': 'ec2', 'blob': blob}
    made = admin.ok('POST', '/v3/credentials', {'credential': wanted}, 201)['credential']
    path = f'/v3/credentials/{made["id"]}'
    keys = f'/v3/users/{user}/credentials/OS-EC2'
    old, new = json.loads(blob)['access'], new_hex_id()
    other = json.dumps({'access': new, 'secret': 't'})
    changed = admin.ok('PATCH', path, {'credential': {'blob': other}})['credential']
    assert (changed['id'], changed['blob']) == (made['id'], other)
    assert admin.ok('GET', f'{keys}/{new}')['credential']['secret'] == 't'
    assert admin('GET', f'{keys}/{old}').status_code == 404
    assert admin('PATCH', path, {'credential': {'type': 'cert'}}).status_code == 400
    assert admin('POST', '/v3/credentials', {'credential': {**wanted, 'blob': other}}).status_code == 409
    assert admin('POST', '/v3/credentials', {'credential': {**wanted, 'blob': 'x'}}).status_code == 400
    assert admin('POST', '/v3/credentials', {'credential': {**wanted, 'project_id': None}}).status_code == 400
    assert admin('POST', '/v3/credentials', {'credential': {**wanted, 'user_id': 'nobody', 'type': 'cert'}}).status_code == 404
    admin.ok('DELETE', path, status=204)


def test_secrets_of_others_are_unseen(admin, person, cloud):
    client, user, project = person
    theirs = admin.ok('POST', '/v3/credentials', {'credential': {'type': 'cert', 'blob': 'hidden'}}, 201)['credential']
    assert client.ok('GET', '/v3/credentials')['credentials'] == []
    for method in ('GET', 'DELETE'):
        assert client(method, f'/v3/credentials/{theirs["id"]}').status_code == 403
    assert client('PATCH', f'/v3/credentials/{theirs["id"]}', {'credential': {'blob': 'x'}}).status_code == 403
    assert client('POST', '/v3/credentials', {'credential': {'type': 'cert', 'blob': 'x', 'user_id': theirs['user_id']}}).status_code == 403
    assert client('POST', f'/v3/users/{theirs["user_id"]}/credentials/OS-EC2', {'tenant_id': project}).status_code == 403
    assert admin.ok('GET', f'/v3/credentials/{theirs["id"]}')['credential']['blob'] == 'hidden'
    admin.ok('DELETE', f'/v3/credentials/{theirs["id"]}', status=204)


def test_they_go_with_the_user(admin, person):
    client, user, project = person
    client.ok('POST', f'/v3/users/{user}/credentials/OS-EC2', {'tenant_id': project}, 201)
    admin.ok('DELETE', f'/v3/users/{user}', status=204)
    assert admin.ok('GET', f'/v3/credentials?user_id={user}')['credentials'] == []


def test_rules_on_several_methods_are_kept(cloud, admin, person):
    client, user, project = person
    rules = {'multi_factor_auth_enabled': True, 'multi_factor_auth_rules': [['password', 'totp']]}
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'options': rules}})
    identity = {'methods': ['password'], 'password': {'user': {'id': user, 'password': 'secret'}}}
    body = {'auth': {'identity': identity, 'scope': {'project': {'id': project}}}}
    assert admin('POST', '/v3/auth/tokens', body).status_code == 401
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'options': {'multi_factor_auth_enabled': False}}})
    assert admin('POST', '/v3/auth/tokens', body).status_code == 201
    admin.ok(
        'PATCH', f'/v3/users/{user}', {'user': {'options': {**rules, 'multi_factor_auth_rules': [['password', 'totp'], ['password']]}}}
    )
    assert admin('POST', '/v3/auth/tokens', body).status_code == 201
