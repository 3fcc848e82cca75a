"""What somebody who means harm would try: to guess without being slowed down, to get more than was passed on, to be honoured twice, to upset."""

from __future__ import annotations

import base64
import json
import time
import uuid
from types import SimpleNamespace

import pytest
import requests
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common.ids import new_hex_id
from identity.one_time_passwords import code
from tests.functional.identity.conftest import Client
from tests.functional.identity.test_application_credentials import login, make, role_id
from tests.functional.identity.test_ec2tokens import version_4
from tests.functional.identity.test_oauth1 import BASE, Program

TRUSTS = '/v3/OS-TRUST/trusts'


def person_of(cloud, admin, *roles, project=None):
    """A fresh user with roles on a project, which is made unless it is given: its client."""
    name = f'a{new_hex_id()}'
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
    project = project or new_project(admin)
    for role in roles:
        give(admin, user, project, role)
    found = cloud.client(name, name, project_id=project)
    found.name, found.user_id, found.project_id = name, user, project
    return found


def new_project(admin):
    return admin.ok('POST', '/v3/projects', {'project': {'name': new_hex_id()}}, 201)['project']['id']


def give(admin, user, project, role, method='PUT'):
    admin.ok(method, f'/v3/projects/{project}/users/{user}/roles/{role_id(admin, role)}', status=204)


@pytest.fixture
def person(cloud, admin):
    return person_of(cloud, admin, 'member')


def prove(cloud, method, proof, **headers):
    """The status of a login."""
    body = {'auth': {'identity': {'methods': [method], method: proof}}}
    return requests.post(f'{cloud.url}/v3/auth/tokens', json=body, headers=headers, timeout=60).status_code


def trust_body(trustor, trustee, *roles, **values):
    """The body that asks for a trust in the trustor's project."""
    people = {'trustor_user_id': trustor.user_id, 'trustee_user_id': trustee.user_id, 'impersonation': True}
    return {'trust': {**people, 'project_id': trustor.project_id, 'roles': [{'name': role} for role in roles], **values}}


# Guessing


@pytest.mark.parametrize('method', ['password', 'totp', 'application_credential'])
def test_nonsense_beside_a_guess_does_not_make_it_another_name(cloud, person, no_time_passes, method):
    def guess(number):
        nonsense = {key: f'{key}{number}' for key in ('name', 'access', 'oauth_token')}
        if method == 'application_credential':
            return prove(cloud, method, {**nonsense, 'id': of, 'secret': 'wrong', 'user': {'id': f'u{number}', 'name': f'n{number}'}})
        secret = {'password': 'wrong', 'passcode': '000000'}
        return prove(cloud, method, {'id': f'i{number}', **nonsense, 'user': {'id': person.user_id, 'name': f'n{number}', **secret}})

    of = make(person, secret='short')['id'] if method == 'application_credential' else None
    answers = [guess(number) for number in range(25)]
    assert answers[0] == 401 and answers[-1] == 429


def test_a_seed_that_was_given_twice_shows_a_code_that_is_good_once(cloud, person):
    seed = base64.b32encode(b'the same seed').decode()
    for _ in range(2):
        person.ok('POST', '/v3/credentials', {'credential': {'type': 'totp', 'blob': seed}}, 201)
    shown = {'user': {'id': person.user_id, 'passcode': code(b'the same seed', int(time.time()) // 30)}}
    assert [prove(cloud, 'totp', shown) for _ in range(3)] == [201, 401, 401]


# Getting more than was passed on


@pytest.fixture
def narrow(cloud, admin, person):
    """A program with an application credential that may all, but only with the role reader; and another project of its user."""
    elsewhere = new_project(admin)
    give(admin, person.user_id, elsewhere, 'member')
    made = make(person, unrestricted=True, roles=[{'name': 'reader'}])
    free = login(cloud, made)
    free.user_id, free.project_id = person.user_id, person.project_id
    return SimpleNamespace(client=free, elsewhere=elsewhere, made=made)


def test_a_credential_makes_no_trust_with_more_than_it_has(narrow):
    client = narrow.client
    for body in (trust_body(client, client, 'member'), trust_body(client, client, 'reader', project_id=narrow.elsewhere)):
        assert client('POST', TRUSTS, body).status_code == 404
    made = client.ok('POST', TRUSTS, trust_body(client, client, 'reader'), 201)['trust']
    assert [role['name'] for role in made['roles']] == ['reader']


def test_a_credential_allows_no_program_more_than_it_has(cloud, admin, narrow):
    made = admin.ok('POST', f'{BASE}/consumers', {'consumer': {}}, 201)['consumer']
    program = Program(cloud, made['id'], made['secret'])
    for project, role, status in (
        (narrow.client.project_id, 'member', 401),
        (narrow.elsewhere, 'reader', 401),
        (narrow.client.project_id, 'reader', 200),
    ):
        body = {'roles': [{'name': role}]}
        assert narrow.client('PUT', f'{BASE}/authorize/{program.ask(project).id}', body).status_code == status


def test_an_access_key_is_no_more_than_the_credential_it_was_made_with(cloud, person, narrow):
    client, nova = narrow.client, cloud.client('compute', 's' * 40, project_name='service', project_domain_name='Default')
    keys = f'/v3/users/{person.user_id}/credentials/OS-EC2'
    for values in ({'tenant_id': narrow.elsewhere}, {'tenant_id': 'nowhere'}):
        assert client('POST', keys, values).status_code == 403
    mine = {'access': new_hex_id(), 'secret': new_hex_id()}
    wanted = {'type': 'ec2', 'project_id': client.project_id, 'blob': json.dumps({**mine, 'app_cred_id': make(person)['id']})}
    client.ok('POST', '/v3/credentials', {'credential': wanted}, 201)
    for key in (client.ok('POST', keys, {'tenant_id': client.project_id}, 201)['credential'], mine):
        token = nova.ok('POST', '/v3/ec2tokens', {'credentials': version_4(key)})['token']
        assert [role['name'] for role in token['roles']] == ['reader']
        assert token['application_credential']['id'] == narrow.made['id'] and token['project']['id'] == client.project_id
    person.ok('DELETE', f'/v3/users/{person.user_id}/application_credentials/{narrow.made["id"]}', status=204)
    assert nova('POST', '/v3/ec2tokens', {'credentials': version_4(mine)}).status_code == 401


def test_a_trustee_deletes_nothing_of_the_trustor(cloud, admin, person):
    rule = {'service': 'compute', 'method': 'GET', 'path': f'/v2.1/{uuid.uuid4().hex}'}
    made = make(person, access_rules=[rule])
    kept = f'/v3/users/{person.user_id}/access_rules/{made["access_rules"][0]["id"]}'
    person.ok('DELETE', f'/v3/users/{person.user_id}/application_credentials/{made["id"]}', status=204)
    trustee = person_of(cloud, admin)
    trust = person.ok('POST', TRUSTS, trust_body(person, trustee, 'member'), 201)['trust']
    acting = cloud.client(trustee.name, trustee.name, trust_id=trust['id'])
    assert acting.session.get_user_id() == person.user_id
    assert acting('DELETE', kept).status_code == 403
    assert person('DELETE', kept).status_code == 204


def test_a_receipt_does_not_prolong_a_token(cloud, admin, person):
    """A token counts as the methods behind it, but the new one ends with it: so it is shown together with the rest."""
    seed = base64.b32encode(b'of the device').decode()
    person.ok('POST', '/v3/credentials', {'credential': {'type': 'totp', 'blob': seed}}, 201)
    token = person.token
    options = {'multi_factor_auth_enabled': True, 'multi_factor_auth_rules': [['password', 'totp']]}
    admin.ok('PATCH', f'/v3/users/{person.user_id}', {'user': {'options': options}})
    body = {'auth': {'identity': {'methods': ['token'], 'token': {'id': token}}}}
    answer = requests.post(f'{cloud.url}/v3/auth/tokens', json=body, timeout=60)
    assert answer.status_code == 401 and 'Openstack-Auth-Receipt' not in answer.headers
    shown = {'user': {'id': person.user_id, 'passcode': code(b'of the device', int(time.time()) // 30)}}
    body['auth']['identity'] |= {'methods': ['token', 'totp'], 'totp': shown}
    answer = requests.post(f'{cloud.url}/v3/auth/tokens', json=body, timeout=60)
    assert answer.status_code == 201
    before = person.ok('GET', '/v3/auth/tokens', token=token, X_Subject_Token=token)['token']
    assert answer.json()['token']['expires_at'] <= before['expires_at']


# Upsetting the service


@pytest.mark.parametrize(
    'blob',
    ['[' * 50_000, '{"access": "\\ud800", "secret": "x"}', '{"access": "a", "secret": "\\udfff"}', '{"access": ["a"], "secret": "x"}', '7'],
)
def test_access_keys_that_could_never_sign_are_refused(person, blob):
    body = {'credential': {'type': 'ec2', 'project_id': person.project_id, 'blob': blob}}
    assert person('POST', '/v3/credentials', body).status_code == 400


@pytest.mark.parametrize('stamp', ['9' * 400, '-1', '0', '1e9'])
def test_strange_times_of_signed_requests(cloud, admin, person, stamp):
    made = admin.ok('POST', f'{BASE}/consumers', {'consumer': {}}, 201)['consumer']
    program = Program(cloud, made['id'], made['secret'])
    headers = {'Requested-Project-Id': person.project_id}
    assert program.post(f'{BASE}/request_token', headers=headers, callback_uri='oob', timestamp=stamp).status_code == 401


def test_the_admin_of_a_domain_makes_nobody_one_of_the_cloud(cloud, admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': new_hex_id()}}, 201)['domain']['id']
    project = admin.ok('POST', '/v3/projects', {'project': {'name': new_hex_id(), 'domain_id': domain}}, 201)['project']['id']
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'chief', 'password': 'chief', 'domain_id': domain}}, 201)['user']['id']
    admin.ok('PUT', f'/v3/domains/{domain}/users/{user}/roles/{role_id(admin, "admin")}', status=204)
    serves = admin.ok('POST', '/v3/roles', {'role': {'name': new_hex_id()}}, 201)['role']['id']
    admin.ok('PUT', f'/v3/roles/{serves}/implies/{role_id(admin, "service")}', status=201)
    auth = v3.Password(f'{cloud.url}/v3', user_id=user, password='chief', domain_id=domain)
    chief = Client(ks_session.Session(auth), cloud.url)
    for role, statuses in (
        ('admin', (403, 403, 204)),
        ('service', (403, 403, 204)),
        (serves, (403, 403, 204)),
        ('manager', (204, 204, 204)),
    ):
        id_ = role if role == serves else role_id(admin, role)
        tries = (
            f'/v3/projects/{project}/users/{user}/roles/{id_}',
            f'/v3/OS-INHERIT/domains/{domain}/users/{user}/roles/{id_}/inherited_to_projects',
            f'/v3/domains/{domain}/users/{user}/roles/{id_}',
        )
        assert tuple(chief('PUT', path).status_code for path in tries) == statuses, role


def test_who_serves_a_domain_is_no_service_of_the_cloud(cloud, admin, person):
    """The admin of a domain may give any role on it, the role service too. What counts for services counts on projects and the system."""
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': new_hex_id()}}, 201)['domain']['id']
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'chief', 'password': 'chief', 'domain_id': domain}}, 201)['user']['id']
    for role in ('admin', 'service'):
        admin.ok('PUT', f'/v3/domains/{domain}/users/{user}/roles/{role_id(admin, role)}', status=204)
    auth = v3.Password(f'{cloud.url}/v3', user_id=user, password='chief', domain_id=domain)
    chief = Client(ks_session.Session(auth), cloud.url)
    assert chief('GET', '/v3/auth/tokens', X_Subject_Token=person.token).status_code == 403
    # Access rules do not hold where a service goes on for the user: nobody may play the service.
    rules = [{'service': 'identity', 'method': 'GET', 'path': '/v3/auth/projects'}]
    bound = login(cloud, make(person, access_rules=rules))
    path = f'/v3/users/{person.user_id}'
    assert bound('GET', path).status_code == 401
    assert bound('GET', path, X_Service_Token=chief.token).status_code == 401
    nova = cloud.client('compute', 's' * 40, project_name='service', project_domain_name='Default')
    assert bound('GET', path, X_Service_Token=nova.token).status_code == 200


def test_secrets_in_the_query_do_not_reach_the_log(cloud, caplog):
    caplog.set_level('INFO', 'pileus.access')
    query = 'limit=7&oauth_verifier=hush1&X-Amz-Signature=hush2&token=hush3&marker=seen'
    requests.post(f'{cloud.url}{BASE}/access_token?{query}', timeout=60)
    lines = [record.getMessage() for record in caplog.records if record.name == 'pileus.access']
    assert any('limit=7' in line and 'marker=seen' in line for line in lines)
    assert not any('hush' in line for line in lines)
