"""How many secrets and permissions a user may have: an account cannot fill the database."""

from __future__ import annotations

import json

import pytest

from common.ids import new_hex_id
from tests.functional.identity.conftest import start
from tests.functional.identity.test_oauth1 import BASE, Program

LIMITS = {
    'credential': {'user_limit': 2},
    'application_credential': {'user_limit': 2, 'access_rule_limit': 2},
    'trust': {'user_limit': 2},
    'oauth1': {'user_limit': 2},
}


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('limits'), **LIMITS)
    yield found
    found.runtime.stop(1.0)


@pytest.fixture
def person(cloud, admin):
    """Somebody new, with a project."""
    name = f'l{new_hex_id()[:8]}'
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
    project = admin.ok('POST', '/v3/projects', {'project': {'name': name}}, 201)['project']['id']
    member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{member}', status=204)
    found = cloud.client(name, name, project_id=project)
    found.user_id, found.project_id = user, project
    return found


def credential(client):
    blob = json.dumps({'access': new_hex_id(), 'secret': new_hex_id()})
    made = client('POST', '/v3/credentials', {'credential': {'type': 'ec2', 'project_id': client.project_id, 'blob': blob}})
    return made, lambda: f'/v3/credentials/{made.json()["credential"]["id"]}'


def access_key(client):
    base = f'/v3/users/{client.user_id}/credentials/OS-EC2'
    made = client('POST', base, {'tenant_id': client.project_id})
    return made, lambda: f'{base}/{made.json()["credential"]["access"]}'


def application_credential(client):
    base = f'/v3/users/{client.user_id}/application_credentials'
    made = client('POST', base, {'application_credential': {'name': new_hex_id()}})
    return made, lambda: f'{base}/{made.json()["application_credential"]["id"]}'


def trust(client):
    body = {'trustor_user_id': client.user_id, 'trustee_user_id': client.user_id, 'impersonation': False}
    made = client('POST', '/v3/OS-TRUST/trusts', {'trust': body})
    return made, lambda: f'/v3/OS-TRUST/trusts/{made.json()["trust"]["id"]}'


@pytest.mark.parametrize('make', [credential, access_key, application_credential, trust])
def test_so_many_and_no_more(person, make):
    first, path = make(person)
    assert [first.status_code, make(person)[0].status_code] == [201, 201]
    refused = make(person)[0]
    assert refused.status_code == 403 and '2 is the most' in refused.json()['error']['message']
    person.ok('DELETE', path(), status=204)
    assert make(person)[0].status_code == 201


def test_access_rules_that_are_there_count_once(person):
    def ask(*paths):
        rules = [{'service': 'compute', 'method': 'GET', 'path': path} for path in paths]
        body = {'name': new_hex_id(), 'access_rules': rules}
        made = person('POST', f'/v3/users/{person.user_id}/application_credentials', {'application_credential': body})
        if made.status_code == 201:
            id_ = made.json()['application_credential']['id']
            person.ok('DELETE', f'/v3/users/{person.user_id}/application_credentials/{id_}', status=204)
        return made

    assert ask('/a', '/b').status_code == 201
    assert ask('/b', '/a').status_code == 201
    refused = ask('/a', '/c')
    assert refused.status_code == 403 and 'access rule' in refused.json()['error']['message']
    rules = person.ok('GET', f'/v3/users/{person.user_id}/access_rules')['access_rules']
    person.ok('DELETE', f'/v3/users/{person.user_id}/access_rules/{rules[0]["id"]}', status=204)
    assert ask('/c').status_code == 201


def test_programs(cloud, admin, person):
    made = admin.ok('POST', f'{BASE}/consumers', {'consumer': {}}, 201)['consumer']
    member = [{'name': 'member'}]
    program = Program(cloud, made['id'], made['secret'])

    def allow():
        asked = program.ask(person.project_id)
        answer = person('PUT', f'{BASE}/authorize/{asked.id}', {'roles': member})
        return answer.status_code, lambda: program.change(asked, answer.json()['token']['oauth_verifier']).status_code

    allowed = [allow() for _ in range(3)]
    assert [status for status, _ in allowed] == [200] * 3
    assert [change() for _, change in allowed] == [201, 201, 403]
    assert allow()[0] == 403
