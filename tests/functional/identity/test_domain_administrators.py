"""What those who run one domain may do to its accounts: everything, but where that would give or take what lies beyond the domain."""

from __future__ import annotations

import dataclasses

import pytest
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common.ids import new_hex_id
from tests.functional.identity.conftest import Client
from tests.functional.identity.test_application_credentials import role_id


@dataclasses.dataclass
class Home:
    """A domain with a project, its admin and its manager."""

    cloud: object
    admin: Client
    domain: str
    project: str
    chief: Client
    manager: Client

    def user(self, **values):
        name = f'u{new_hex_id()}'
        return made(self.admin, 'user', name=name, password=name, domain_id=self.domain, **values)

    def group(self):
        return made(self.admin, 'group', name=new_hex_id(), domain_id=self.domain)

    def give(self, path, role):
        self.admin.ok('PUT', f'/v3/{path}/roles/{role_id(self.admin, role)}', status=204)


def made(admin, kind, **values):
    return admin.ok('POST', f'/v3/{kind}s', {kind: values}, 201)[kind]['id']


@pytest.fixture(scope='module')
def home(cloud):
    admin = cloud.client()
    domain = made(admin, 'domain', name=new_hex_id())
    clients = []
    for role in ('admin', 'manager'):
        user = made(admin, 'user', name=role, password=role, domain_id=domain)
        admin.ok('PUT', f'/v3/domains/{domain}/users/{user}/roles/{role_id(admin, role)}', status=204)
        auth = v3.Password(f'{cloud.url}/v3', user_id=user, password=role, domain_id=domain)
        clients.append(Client(ks_session.Session(auth), cloud.url))
    return Home(cloud, admin, domain, made(admin, 'project', name=new_hex_id(), domain_id=domain), *clients)


@pytest.fixture(scope='module')
def abroad(cloud):
    """A project of another domain."""
    admin = cloud.client()
    return made(admin, 'project', name=new_hex_id(), domain_id=made(admin, 'domain', name=new_hex_id()))


LOCK_OUT = {'disabled': {'enabled': False}, 'described': {'description': 'has left', 'enabled': False}}
TAKE_OVER = {
    'enabled again': {'enabled': True},
    'password': {'password': 'mine now'},
    'options': {'options': {'multi_factor_auth_enabled': False}},
    'name': {'name': 'another name of {user}'},
}


def statuses(client, user, changes):
    def ask(body):
        body = {key: value.format(user=user) if isinstance(value, str) else value for key, value in body.items()}
        return client('PATCH', f'/v3/users/{user}', {'user': body}).status_code

    return {name: ask(body) for name, body in changes.items()}


def all_are(status, changes):
    return dict.fromkeys(changes, status)


@pytest.mark.parametrize('where', ['users/{user}', 'groups/{group}'])
@pytest.mark.parametrize(
    ('place', 'role'),
    [('system', 'reader'), ('projects/{project}', 'admin'), ('projects/{abroad}', 'admin'), ('projects/{project}', 'service')],
)
def test_an_administrator_of_the_cloud_is_none_of_theirs(home, abroad, place, role, where):
    user, group = home.user(), home.group()
    home.admin.ok('PUT', f'/v3/groups/{group}/users/{user}', status=204)
    home.give(f'{place}/{where}'.format(project=home.project, abroad=abroad, user=user, group=group), role)
    home.admin.ok('PATCH', f'/v3/users/{user}', {'user': {'enabled': False}})
    for client in (home.chief, home.manager):
        assert statuses(client, user, LOCK_OUT | TAKE_OVER) == all_are(403, LOCK_OUT | TAKE_OVER)
        assert client('DELETE', f'/v3/users/{user}').status_code == 403
        assert client('GET', f'/v3/users/{user}').status_code == 200
    assert statuses(home.admin, user, LOCK_OUT | TAKE_OVER) == all_are(200, LOCK_OUT | TAKE_OVER)


def test_an_account_with_roles_abroad_is_locked_out_but_not_taken_over(home, abroad):
    user = home.user()
    home.give(f'projects/{abroad}/users/{user}', 'reader')
    for client in (home.chief, home.manager):
        assert statuses(client, user, LOCK_OUT) == all_are(200, LOCK_OUT)
        assert statuses(client, user, TAKE_OVER) == all_are(403, TAKE_OVER)
    home.chief.ok('DELETE', f'/v3/users/{user}', status=204)


def test_a_trust_of_somebody_abroad_reaches_beyond_too(home, abroad):
    trustee, trustor = home.user(), made(home.admin, 'user', name=new_hex_id(), password='p')
    home.give(f'projects/{abroad}/users/{trustor}', 'member')
    auth = v3.Password(f'{home.cloud.url}/v3', user_id=trustor, password='p', project_id=abroad)
    body = {
        'trustor_user_id': trustor,
        'trustee_user_id': trustee,
        'impersonation': True,
        'project_id': abroad,
        'roles': [{'name': 'member'}],
    }
    trust = Client(ks_session.Session(auth), home.cloud.url).ok('POST', '/v3/OS-TRUST/trusts', {'trust': body}, 201)['trust']['id']
    home.chief.ok('PATCH', f'/v3/users/{trustee}', {'user': {'enabled': False}})
    assert statuses(home.chief, trustee, TAKE_OVER) == all_are(403, TAKE_OVER)
    home.admin.ok('DELETE', f'/v3/OS-TRUST/trusts/{trust}', status=204)
    assert statuses(home.chief, trustee, {'password': TAKE_OVER['password']}) == {'password': 200}


def test_a_manager_leaves_the_admin_of_the_domain_alone(home):
    user = home.user()
    home.give(f'domains/{home.domain}/users/{user}', 'admin')
    home.admin.ok('PATCH', f'/v3/users/{user}', {'user': {'enabled': False}})
    assert statuses(home.manager, user, LOCK_OUT | TAKE_OVER) == all_are(403, LOCK_OUT | TAKE_OVER)
    assert home.manager('DELETE', f'/v3/users/{user}').status_code == 403
    assert statuses(home.chief, user, LOCK_OUT | TAKE_OVER) == all_are(200, LOCK_OUT | TAKE_OVER)


def test_the_domain_itself_is_not_theirs_by_another_address(home):
    """A domain can be looked at as a project; it is disabled, renamed and deleted by administrators of the cloud alone all the same."""
    path = f'/v3/projects/{home.domain}'
    for client in (home.chief, home.manager):
        assert client('GET', path).status_code == 200
        for change in ({'enabled': False}, {'name': new_hex_id()}, {'options': {'immutable': True}}, {'description': 'd'}):
            assert client('PATCH', path, {'project': change}).status_code == 403
        assert client('DELETE', path).status_code == 403
        assert client('PUT', f'{path}/tags/t').status_code == 403
    home.admin.ok('PATCH', path, {'project': {'description': 'd'}})


def test_their_own_people_are_theirs(home):
    user, group = home.user(), home.group()
    home.give(f'projects/{home.project}/users/{user}', 'member')
    home.give(f'domains/{home.domain}/groups/{group}', 'manager')
    for client in (home.chief, home.manager):
        client.ok('PUT', f'/v3/groups/{group}/users/{user}', status=204)
        changes = LOCK_OUT | TAKE_OVER
        assert statuses(client, user, changes) == all_are(200, changes)
    home.manager.ok('DELETE', f'/v3/users/{user}', status=204)


@pytest.mark.parametrize(
    ('place', 'role', 'removal'), [('system', 'admin', 403), ('projects/{project}', 'admin', 403), ('projects/{abroad}', 'member', 204)]
)
def test_nobody_gets_into_a_group_that_reaches_beyond(home, abroad, place, role, removal):
    """Membership is a grant: the admin of a domain would become one of the cloud by it."""
    user, group = home.user(), home.group()
    home.give(f'{place}/groups/{group}'.format(project=home.project, abroad=abroad), role)
    assert home.chief('PUT', f'/v3/groups/{group}/users/{user}').status_code == 403
    home.admin.ok('PUT', f'/v3/groups/{group}/users/{user}', status=204)
    assert home.chief('DELETE', f'/v3/groups/{group}/users/{user}').status_code == removal
    assert home.chief('PATCH', f'/v3/groups/{group}', {'group': {'description': 'd'}}).status_code == (403 if removal == 403 else 200)
    assert home.chief('DELETE', f'/v3/groups/{group}').status_code == removal


def test_a_manager_puts_nobody_among_the_admins_of_the_domain(home):
    user, group = home.user(), home.group()
    home.give(f'domains/{home.domain}/groups/{group}', 'admin')
    assert home.manager('PUT', f'/v3/groups/{group}/users/{user}').status_code == 403
    home.chief.ok('PUT', f'/v3/groups/{group}/users/{user}', status=204)
