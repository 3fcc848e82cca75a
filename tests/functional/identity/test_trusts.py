"""Trusts: one user acts with some of another's roles, for as long as all that it rests on stands."""

from __future__ import annotations

import contextlib
import datetime
import threading
from types import SimpleNamespace

import pytest
from keystoneauth1 import exceptions
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common import clock
from common.ids import new_hex_id
from identity.db.trusts import find_trust
from tests.databases import CHOSEN
from tests.functional.identity.conftest import Client

DATABASES = CHOSEN
TRUSTS = '/v3/OS-TRUST/trusts'
SOON = datetime.timedelta(minutes=10)


class World:
    """A project, and people with a password that is their name."""

    def __init__(self, cloud, admin):
        self.cloud, self.admin = cloud, admin
        self.roles = {role['name']: role['id'] for role in admin.ok('GET', '/v3/roles')['roles']}
        self.project = self.make_project()

    def make_project(self):
        return self.admin.ok('POST', '/v3/projects', {'project': {'name': f'p{new_hex_id()}'}}, 201)['project']['id']

    def person(self, *roles, project=None):
        name = f'u{new_hex_id()}'
        user = self.admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
        for role in roles:
            self.give(user, role, project or self.project)
        scope = {'project_id': project or self.project} if roles else {'unscoped': True}
        return SimpleNamespace(id=user, name=name, client=self.cloud.client(name, name, **scope))

    def give(self, user, role, project, method='PUT'):
        self.admin.ok(method, f'/v3/projects/{project}/users/{user}/roles/{self.roles[role]}', status=204)

    def change(self, user, **values):
        self.admin.ok('PATCH', f'/v3/users/{user}', {'user': values})

    def trust(self, trustor, trustee, *roles, client=None, status=201, **values):
        body = {
            'trustor_user_id': trustor.id, 'trustee_user_id': trustee.id, 'project_id': self.project, 'impersonation': False,
            'roles': [{'name': role} for role in roles], **values,
        }  # fmt: skip
        made = (client or trustor.client).ok('POST', TRUSTS, {'trust': body}, status)
        return made.get('trust')

    def login(self, person, trust, **rest):
        """A client with a token of the trust; the token is asked for at once."""
        auth = v3.Password(
            f'{self.cloud.url}/v3', username=person.name, password=person.name, user_domain_name='Default', trust_id=trust['id'], **rest
        )
        client = Client(ks_session.Session(auth), self.cloud.url)
        assert client.token
        return client

    def is_valid(self, token):
        return self.admin('GET', '/v3/auth/tokens', X_Subject_Token=token).status_code == 200

    def shown(self, token):
        return self.admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']


@pytest.fixture(scope='module')
def world(cloud):
    return World(cloud, cloud.client())


def names(roles):
    return {role['name'] for role in roles}


def test_the_trustee_acts_with_the_trustors_roles(world):
    trustor, trustee = world.person('member', 'manager'), world.person()
    trust = world.trust(trustor, trustee, 'member')
    assert names(trust['roles']) == {'member'} and trust['redelegation_count'] == 0 and trust['deleted_at'] is None
    token = world.shown(world.login(trustee, trust).token)
    assert token['user']['id'] == trustee.id and token['project']['id'] == world.project
    assert names(token['roles']) == {'member', 'reader'}  # what the role implies, and not what else the trustor has
    shown = {'id': trust['id'], 'impersonation': False, 'trustor_user': {'id': trustor.id}, 'trustee_user': {'id': trustee.id}}
    assert token['OS-TRUST:trust'] == shown


def test_impersonation_makes_a_token_of_the_trustor(world):
    trustor, trustee = world.person('member'), world.person()
    trust = world.trust(trustor, trustee, 'member', impersonation=True)
    token = world.shown(world.login(trustee, trust).token)
    assert (token['user']['id'], token['user']['name']) == (trustor.id, trustor.name)
    assert token['OS-TRUST:trust']['impersonation'] is True


def test_version_2_knows_trusts(world):
    trustor, trustee = world.person('member'), world.person()
    trust = world.trust(trustor, trustee, 'member')
    body = {'auth': {'passwordCredentials': {'username': trustee.name, 'password': trustee.name}, 'trust_id': trust['id']}}
    shown = world.admin.ok('POST', '/v2.0/tokens', body)['access']
    assert shown['token']['tenant']['id'] == world.project and shown['user']['id'] == trustee.id
    parties = {'trustor_user_id': trustor.id, 'trustee_user_id': trustee.id}
    assert shown['trust'] == {'id': trust['id'], 'impersonation': False, **parties}


def test_a_trust_without_a_project_gives_an_unscoped_token(world):
    trustor, trustee = world.person('member'), world.person()
    trust = world.trust(trustor, trustee, project_id=None, roles=[], impersonation=True)
    token = world.shown(world.login(trustee, trust).token)
    assert token['user']['id'] == trustor.id and 'project' not in token and 'roles' not in token


def test_what_may_not_be_trusted(world):
    trustor, trustee, stranger = world.person('reader'), world.person(), world.person('member')
    world.trust(trustor, trustee, 'member', status=404)  # not a role of the trustor
    world.trust(trustor, trustee, status=403)  # no role
    world.trust(trustor, trustee, 'reader', client=stranger.client, status=403)
    world.trust(trustor, trustee, 'reader', client=world.admin, status=403)
    world.trust(trustor, trustee, 'reader', project_id=None, status=403)
    world.trust(trustor, trustee, 'reader', project_id=new_hex_id(), status=404)
    world.trust(trustor, SimpleNamespace(id=new_hex_id()), 'reader', status=404)
    world.trust(trustor, trustee, 'reader', expires_at='2020-01-01T00:00:00Z', status=400)
    world.trust(trustor, trustee, 'reader', expires_at='bad.123Z', status=400)
    world.trust(trustor, trustee, 'reader', remaining_uses=0, status=400)
    world.trust(trustor, trustee, 'reader', remaining_uses=2, allow_redelegation=True, status=400)
    world.trust(trustor, trustee, 'reader', redelegated_trust_id=new_hex_id(), status=403)


def test_who_sees_a_trust(world):
    trustor, trustee, stranger = world.person('member'), world.person(), world.person('member')
    trust = world.trust(trustor, trustee, 'member')
    path = f'{TRUSTS}/{trust["id"]}'
    for client in (trustor.client, trustee.client, world.admin):
        assert client.ok('GET', path)['trust']['id'] == trust['id']
        assert names(client.ok('GET', f'{path}/roles')['roles']) == {'member'}
    role = f'{path}/roles/{world.roles["member"]}'
    assert trustee.client.ok('GET', role)['role']['name'] == 'member' and trustee.client('HEAD', role).status_code == 200
    assert trustee.client('GET', f'{path}/roles/{world.roles["admin"]}').status_code == 404
    for unseen in (path, f'{TRUSTS}/{new_hex_id()}', role):
        assert stranger.client('GET', unseen).status_code == 403
    assert stranger.client('DELETE', path).status_code == 403 and trustee.client('DELETE', path).status_code == 403

    def listed(client, query=''):
        answer = client('GET', f'{TRUSTS}{query}')
        return {one['id'] for one in answer.json()['trusts']} if answer.status_code == 200 else answer.status_code

    assert trust['id'] in listed(world.admin)
    assert listed(trustor.client) == listed(stranger.client) == 403
    assert listed(trustor.client, f'?trustor_user_id={trustor.id}') == {trust['id']}
    assert listed(trustee.client, f'?trustee_user_id={trustee.id}') == {trust['id']}
    assert listed(trustee.client, f'?trustor_user_id={trustor.id}') == 403
    assert listed(trustee.client, f'?trustee_user_id={trustee.id}&trustor_user_id={trustor.id}') == 403


def test_a_deleted_trust_is_gone_with_its_tokens(world):
    trustor, trustee = world.person('member'), world.person()
    trust = world.trust(trustor, trustee, 'member')
    other = world.trust(trustor, trustee, 'member')
    token, kept = world.login(trustee, trust).token, world.login(trustee, other).token
    trustor.client.ok('DELETE', f'{TRUSTS}/{trust["id"]}', status=204)
    assert not world.is_valid(token) and world.is_valid(kept)
    for method in ('GET', 'DELETE'):
        assert trustor.client(method, f'{TRUSTS}/{trust["id"]}').status_code == 404
    with pytest.raises(exceptions.Unauthorized):
        world.login(trustee, trust)
    assert {one['id'] for one in trustor.client.ok('GET', f'{TRUSTS}?trustor_user_id={trustor.id}')['trusts']} == {other['id']}


def test_only_the_trustee_gets_tokens(world):
    trustor, trustee, stranger = world.person('member'), world.person(), world.person('member')
    trust = world.trust(trustor, trustee, 'member')
    for person in (stranger, trustor):
        with pytest.raises(exceptions.Forbidden):
            world.login(person, trust)
    with pytest.raises(exceptions.Unauthorized):
        world.login(trustee, {'id': new_hex_id()})
    identity = {'methods': ['token'], 'token': {'id': trustee.client.token}}
    answer = world.admin.ok(
        'POST', '/v3/auth/tokens', {'auth': {'identity': identity, 'scope': {'OS-TRUST:trust': {'id': trust['id']}}}}, 201
    )
    assert answer['token']['OS-TRUST:trust']['id'] == trust['id']
    bad = {'auth': {'identity': identity, 'scope': {'OS-TRUST:trust': {'id': trust['id']}, 'project': {'id': world.project}}}}
    assert world.admin('POST', '/v3/auth/tokens', bad).status_code == 400


def test_a_limited_number_of_uses(world):
    trustor, trustee = world.person('member'), world.person()
    trust = world.trust(trustor, trustee, 'member', remaining_uses=3)
    last = []

    def take():
        with contextlib.suppress(exceptions.Unauthorized):
            last.append(world.login(trustee, trust).token)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(last) == 3 and all(world.is_valid(token) for token in last)
    assert trustor.client('GET', f'{TRUSTS}/{trust["id"]}').status_code == 404
    with pytest.raises(exceptions.Forbidden):  # a login that fails costs no use
        world.login(world.person('member'), world.trust(trustor, trustee, 'member', remaining_uses=1))


def test_tokens_end_with_the_trust(world):
    trustor, trustee = world.person('member'), world.person()
    end = (clock.now() + SOON).replace(microsecond=0)
    trust = world.trust(trustor, trustee, 'member', expires_at=clock.iso(end))
    assert trust['expires_at'] == clock.iso(end, micro=True)
    assert world.shown(world.login(trustee, trust).token)['expires_at'] == trust['expires_at']
    with world.cloud.service.db.write() as session:
        find_trust(session, trust['id']).expires_at = clock.now()
    assert trustor.client('GET', f'{TRUSTS}/{trust["id"]}').status_code == 404
    with pytest.raises(exceptions.Unauthorized):
        world.login(trustee, trust)


@pytest.mark.parametrize('impersonation', [True, False])
@pytest.mark.parametrize('event', ['role lost', 'trustor disabled', 'trustor deleted', 'trustee disabled', 'trustee deleted'])
def test_a_trust_ends_with_what_it_rests_on(world, event, impersonation):
    trustor, trustee = world.person('member'), world.person()
    trust = world.trust(trustor, trustee, 'member', impersonation=impersonation)
    token = world.login(trustee, trust).token
    subject = trustor if event.startswith('trustor') else trustee
    if event == 'role lost':
        world.give(trustor.id, 'member', world.project, method='DELETE')
        world.give(trustor.id, 'reader', world.project)
    elif event.endswith('disabled'):
        world.change(subject.id, enabled=False)
    else:
        world.admin.ok('DELETE', f'/v3/users/{subject.id}', status=204)
    assert not world.is_valid(token)
    with pytest.raises((exceptions.Forbidden, exceptions.Unauthorized)):
        world.login(trustee, trust)
    expected = 404 if event.endswith('deleted') else 200
    assert world.admin('GET', f'{TRUSTS}/{trust["id"]}').status_code == expected


@pytest.mark.parametrize('impersonation', [True, False])
def test_it_ends_with_the_group_that_gave_the_role(world, impersonation):
    trustor, trustee = world.person(), world.person()
    group = world.admin.ok('POST', '/v3/groups', {'group': {'name': f'g{new_hex_id()}'}}, 201)['group']['id']
    world.admin.ok('PUT', f'/v3/projects/{world.project}/groups/{group}/roles/{world.roles["member"]}', status=204)
    world.admin.ok('PUT', f'/v3/groups/{group}/users/{trustor.id}', status=204)
    trust = world.trust(trustor, trustee, 'member', impersonation=impersonation)
    token = world.login(trustee, trust).token
    world.admin.ok('DELETE', f'/v3/groups/{group}', status=204)
    assert not world.is_valid(token)
    with pytest.raises(exceptions.Forbidden):
        world.login(trustee, trust)


@pytest.mark.parametrize('impersonation', [True, False])
def test_it_rests_with_the_domain_of_a_user(world, impersonation):
    domain = world.admin.ok('POST', '/v3/domains', {'domain': {'name': f'd{new_hex_id()}'}}, 201)['domain']['id']
    stranger = {'name': 'stranger', 'password': 'secret', 'domain_id': domain}
    trustee = world.admin.ok('POST', '/v3/users', {'user': stranger}, 201)['user']['id']
    trust = world.trust(world.person('member'), SimpleNamespace(id=trustee), 'member', impersonation=impersonation)
    identity = {'methods': ['password'], 'password': {'user': {'id': trustee, 'password': 'secret'}}}
    body = {'auth': {'identity': identity, 'scope': {'OS-TRUST:trust': {'id': trust['id']}}}}
    token = world.admin('POST', '/v3/auth/tokens', body).headers['X-Subject-Token']
    world.admin.ok('PATCH', f'/v3/domains/{domain}', {'domain': {'enabled': False}})
    assert not world.is_valid(token)
    assert world.admin('POST', '/v3/auth/tokens', body).status_code == 401


def test_what_concerns_others_ends_no_trust(world):
    trustor, trustee = world.person('member', 'manager'), world.person()
    token = world.login(trustee, world.trust(trustor, trustee, 'member')).token
    other = world.make_project()
    for person in (trustor, trustee):
        world.give(person.id, 'member', other)
        world.give(person.id, 'member', other, method='DELETE')
    world.change(world.person('member').id, enabled=False)
    assert world.is_valid(token)


def test_it_ends_with_the_project(world):
    project = world.make_project()
    trustor, trustee = world.person('member', project=project), world.person()
    trust = world.trust(trustor, trustee, 'member', project_id=project)
    world.admin.ok('DELETE', f'/v3/projects/{project}', status=204)
    assert world.admin('GET', f'{TRUSTS}/{trust["id"]}').status_code == 404


def test_a_token_of_a_trust_is_not_exchanged(world):
    trustor, trustee = world.person('member'), world.person('member')
    trust = world.trust(trustor, trustee, 'member', impersonation=True)
    client = world.login(trustee, trust)
    identity = {'methods': ['token'], 'token': {'id': client.token}}
    for scope in ({'project': {'id': world.project}}, {'OS-TRUST:trust': {'id': trust['id']}}, 'unscoped'):
        assert world.admin('POST', '/v3/auth/tokens', {'auth': {'identity': identity, 'scope': scope}}).status_code == 403
    world.trust(trustor, trustee, 'member', client=client, status=403)  # not to be passed on
    other = world.trust(trustor, trustee, 'member')
    assert client('DELETE', f'{TRUSTS}/{other["id"]}').status_code == 403
    client.ok('DELETE', f'{TRUSTS}/{trust["id"]}', status=204)  # what was given may be given up


def test_passing_a_trust_on(world):
    first, second, third, fourth = world.person('member', 'manager'), world.person(), world.person(), world.person()
    end = '2099-01-01T00:00:00.000000Z'
    given = world.trust(
        first, second, 'member', 'reader', impersonation=True, allow_redelegation=True, redelegation_count=2, expires_at=end
    )
    assert given['redelegation_count'] == 2
    client = world.login(second, given)

    def passed(client, trustee, *roles, **values):
        return world.trust(first, trustee, *roles, client=client, **{'impersonation': True, 'allow_redelegation': True, **values})

    passed(client, third, 'manager', status=403)
    passed(client, third, 'member', redelegation_count=2, status=403)
    passed(client, third, 'member', expires_at='2099-01-02T00:00:00Z', status=403)
    passed(client, third, 'member', project_id=None, roles=[], status=403)
    on = passed(client, third, 'member')
    assert (on['redelegated_trust_id'], on['redelegation_count'], on['expires_at']) == (given['id'], 1, end)
    further = passed(world.login(third, on), fourth, 'reader')
    assert further['redelegation_count'] == 0
    client = world.login(fourth, further)
    token = world.shown(client.token)
    assert token['user']['id'] == first.id and names(token['roles']) == {'reader'}
    passed(client, second, 'reader', status=403)
    world.change(third.id, enabled=False)
    assert not world.is_valid(client.token)
    with pytest.raises(exceptions.Forbidden):
        world.login(fourth, further)
    world.change(third.id, enabled=True)
    token = world.login(fourth, further).token
    first.client.ok('DELETE', f'{TRUSTS}/{given["id"]}', status=204)
    assert not world.is_valid(token)
    assert world.admin('GET', f'{TRUSTS}/{further["id"]}').status_code == 404


def test_without_impersonation_the_roles_stay_the_first_trustors(world):
    first, second, third = world.person('member'), world.person(), world.person()
    given = world.trust(first, second, 'member', allow_redelegation=True)
    assert given['redelegation_count'] == 3
    client = world.login(second, given)
    world.trust(second, third, 'member', client=client, impersonation=True, status=403)
    on = world.trust(second, third, 'member', client=client)
    token = world.login(third, on).token
    assert world.shown(token)['user']['id'] == third.id
    world.give(first.id, 'member', world.project, method='DELETE')
    assert not world.is_valid(token)
    with pytest.raises(exceptions.Forbidden):
        world.login(third, on)


def test_what_is_over_is_forgotten(world):
    trustor, trustee = world.person('member'), world.person()
    old, new = world.trust(trustor, trustee, 'member'), world.trust(trustor, trustee, 'member')
    for trust in (old, new):
        trustor.client.ok('DELETE', f'{TRUSTS}/{trust["id"]}', status=204)
    with world.cloud.service.db.write() as session:
        find_trust(session, old['id']).deleted_at = clock.now() - 20 * SOON
    world.cloud.service.forget_expired()
    with world.cloud.service.read() as session:
        assert find_trust(session, old['id']) is None and find_trust(session, new['id']) is not None
