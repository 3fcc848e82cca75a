"""What domains set for themselves: seen, changed and forgotten piece by piece, and secrets shown to nobody."""

from __future__ import annotations

import pytest

from identity import domain_config
from tests.databases import CHOSEN

DATABASES = CHOSEN
CONFIG = {'identity': {'driver': 'ldap'}, 'ldap': {'url': 'ldap://directory.example:389/', 'user_tree_dn': 'ou=Users,dc=example,dc=org'}}


@pytest.fixture
def path(admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'configured'}}, 201)['domain']['id']
    yield f'/v3/domains/{domain}/config'
    admin.ok('PATCH', f'/v3/domains/{domain}', {'domain': {'enabled': False}})
    # What the domain set goes with it.
    admin.ok('DELETE', f'/v3/domains/{domain}', status=204)


def test_a_configuration_is_made_replaced_and_forgotten(admin, path):
    assert admin('GET', path).status_code == 404
    assert admin.ok('PUT', path, {'config': CONFIG}, 201) == {'config': CONFIG}
    assert admin.ok('GET', path) == {'config': CONFIG}
    assert admin.ok('GET', f'{path}/ldap') == {'config': {'ldap': CONFIG['ldap']}}
    assert admin.ok('GET', f'{path}/ldap/url') == {'config': {'url': CONFIG['ldap']['url']}}
    assert admin('HEAD', f'{path}/ldap/url').status_code == 200
    other = {'identity': {'driver': 'sql', 'list_limit': 7}}
    assert admin.ok('PUT', path, {'config': other}) == {'config': other}
    assert admin('GET', f'{path}/ldap').status_code == 404
    admin.ok('DELETE', path, status=204)
    assert admin('GET', path).status_code == admin('DELETE', path).status_code == 404


def test_parts_are_changed_and_forgotten(admin, path):
    admin.ok('PUT', path, {'config': CONFIG}, 201)
    changed = admin.ok('PATCH', f'{path}/identity', {'config': {'identity': {'driver': 'sql', 'list_limit': 10}}})['config']
    assert changed == {**CONFIG, 'identity': {'driver': 'sql', 'list_limit': 10}}
    changed = admin.ok('PATCH', f'{path}/identity/driver', {'config': {'driver': 'ldap'}})['config']
    assert changed['identity'] == {'driver': 'ldap', 'list_limit': 10}
    assert admin('PATCH', f'{path}/identity/driver', {'config': {'list_limit': 1}}).status_code == 403
    assert admin('PATCH', f'{path}/ldap/suffix', {'config': {'suffix': 'dc=org'}}).status_code == 404
    admin.ok('DELETE', f'{path}/identity/driver', status=204)
    assert admin('GET', f'{path}/identity/driver').status_code == 404
    admin.ok('DELETE', f'{path}/identity', status=204)
    assert admin.ok('GET', path)['config'] == {'ldap': CONFIG['ldap']}


def test_a_secret_is_used_and_never_shown(cloud, admin, path):
    secret = {'ldap': {'url': 'ldap://u:%(password)s@directory.example', 'password': 'hush-hush'}}
    assert 'hush' not in admin('PUT', path, {'config': secret}).text
    assert admin.ok('GET', path) == {'config': {'ldap': {'url': 'ldap://u:%(password)s@directory.example'}}}
    assert admin('GET', f'{path}/ldap/password').status_code == 404
    assert admin('GET', '/v3/domains/config/ldap/password/default').status_code == 403
    with cloud.service.read() as session:
        in_force = domain_config.all_in_force(session)[path.split('/')[3]]
    assert in_force['ldap']['url'] == 'ldap://u:hush-hush@directory.example'
    assert in_force['ldap']['query_scope'] == 'one'


@pytest.mark.parametrize(
    ('config', 'status'),
    [
        ({}, 400),
        ({'nova': {'a': 1}}, 403),
        ({'ldap': {'nonsense': 1}}, 403),
        ({'ldap': {}}, 400),
        ('text', 400),
        ({'ldap': {'url': {}}}, 400),
    ],
)
def test_what_cannot_be_set(admin, path, config, status):
    assert admin('PUT', path, {'config': config}).status_code == status


def test_defaults(admin):
    found = admin.ok('GET', '/v3/domains/config/default')['config']
    assert set(found) == {'identity', 'ldap'}
    assert admin.ok('GET', '/v3/domains/config/identity/default')['config'] == {'identity': {'driver': 'sql', 'list_limit': None}}
    for name, value in found['ldap'].items():
        assert admin.ok('GET', f'/v3/domains/config/ldap/{name}/default')['config'] == {name: value}
    assert admin('GET', '/v3/domains/config/nova/default').status_code == 403


def test_only_administrators_look(demo, admin, path):
    admin.ok('PUT', path, {'config': CONFIG}, 201)
    for method, where in (('GET', path), ('PATCH', path), ('DELETE', path), ('GET', '/v3/domains/config/default')):
        assert demo(method, where, {'config': CONFIG} if method == 'PATCH' else None).status_code == 403


def test_a_domain_that_does_not_exist(admin):
    assert admin('PUT', '/v3/domains/nowhere/config', {'config': CONFIG}).status_code == 404
