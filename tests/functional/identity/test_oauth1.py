"""OAuth 1.0: a program acts for a user who has allowed it, without knowing a password."""

from __future__ import annotations

import dataclasses
import time
import urllib.parse
from types import SimpleNamespace

import pytest
import requests
from keystoneauth1 import exceptions
from keystoneauth1 import session as ks_session
from keystoneauth1.extras.oauth1 import V3OAuth1
from oauthlib import oauth1
from sqlalchemy import text

from common import clock
from common.ids import new_hex_id
from tests.databases import CHOSEN

DATABASES = CHOSEN
BASE = '/v3/OS-OAUTH1'


@dataclasses.dataclass
class Program:
    """A consumer, and the requests that it signs."""

    cloud: object
    id: str
    secret: str

    def signed(self, path, token=None, token_secret=None, url=None, **rest):
        client = oauth1.Client(self.id, self.secret, resource_owner_key=token, resource_owner_secret=token_secret, **rest)
        return client.sign(url or f'{self.cloud.url}{path}', http_method='POST')[1]

    def post(self, path, token=None, token_secret=None, headers=None, **rest):
        signed = self.signed(path, token, token_secret, **rest)
        return requests.post(f'{self.cloud.url}{path}', headers={**signed, **(headers or {})}, timeout=60)

    def ask(self, project, **rest):
        answer = self.post(f'{BASE}/request_token', headers={'Requested-Project-Id': project}, **{'callback_uri': 'oob', **rest})
        return issued(answer)

    def change(self, asked, verifier, **rest):
        return self.post(f'{BASE}/access_token', asked.id, asked.secret, verifier=verifier, **rest)

    def login(self, access, **scope):
        auth = V3OAuth1(f'{self.cloud.url}/v3', self.id, self.secret, access.id, access.secret, **scope)
        token = ks_session.Session(auth).get_token()
        assert token
        return token


def issued(answer):
    assert answer.status_code == 201, answer.text
    assert answer.headers['Content-Type'].startswith('application/x-www-form-urlencoded')
    given = dict(urllib.parse.parse_qsl(answer.text))
    return SimpleNamespace(id=given['oauth_token'], secret=given['oauth_token_secret'], expires_at=given.get('oauth_expires_at'))


class World:
    def __init__(self, cloud, admin):
        self.cloud, self.admin = cloud, admin
        self.roles = {role['name']: role['id'] for role in admin.ok('GET', '/v3/roles')['roles']}
        self.project = admin.ok('POST', '/v3/projects', {'project': {'name': f'p{new_hex_id()}'}}, 201)['project']['id']

    def program(self, **values):
        made = self.admin.ok('POST', f'{BASE}/consumers', {'consumer': {'description': 'of the tests', **values}}, 201)['consumer']
        return Program(self.cloud, made['id'], made['secret'])

    def person(self, *roles):
        name = f'u{new_hex_id()}'
        user = self.admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
        for role in roles:
            self.give(user, role)
        return SimpleNamespace(id=user, client=self.cloud.client(name, name, project_id=self.project))

    def give(self, user, role, method='PUT'):
        self.admin.ok(method, f'/v3/projects/{self.project}/users/{user}/roles/{self.roles[role]}', status=204)

    def allow(self, person, asked, *roles, status=200):
        body = {'roles': [{'id': self.roles[role]} for role in roles]}
        answer = person.client.ok('PUT', f'{BASE}/authorize/{asked.id}', body, status)
        return answer['token']['oauth_verifier'] if status == 200 else None

    def access(self, program, person, *roles):
        asked = program.ask(self.project)
        return issued(program.change(asked, self.allow(person, asked, *roles)))

    def shown(self, token):
        answer = self.admin('GET', '/v3/auth/tokens', X_Subject_Token=token)
        return answer.json()['token'] if answer.status_code == 200 else None


@pytest.fixture(scope='module')
def world(cloud):
    return World(cloud, cloud.client())


@pytest.fixture(scope='module')
def program(world):
    return world.program()


def test_consumers_come_and_go(world):
    admin = world.admin
    made = admin.ok('POST', f'{BASE}/consumers', {'consumer': {'description': 'first', 'colour': 'blue'}}, 201)['consumer']
    assert made['secret'] and made['colour'] == 'blue'
    path = f'{BASE}/consumers/{made["id"]}'
    secret = made.pop('secret')
    assert admin.ok('GET', f'/v3/OS-OAUTH1/consumers/{made["id"]}')['consumer'] == made
    assert made in admin.ok('GET', f'{BASE}/consumers')['consumers']
    changed = admin.ok('PATCH', path, {'consumer': {'description': 'second'}})['consumer']
    assert changed == {**made, 'description': 'second'}
    assert admin('PATCH', path, {'consumer': {'secret': 'chosen'}}).status_code == 400
    with world.cloud.service.read() as session:
        assert secret not in str(session.execute(text('SELECT * FROM oauth_consumers')).all())
    admin.ok('DELETE', path, status=204)
    assert [admin(method, path).status_code for method in ('GET', 'DELETE')] == [404, 404]


def test_consumers_are_for_administrators(world, program):
    person = world.person('member')
    for method, path in (('GET', ''), ('POST', ''), ('GET', f'/{program.id}'), ('PATCH', f'/{program.id}'), ('DELETE', f'/{program.id}')):
        body = {'consumer': {'description': 'x'}} if method in ('POST', 'PATCH') else None
        assert person.client(method, f'{BASE}/consumers{path}', body).status_code == 403


@pytest.mark.parametrize('method', [oauth1.SIGNATURE_HMAC_SHA1, oauth1.SIGNATURE_HMAC_SHA256])
def test_a_program_acts_for_a_user(world, program, method):
    person = world.person('member', 'manager')
    asked = program.ask(world.project, signature_method=method)
    assert asked.expires_at
    verifier = world.allow(person, asked, 'member')
    access = issued(program.change(asked, verifier, signature_method=method))
    shown = world.shown(program.login(access))
    assert shown['user']['id'] == person.id and shown['project']['id'] == world.project and shown['methods'] == ['oauth1']
    assert {role['name'] for role in shown['roles']} == {'member', 'reader'}
    assert shown['OS-OAUTH1'] == {'access_token_id': access.id, 'consumer_id': program.id}
    with world.cloud.service.read() as session:
        assert access.secret not in str(session.execute(text('SELECT * FROM oauth_access_tokens')).all())


def test_no_secret_is_logged(world, caplog):
    caplog.set_level('DEBUG')
    program, person = world.program(), world.person('member')
    asked = program.ask(world.project)
    verifier = world.allow(person, asked, 'member')
    access = issued(program.change(asked, verifier))
    token = program.login(access)
    program.change(asked, verifier)
    ours = [record.getMessage() for record in caplog.records if record.name.split('.')[0] in ('identity', 'common', 'pileus')]
    assert ours and not [
        line for line in ours for secret in (program.secret, asked.secret, verifier, access.secret, token) if secret in line
    ]


def test_a_scope_that_the_client_asks_for_changes_nothing(world, program):
    person = world.person('member')
    access = world.access(program, person, 'reader')
    shown = world.shown(program.login(access, project_name='admin', project_domain_name='Default', include_catalog=False))
    assert shown['project']['id'] == world.project and {role['name'] for role in shown['roles']} == {'reader'}


def test_each_step_is_checked(world, program):
    person, other, stranger = world.person('member'), world.program(), world.person('member')
    project = {'Requested-Project-Id': world.project}
    wrong = Program(world.cloud, program.id, 'wrong')
    for bad in (wrong, Program(world.cloud, new_hex_id(), program.secret)):
        assert bad.post(f'{BASE}/request_token', headers=project, callback_uri='oob').status_code == 401
    assert program.post(f'{BASE}/request_token', callback_uri='oob').status_code == 400
    assert program.post(f'{BASE}/request_token', headers=project, callback_uri='http://elsewhere').status_code == 400
    assert program.post(f'{BASE}/request_token', headers={'Requested-Project-Id': 'none'}, callback_uri='oob').status_code == 404
    asked = program.ask(world.project)
    assert program.change(asked, 'early').status_code == 401
    world.allow(person, asked, 'manager', status=401)
    world.allow(person, asked, status=400)
    world.allow(person, SimpleNamespace(id=new_hex_id()), 'member', status=404)
    verifier = world.allow(person, asked, 'member')
    world.allow(stranger, asked, 'member', status=403)
    assert program.change(asked, 'wrong').status_code == 401
    assert other.change(asked, verifier).status_code == 401
    assert program.change(SimpleNamespace(id=asked.id, secret='wrong'), verifier).status_code == 401
    access = issued(program.change(asked, verifier))
    assert program.change(asked, verifier).status_code == 401  # used up
    for bad in (wrong, other):
        with pytest.raises(exceptions.Unauthorized):
            bad.login(access)
    with pytest.raises(exceptions.Unauthorized):
        program.login(SimpleNamespace(id=access.id, secret='wrong'))
    with pytest.raises(exceptions.Unauthorized):
        program.login(asked)
    assert program.login(access)


def test_a_request_is_honoured_once_and_not_late(world, program):
    person = world.person('member')
    access = world.access(program, person, 'member')
    path, login = '/v3/auth/tokens', {'auth': {'identity': {'methods': ['oauth1'], 'oauth1': {}}}}

    def send(headers):
        return requests.post(f'{world.cloud.url}{path}', json=login, headers=headers, timeout=60).status_code

    signed = program.signed(path, access.id, access.secret)
    assert [send(signed), send(signed)] == [201, 401]
    for off in (-700, 700):
        assert send(program.signed(path, access.id, access.secret, timestamp=str(int(time.time()) + off))) == 401
    assert send(program.signed(path, access.id, access.secret, url=f'{world.cloud.url}/v3/auth/other')) == 401
    good = program.signed(path, access.id, access.secret)['Authorization']
    for bad in ('', 'OAuth', good.replace('HMAC-SHA1', 'PLAINTEXT'), good.replace('oauth_nonce', 'oauth_none'), f'{good}, x', f'{good}, realm="x", realm="y"',
                good.replace(access.id, '%00'), good.replace('Basic', 'OAuth').replace('OAuth', 'Basic', 1)):  # fmt: skip
        assert send({'Authorization': bad}) == 401
    assert send({'Authorization': good.replace('OAuth ', 'OAuth realm="somewhere",')}) == 201
    forged = {**login, 'auth': {'identity': {'methods': ['oauth1'], 'oauth1': {'signed_request': {'token': access.id}}}}}
    assert requests.post(f'{world.cloud.url}{path}', json=forged, timeout=60).status_code == 401


def test_behind_a_proxy_the_public_address_is_signed(world, program, monkeypatch):
    options = dataclasses.replace(world.cloud.service.oauth_options, public_url='https://cloud.example.org/identity/')
    monkeypatch.setattr(world.cloud.service, 'oauth_options', options)
    step, project = f'{BASE}/request_token', {'Requested-Project-Id': world.project}
    signed = {'url': f'https://cloud.example.org/identity{step}', 'callback_uri': 'oob'}
    assert issued(program.post(step, headers=project, **signed)).secret
    assert program.post(step, headers=project, callback_uri='oob').status_code == 401


def test_what_was_allowed_is_listed_and_taken_back(world, program):
    person, stranger = world.person('member'), world.person('member')
    access, kept = world.access(program, person, 'member'), world.access(program, person, 'reader')
    all_of_them = f'/v3/users/{person.id}/OS-OAUTH1/access_tokens'
    path = f'{all_of_them}/{access.id}'
    found = {token['id']: token for token in person.client.ok('GET', all_of_them)['access_tokens']}
    assert set(found) == {access.id, kept.id}
    shown = person.client.ok('GET', path)['access_token']
    assert shown == found[access.id] and shown['expires_at'] == access.expires_at and 'secret' not in str(shown)
    assert (shown['consumer_id'], shown['project_id'], shown['authorizing_user_id']) == (program.id, world.project, person.id)
    roles = person.client.ok('GET', f'{path}/roles')['roles']
    assert [role['name'] for role in roles] == ['member']
    assert person.client.ok('GET', f'{path}/roles/{roles[0]["id"]}')['role']['name'] == 'member'
    assert person.client('GET', f'{path}/roles/{world.roles["admin"]}').status_code == 404
    token, other = program.login(access), program.login(kept)
    for method in ('GET', 'DELETE'):
        assert stranger.client(method, path).status_code == 403
        assert stranger.client(method, path.replace(person.id, stranger.id)).status_code == 404
    assert stranger.client('GET', all_of_them).status_code == 403
    person.client.ok('DELETE', path, status=204)
    assert world.shown(token) is None and world.shown(other)
    with pytest.raises(exceptions.Unauthorized):
        program.login(access)
    assert person.client('GET', path).status_code == 404


def test_tokens_end_with_their_consumer(world):
    program, person = world.program(), world.person('member')
    access = world.access(program, person, 'member')
    token = program.login(access)
    world.admin.ok('DELETE', f'{BASE}/consumers/{program.id}', status=204)
    assert world.shown(token) is None
    with pytest.raises(exceptions.Unauthorized):
        program.login(access)


@pytest.mark.parametrize('event', ['role lost', 'disabled', 'deleted'])
def test_a_permission_is_worth_what_its_user_may(world, program, event):
    person = world.person('member')
    access = world.access(program, person, 'member')
    token = program.login(access)
    if event == 'role lost':
        world.give(person.id, 'reader')
        world.give(person.id, 'member', method='DELETE')
    elif event == 'disabled':
        world.admin.ok('PATCH', f'/v3/users/{person.id}', {'user': {'enabled': False}})
    else:
        world.admin.ok('DELETE', f'/v3/users/{person.id}', status=204)
    assert world.shown(token) is None
    with pytest.raises(exceptions.Unauthorized):
        program.login(access)


def test_what_a_delegated_token_may_not_do(world, program):
    person = world.person('member', 'manager')
    access = world.access(program, person, 'member')
    token = program.login(access)
    identity = {'methods': ['token'], 'token': {'id': token}}
    for scope in ({'project': {'id': world.project}}, 'unscoped'):
        assert world.admin('POST', '/v3/auth/tokens', {'auth': {'identity': identity, 'scope': scope}}).status_code == 403
    asked = program.ask(world.project)
    body = {'roles': [{'id': world.roles['manager']}]}
    assert world.admin('PUT', f'{BASE}/authorize/{asked.id}', body, token=token).status_code == 403
    trust = {'trustor_user_id': person.id, 'trustee_user_id': person.id, 'project_id': world.project, 'impersonation': True}
    trust['roles'] = [{'name': 'manager'}]
    assert world.admin('POST', '/v3/OS-TRUST/trusts', {'trust': trust}, token=token).status_code == 403


def test_what_has_expired_is_refused_and_forgotten(world, program):
    from identity.db.oauth_models import AccessToken, RequestToken, SeenRequest

    person = world.person('member')
    access, asked = world.access(program, person, 'member'), program.ask(world.project)
    shown = world.shown(program.login(access))
    assert shown['expires_at'] <= access.expires_at
    service = world.cloud.service
    with service.db.write() as session:
        session.get(AccessToken, access.id).expires_at = clock.now()
        session.get(RequestToken, asked.id).expires_at = clock.now()
        session.execute(text('UPDATE oauth_seen_requests SET expires_at = :now'), {'now': clock.now()})
    with pytest.raises(exceptions.Unauthorized):
        program.login(access)
    world.allow(person, asked, 'member', status=404)
    service.forget_expired()
    with service.read() as session:
        assert session.get(RequestToken, asked.id) is None and session.get(AccessToken, access.id) is not None
        assert session.query(SeenRequest).count() == 0


def test_guesses_are_counted(world, program, no_time_passes):
    person = world.person('member')
    access = world.access(program, person, 'member')
    wrong = SimpleNamespace(id=access.id, secret='wrong')
    seen = []
    for _ in range(25):
        with pytest.raises(exceptions.HttpError) as refused:
            program.login(wrong)
        seen.append(refused.value.http_status)
    assert seen == [401] * 20 + [429] * 5
