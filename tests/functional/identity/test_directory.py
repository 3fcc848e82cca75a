"""A domain whose users live in a real LDAP directory."""

from __future__ import annotations

import hashlib
import signal
import threading
import urllib.parse

import pytest

from common.config import ConfigError, Settings
from common.errors import Unavailable
from identity.conf import LdapOptions
from identity.drivers.directory import Directory
from identity.drivers.routing import RoutedBackend
from tests.functional.cloud import eventually
from tests.functional.identity import slapd
from tests.functional.identity.conftest import start
from tests.ports import free_port

pytestmark = pytest.mark.skipif(slapd.missing() is not None, reason=str(slapd.missing()))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    found = slapd.Slapd(tmp_path_factory.mktemp('slapd'))
    yield found
    found.stop()


def options_of(server, **more):
    return {
        'url': server.url,
        'user': slapd.ROOT,
        'password': slapd.ROOT_PASSWORD,
        'timeout': 60,
        'page_size': 2,
        'user_tree_dn': f'ou=people,{slapd.BASE}',
        'group_tree_dn': f'ou=groups,{slapd.BASE}',
        'user_enabled_attribute': 'employeeType',
        **more,
    }


def write_domain(path, driver, **options):
    lines = ['[identity]', f'driver = {driver}', f'[{driver}]', *(f'{name} = {value}' for name, value in options.items())]
    path.write_text('\n'.join(lines) + '\n')


@pytest.fixture(scope='module')
def cloud(server, tmp_path_factory):
    path = tmp_path_factory.mktemp('domains')
    write_domain(path / 'acme.conf', 'ldap', **options_of(server, use_start_tls=True, tls_ca_file=server.certificate))
    write_domain(path / 'lab.conf', 'ldap', **options_of(server, writable=True))
    (path / 'memory.conf').write_text('[identity]\ndriver = kv\n')
    found = start(
        tmp_path_factory.mktemp('identity'), identity={'domain_config_dir': str(path), 'domain_configurations_from_database': True}
    )
    yield found
    found.runtime.stop()


@pytest.fixture(scope='module')
def domains(cloud):
    admin = cloud.client()
    return {name: admin.ok('POST', '/v3/domains', {'domain': {'name': name}}, 201)['domain']['id'] for name in ('acme', 'lab', 'memory')}


def login(admin, name, password, domain, **scope):
    user = {'id': name, 'password': password} if domain is None else {'name': name, 'password': password, 'domain': {'name': domain}}
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}}, **scope}}
    return admin.session.post(f'{admin.url}/v3/auth/tokens', json=body, authenticated=False, raise_exc=False)


def user_of(admin, domain_id, name):
    (found,) = admin.ok('GET', f'/v3/users?domain_id={domain_id}&name={name}')['users']
    return found


def test_a_password_is_checked_by_the_directory(admin, domains):
    assert login(admin, 'ann', 'ann-secret', 'acme').status_code == 201
    assert login(admin, 'ann', 'wrong', 'acme').status_code == 401
    # A directory takes a login without password for an anonymous one, which proves nothing.
    assert login(admin, 'ann', '', 'acme').status_code == 401
    assert login(admin, 'nobody', 'x', 'acme').json() == login(admin, 'ann', 'x', 'acme').json()


def test_who_is_disabled_there_is_disabled_here(admin, domains):
    assert user_of(admin, domains['acme'], 'bob')['enabled'] is False
    assert login(admin, 'bob', 'bob-secret', 'acme').status_code == 401


def test_names_are_no_filters(admin, domains):
    assert login(admin, '*', 'ann-secret', 'acme').status_code == 401
    assert login(admin, 'ann)(uid=*', 'ann-secret', 'acme').status_code == 401
    assert admin.ok('GET', f'/v3/users?domain_id={domains["acme"]}&name=*')['users'] == []
    assert login(admin, 'Zoë (ops)*', 'zoe-secret', 'acme').status_code == 201


def test_who_does_not_exist_costs_what_a_wrong_password_does(admin, domains, monkeypatch):
    binds = []
    bind = Directory.can_bind
    monkeypatch.setattr(Directory, 'can_bind', lambda self, dn, password: binds.append(dn) or bind(self, dn, password))
    for name in ('ann', 'nobody-here'):
        assert login(admin, name, 'wrong', 'acme').status_code == 401
    assert len(binds) == 2


def test_a_directory_that_checks_no_password_is_no_wrong_password(tmp_path):
    """It asks for TLS, say: users who are told that their passwords are wrong would look for the fault in the wrong place."""
    server = slapd.Slapd(tmp_path, 'security simple_bind=128')
    try:
        directory = Directory(LdapOptions(**options_of(server)))
        with pytest.raises(Unavailable):
            directory.can_bind(f'uid=ann,ou=people,{slapd.BASE}', 'ann-secret')
    finally:
        server.stop()


NASTY = ('Doe, Jane', '#first', ' space ', 'back\\slash', 'a+b=c;d', '"quoted"', '<x>', '*)(uid=*', "o'neil/é", '日本')


@pytest.mark.parametrize('name', NASTY)
def test_names_are_taken_literally_in_a_writable_directory(admin, domains, name):
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': 'p1', 'domain_id': domains['lab']}}, 201)['user']
    group = admin.ok('POST', '/v3/groups', {'group': {'name': f'{name} group', 'domain_id': domains['lab']}}, 201)['group']
    shown = user['name']
    assert admin.ok('GET', f'/v3/users/{user["id"]}')['user']['name'] == shown
    assert user_of(admin, domains['lab'], urllib.parse.quote(shown))['id'] == user['id']
    assert login(admin, shown, 'p1', 'lab').status_code == 201
    assert login(admin, shown, 'p2', 'lab').status_code == 401
    admin.ok('PUT', f'/v3/groups/{group["id"]}/users/{user["id"]}', status=204)
    assert [one['id'] for one in admin.ok('GET', f'/v3/groups/{group["id"]}/users')['users']] == [user['id']]
    assert [one['id'] for one in admin.ok('GET', f'/v3/users/{user["id"]}/groups')['groups']] == [group['id']]
    admin.ok('DELETE', f'/v3/groups/{group["id"]}/users/{user["id"]}', status=204)
    assert admin.ok('GET', f'/v3/groups/{group["id"]}/users')['users'] == []
    admin.ok('DELETE', f'/v3/groups/{group["id"]}', status=204)
    admin.ok('DELETE', f'/v3/users/{user["id"]}', status=204)
    assert login(admin, shown, 'p1', 'lab').status_code == 401


@pytest.mark.parametrize(('name', 'status'), [('\0', 400), ('\ud800', 400), ('x' * 255, 401), ('\x7f\x01', 401)])
def test_strange_names_are_nobody(admin, domains, name, status):
    assert login(admin, name, 'p', 'acme').status_code == status
    assert login(admin, 'ann', name, 'acme').status_code == status


def test_ids_follow_from_domain_and_name_and_are_found_after_a_restart(cloud, admin, domains):
    expected = hashlib.sha256(f'{domains["acme"]}userann'.encode()).hexdigest()
    assert user_of(admin, domains['acme'], 'ann')['id'] == expected
    service = cloud.service
    kept, service.users = service.users, RoutedBackend.make(place_of(cloud))
    try:
        shown = admin.ok('GET', f'/v3/users/{expected}')['user']
        assert (shown['name'], shown['email'], shown['domain_id']) == ('ann', 'a@example.org', domains['acme'])
        assert admin('GET', f'/v3/users/{"f" * 64}').status_code == 404
    finally:
        service.users = kept


def place_of(cloud):
    from identity.drivers.base import BackendPlace

    return BackendPlace('default', cloud.runtime.settings, cloud.service.hasher, lambda work: work())


def test_lists_are_whole_across_pages_and_filters_work(admin, domains):
    listed = admin.ok('GET', f'/v3/users?domain_id={domains["acme"]}')['users']
    assert {user['name'] for user in listed} >= {'ann', 'bob', 'Zoë (ops)*'}
    found = admin.ok('GET', f'/v3/users?domain_id={domains["acme"]}&name__icontains=NN')['users']
    assert [user['name'] for user in found] == ['ann']
    found = admin.ok('GET', f'/v3/users?domain_id={domains["acme"]}&enabled=false')['users']
    assert [user['name'] for user in found] == ['bob']
    everybody = {user['name'] for user in admin.ok('GET', '/v3/users')['users']}
    assert {'admin', 'ann'} <= everybody


def test_roles_of_a_directory_group_hold_for_its_members(admin, domains):
    (group,) = admin.ok('GET', f'/v3/groups?domain_id={domains["acme"]}')['groups']
    assert (group['name'], group['description']) == ('ops', 'Night shift')
    members = admin.ok('GET', f'/v3/groups/{group["id"]}/users')['users']
    assert sorted(user['name'] for user in members) == ['Zoë (ops)*', 'ann']
    ann = user_of(admin, domains['acme'], 'ann')
    assert [one['id'] for one in admin.ok('GET', f'/v3/users/{ann["id"]}/groups')['groups']] == [group['id']]
    project = admin.ok('POST', '/v3/projects', {'project': {'name': 'night', 'domain_id': domains['acme']}}, 201)['project']
    role = admin.ok('GET', '/v3/roles?name=member')['roles'][0]
    admin.ok('PUT', f'/v3/projects/{project["id"]}/groups/{group["id"]}/roles/{role["id"]}', status=204)
    scoped = login(admin, 'ann', 'ann-secret', 'acme', scope={'project': {'id': project['id']}})
    assert scoped.status_code == 201
    assert {one['name'] for one in scoped.json()['token']['roles']} == {'member', 'reader'}
    path = f'/v3/role_assignments?effective&include_names&scope.project.id={project["id"]}'
    assert {one['user']['name'] for one in admin.ok('GET', path)['role_assignments']} >= {'ann', 'Zoë (ops)*'}


def test_a_read_only_directory_cannot_be_changed(admin, domains):
    ann = user_of(admin, domains['acme'], 'ann')
    for method, path, body in (
        ('POST', '/v3/users', {'user': {'name': 'x', 'domain_id': domains['acme']}}),
        ('PATCH', f'/v3/users/{ann["id"]}', {'user': {'password': 'other'}}),
        ('PATCH', f'/v3/users/{ann["id"]}', {'user': {'email': 'x'}}),
        ('DELETE', f'/v3/users/{ann["id"]}', None),
    ):
        assert admin(method, path, body).status_code == 403
    assert login(admin, 'ann', 'ann-secret', 'acme').status_code == 201


def test_a_writable_directory_is_changed_through_the_api(admin, domains):
    body = {'user': {'name': 'Eve, the (new) one', 'domain_id': domains['lab'], 'password': 'first', 'email': 'e@example.org'}}
    eve = admin.ok('POST', '/v3/users', body, 201)['user']
    assert admin('POST', '/v3/users', body).status_code == 409
    assert login(admin, eve['id'], 'first', None).status_code == 201
    assert login(admin, eve['name'], 'first', 'lab').status_code == 201
    assert admin.ok('PATCH', f'/v3/users/{eve["id"]}', {'user': {'email': 'new@example.org'}})['user']['email'] == 'new@example.org'
    admin.ok('PATCH', f'/v3/users/{eve["id"]}', {'user': {'password': 'second'}})
    assert login(admin, eve['id'], 'first', None).status_code == 401
    change = {'user': {'original_password': 'second', 'password': 'third'}}
    assert admin('POST', f'/v3/users/{eve["id"]}/password', change).status_code == 204
    assert login(admin, eve['id'], 'third', None).status_code == 201
    admin.ok('PATCH', f'/v3/users/{eve["id"]}', {'user': {'enabled': False}})
    assert login(admin, eve['id'], 'third', None).status_code == 401
    group = admin.ok('POST', '/v3/groups', {'group': {'name': 'crew', 'domain_id': domains['lab']}}, 201)['group']
    member = f'/v3/groups/{group["id"]}/users/{eve["id"]}'
    assert admin('HEAD', member).status_code == 404
    admin.ok('PUT', member, status=204)
    admin.ok('PUT', member, status=204)
    assert admin('HEAD', member).status_code == 204
    assert [one['id'] for one in admin.ok('GET', f'/v3/groups/{group["id"]}/users')['users']] == [eve['id']]
    admin.ok('DELETE', member, status=204)
    assert admin('DELETE', member).status_code == 404
    admin.ok('PUT', member, status=204)
    admin.ok('DELETE', f'/v3/users/{eve["id"]}', status=204)
    assert admin.ok('GET', f'/v3/groups/{group["id"]}/users')['users'] == []
    admin.ok('DELETE', f'/v3/groups/{group["id"]}', status=204)
    assert admin('GET', f'/v3/users/{eve["id"]}').status_code == 404
    assert login(admin, eve['name'], 'third', 'lab').status_code == 401


def test_a_domain_in_memory(admin, domains):
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'kim', 'domain_id': domains['memory'], 'password': 'one'}}, 201)['user']
    assert login(admin, 'kim', 'one', 'memory').status_code == 201
    assert login(admin, 'kim', 'two', 'memory').status_code == 401
    group = admin.ok('POST', '/v3/groups', {'group': {'name': 'g', 'domain_id': domains['memory']}}, 201)['group']
    admin.ok('PUT', f'/v3/groups/{group["id"]}/users/{user["id"]}', status=204)
    mixed = admin('PUT', f'/v3/groups/{group["id"]}/users/{user_of(admin, domains["acme"], "ann")["id"]}')
    assert mixed.status_code == 403
    admin.ok('DELETE', f'/v3/users/{user["id"]}', status=204)
    assert login(admin, 'kim', 'one', 'memory').status_code == 401


def test_nothing_is_sent_to_a_server_that_cannot_be_trusted(server):
    options = Settings.load(overrides={'ldap': options_of(server, use_start_tls=True)}).get(LdapOptions)
    with pytest.raises(Exception, match='does not answer'):
        Directory(options).can_bind(f'uid=ann,ou=people,{slapd.BASE}', 'ann-secret')


def test_a_directory_that_is_away_takes_nobody_else_with_it(server, admin, domains):
    assert login(admin, 'ann', 'ann-secret', 'acme').status_code == 201
    server.stop()
    try:
        assert login(admin, 'ann', 'ann-secret', 'acme').status_code == 503
        assert login(admin, 'demo', 'demo-secret', 'Default').status_code == 201
    finally:
        server.start()
    assert login(admin, 'ann', 'ann-secret', 'acme').status_code == 201


def test_a_directory_that_hangs_keeps_one_waiting_at_a_time(server):
    """Else so many logins as there are threads would take up the whole API."""
    directory, found = Directory(LdapOptions(**options_of(server, timeout=1))), []

    def ask():
        return directory.search(f'ou=people,{slapd.BASE}', 'sub', '(uid=ann)', ['uid'])

    server.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable) as refusal:
            ask()
        assert 'a moment ago' not in refusal.value.admin_detail
        directory._options = LdapOptions(**options_of(server))  # the next one waits until the server goes on
        somebody = threading.Thread(target=lambda: found.append(ask()))
        somebody.start()
        eventually(directory._asking.locked, what='somebody who waits')
        with pytest.raises(Unavailable) as refusal:
            ask()
        assert 'a moment ago' in refusal.value.admin_detail and not found
    finally:
        server.process.send_signal(signal.SIGCONT)
    somebody.join(60)
    assert len(found) == 1 and [entry.dn for entry in found[0]] == [entry.dn for entry in ask()] == [f'uid=ann,ou=people,{slapd.BASE}']


def test_a_directory_that_is_away_takes_no_other_directory_with_it(server, tmp_path):
    path = tmp_path / 'domains'
    path.mkdir()
    write_domain(path / 'away.conf', 'ldap', **options_of(server, url=f'ldap://127.0.0.1:{free_port()}'))
    write_domain(path / 'there.conf', 'ldap', **options_of(server))
    cloud = start(tmp_path / 'state', identity={'domain_config_dir': str(path)})
    try:
        admin = cloud.client()
        domains = {name: admin.ok('POST', '/v3/domains', {'domain': {'name': name}}, 201)['domain']['id'] for name in ('away', 'there')}
        user = user_of(admin, domains['there'], 'ann')['id']
        project = admin.ok('GET', '/v3/projects?name=demo')['projects'][0]['id']
        member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
        admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{member}', status=204)
        assert login(admin, 'ann', 'ann-secret', 'there', scope={'project': {'id': project}}).status_code == 201
        assert login(admin, user, 'ann-secret', None).status_code == 201
        assert login(admin, 'ann', 'ann-secret', 'away').status_code == 503
        lines = admin.ok('GET', f'/v3/role_assignments?scope.project.id={project}&include_names')['role_assignments']
        assert 'ann' in {line['user']['name'] for line in lines}
        service = cloud.service
        service.users = RoutedBackend.make(place_of(cloud))  # as after a restart: where the user is must be found
        assert login(admin, user, 'ann-secret', None, scope={'project': {'id': project}}).status_code == 201
        assert admin('GET', f'/v3/users/{"f" * 64}').status_code == 503, 'who may be in the one that is away'
        for domain in domains.values():
            admin.ok('PATCH', f'/v3/domains/{domain}', {'domain': {'enabled': False}})
            admin.ok('DELETE', f'/v3/domains/{domain}', status=204)
        assert user not in str(admin.ok('GET', f'/v3/role_assignments?scope.project.id={project}')), 'roles go with the domain'
    finally:
        cloud.runtime.stop(1.0)


def test_a_domain_file_with_a_mistake_stops_the_start(tmp_path):
    (tmp_path / 'acme.conf').write_text('[identity]\ndriver = ldpa\n')
    settings = Settings.load(overrides={'identity': {'domain_config_dir': str(tmp_path)}})
    from identity.drivers.base import BackendPlace
    from identity.passwords import PasswordHasher

    place = BackendPlace('default', settings, PasswordHasher(4), lambda work: work())
    with pytest.raises(ConfigError, match='known: kv, ldap, pam, sql'):
        RoutedBackend.make(place)
    (tmp_path / 'acme.conf').write_text('[identity]\ndriver = ldap\n[ldap]\nurl = ldap://127.0.0.1\n')
    with pytest.raises(ConfigError, match='user_tree_dn'):
        RoutedBackend.make(place)


def test_a_domain_is_given_its_directory_through_the_api(server, admin, monkeypatch):
    monkeypatch.setattr('identity.drivers.routing._LOOK_AGAIN', 0.0)
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'told'}}, 201)['domain']['id']
    assert login(admin, 'ann', 'ann-secret', 'told').status_code == 401
    ldap = {'url': server.url, 'user': slapd.ROOT, 'password': slapd.ROOT_PASSWORD, 'user_tree_dn': f'ou=people,{slapd.BASE}'}
    ldap |= {'user_id_attribute': 'uid', 'user_name_attribute': 'uid'}
    admin.ok('PUT', f'/v3/domains/{domain}/config', {'config': {'identity': {'driver': 'ldap'}, 'ldap': ldap}}, 201)
    assert login(admin, 'ann', 'ann-secret', 'told').status_code == 201
    assert login(admin, 'ann', 'wrong', 'told').status_code == 401
    change = {'config': {'ldap': {'user_filter': '(employeeType=FALSE)'}}}
    admin.ok('PATCH', f'/v3/domains/{domain}/config', change)
    assert [user['name'] for user in admin.ok('GET', f'/v3/users?domain_id={domain}')['users']] == ['bob']
    admin.ok('DELETE', f'/v3/domains/{domain}/config', status=204)
    assert admin.ok('GET', f'/v3/users?domain_id={domain}')['users'] == []
