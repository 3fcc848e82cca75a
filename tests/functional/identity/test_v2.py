"""Version 2.0: what older tools and tutorials do, over HTTP, on both ports."""

from __future__ import annotations

import itertools
import socket

import pytest
from keystoneauth1 import discover, exceptions
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import generic, v2

from tests.functional.identity.conftest import ADMIN_PASSWORD, Client, free_port, start

_COUNT = itertools.count()


@pytest.fixture(scope='module')
def admin_port():
    return free_port()


@pytest.fixture(scope='module')
def cloud(tmp_path_factory, admin_port):
    found = start(tmp_path_factory.mktemp('identity'), identity={'admin_port': admin_port})
    yield found
    found.runtime.stop()


def signed_in(url, username, password, **scope):
    return Client(ks_session.Session(v2.Password(f'{url}/v2.0/', username=username, password=password, **scope)), url)


@pytest.fixture
def old_admin(cloud):
    return signed_in(cloud.url, 'admin', ADMIN_PASSWORD, tenant_name='admin')


@pytest.fixture
def old_demo(cloud):
    return signed_in(cloud.url, 'demo', 'demo-secret', tenant_name='demo')


def make(admin, kind, **values):
    values.setdefault('name', f'{kind}{next(_COUNT)}')
    return admin.ok('POST', f'/v2.0/{kind}s', {kind: values})[kind]


def test_what_a_token_shows(cloud, old_demo):
    found = old_demo.session.auth.get_access(old_demo.session)
    assert (found.version, found.username, found.project_name, set(found.role_names)) == ('v2.0', 'demo', 'demo', {'member', 'reader'})
    assert found.expires > found.issued
    catalog = {service['type']: service for service in found.service_catalog.catalog}
    (endpoint,) = catalog['volumev3']['endpoints']
    assert endpoint['publicURL'] == endpoint['adminURL'] == f'http://127.0.0.1:1/v3/{found.project_id}'
    assert endpoint['region'] == 'RegionOne'
    # The token is good for version 3 and every service.
    assert old_demo.ok('GET', '/v3/auth/projects')['projects'][0]['name'] == 'demo'


def test_identity_is_found_under_version_2(cloud, old_admin, admin_port):
    found = old_admin.session.auth.get_access(old_admin.session).service_catalog
    assert found.url_for(service_type='identity', interface='public') == f'{cloud.url}/v2.0'
    assert found.url_for(service_type='identity', interface='admin') == f'http://127.0.0.1:{admin_port}/v2.0'


def test_the_admin_port_serves_the_same_api(cloud, admin_port):
    url = f'http://127.0.0.1:{admin_port}'
    admin = signed_in(url, 'admin', ADMIN_PASSWORD, tenant_name='admin')
    assert {'admin', 'demo'} <= {tenant['name'] for tenant in admin.ok('GET', '/v2.0/tenants')['tenants']}
    assert cloud.client().ok('GET', '/v3/auth/tokens', X_Subject_Token=admin.token)['token']['user']['name'] == 'admin'


def test_from_no_scope_to_a_tenant(cloud):
    unscoped = signed_in(cloud.url, 'admin', ADMIN_PASSWORD)
    found = unscoped.session.auth.get_access(unscoped.session)
    assert (found.project_id, found.service_catalog.catalog) == (None, [])
    # Without a tenant nobody is an administrator: the own tenants.
    (tenant,) = unscoped.ok('GET', '/v2.0/tenants')['tenants']
    assert tenant['name'] == 'admin'
    scoped = ks_session.Session(v2.Token(f'{cloud.url}/v2.0', unscoped.token, tenant_id=tenant['id']))
    assert scoped.get_project_id() == tenant['id']


def test_generic_plugins_without_domains_find_their_way(cloud):
    session = ks_session.Session(generic.Password(cloud.url, username='demo', password='demo-secret', tenant_name='demo'))
    assert session.auth.get_access(session).version == 'v2.0'
    assert {version['id'] for version in discover.Discover(session, cloud.url).raw_version_data(allow_deprecated=True)} == {'v2.0', 'v3.14'}


@pytest.mark.parametrize(
    ('auth', 'status'),
    [
        ({}, 400),
        ({'passwordCredentials': {'password': 'x'}}, 400),
        ({'passwordCredentials': {'username': 'demo'}}, 400),
        ({'passwordCredentials': {'username': 'demo', 'password': 'wrong'}}, 401),
        ({'passwordCredentials': {'username': 'nobody', 'password': 'x'}}, 401),
        ({'passwordCredentials': {'username': 'demo', 'password': 'demo-secret'}, 'tenantName': 'admin'}, 401),
        ({'passwordCredentials': {'username': 'demo', 'password': 'demo-secret'}, 'tenantName': 'demo', 'tenantId': 'x'}, 400),
        ({'token': {'id': 'nonsense'}}, 404),
    ],
)
def test_who_does_not_get_in(cloud, admin, auth, status):
    answer = admin.session.post(f'{cloud.url}/v2.0/tokens', json={'auth': auth}, authenticated=False, raise_exc=False)
    assert answer.status_code == status
    assert answer.json()['error']['code'] == status
    assert set(answer.json()['error']) == {'code', 'message', 'title'}


def test_only_the_default_domain(cloud, admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'elsewhere'}}, 201)['domain']['id']
    body = {'user': {'name': 'far', 'password': 'pw', 'domain_id': domain}}
    user = admin.ok('POST', '/v3/users', body, 201)['user']['id']
    with pytest.raises(exceptions.Unauthorized):
        ks_session.Session(v2.Password(f'{cloud.url}/v2.0', user_id=user, password='pw')).get_token()
    old = signed_in(cloud.url, 'admin', ADMIN_PASSWORD, tenant_name='admin')
    assert old('GET', f'/v2.0/users/{user}').status_code == 404
    assert user not in {one['id'] for one in old.ok('GET', '/v2.0/users')['users']}
    for path in (f'/v2.0/tenants/{domain}', f'/v2.0/tenants/{domain}/users'):
        assert old('GET', path).status_code == 404


def test_tokens_are_checked_and_taken_back(old_admin, old_demo):
    token, project = old_demo.token, old_demo.session.get_project_id()
    path = f'/v2.0/tokens/{token}'
    found = old_admin.ok('GET', path)['access']
    assert (found['user']['username'], found['token']['tenant']['id'], found['token']['id']) == ('demo', project, token)
    assert old_admin('HEAD', path).status_code == 200
    assert old_admin('GET', f'{path}?belongsTo={project}').status_code == 200
    assert old_admin('GET', f'{path}?belongsTo=other').status_code == 404
    assert 'compute' in {one['type'] for one in old_admin.ok('GET', f'{path}/endpoints')['endpoints']}
    assert old_demo('GET', f'/v2.0/tokens/{old_admin.token}').status_code == 403
    old_admin.ok('DELETE', path, status=204)
    assert old_admin('GET', path).status_code == 404
    assert old_admin('GET', '/v2.0/tenants', token=token).status_code == 401


def test_tokens_in_addresses_do_not_reach_the_log(old_admin, old_demo, caplog):
    caplog.set_level('INFO', 'pileus.access')
    old_admin.ok('GET', f'/v2.0/tokens/{old_demo.token}')
    lines = [record.getMessage() for record in caplog.records if record.name == 'pileus.access']
    assert any('/v2.0/tokens/' in line for line in lines)
    assert not any(old_demo.token in line for line in lines)


def test_tenants(old_admin, old_demo):
    tenant = make(old_admin, 'tenant', description='d', colour='red')
    path = f'/v2.0/tenants/{tenant["id"]}'
    assert (tenant['enabled'], tenant['description'], tenant['colour']) == (True, 'd', 'red')
    assert old_admin.ok('GET', path)['tenant'] == tenant
    assert old_admin.ok('GET', f'/v2.0/tenants?name={tenant["name"]}')['tenant'] == tenant
    assert old_admin('GET', '/v2.0/tenants?name=nothing').status_code == 404
    changed = old_admin.ok('POST', path, {'tenant': {'id': tenant['id'], 'description': 'new', 'enabled': False}})['tenant']
    assert changed == {**tenant, 'description': 'new', 'enabled': False}
    everything = [one['id'] for one in old_admin.ok('GET', '/v2.0/tenants')['tenants']]
    page = old_admin.ok('GET', f'/v2.0/tenants?limit=1&marker={everything[0]}')
    assert [one['id'] for one in page['tenants']] == [everything[1]]
    assert [one['name'] for one in old_demo.ok('GET', '/v2.0/tenants')['tenants']] == ['demo']
    for method, where in (('POST', '/v2.0/tenants'), ('GET', path), ('DELETE', path)):
        assert old_demo(method, where, {'tenant': {'name': 'x'}} if method == 'POST' else None).status_code == 403
    assert old_admin('POST', '/v2.0/tenants', {'tenant': {'name': tenant['name']}}).status_code == 409
    old_admin.ok('DELETE', path, status=204)
    assert old_admin('GET', path).status_code == 404


def test_users_and_their_roles(cloud, old_admin):
    tenant = make(old_admin, 'tenant')
    user = make(old_admin, 'user', password='first', email='u@example.org', tenantId=tenant['id'])
    assert (user['username'], user['email'], user['tenantId']) == (user['name'], 'u@example.org', tenant['id'])
    path, roles = f'/v2.0/users/{user["id"]}', f'/v2.0/tenants/{tenant["id"]}/users/{user["id"]}/roles'
    assert old_admin.ok('GET', path)['user'] == old_admin.ok('GET', f'/v2.0/users?name={user["name"]}')['user'] == user
    # Who is given a tenant is a member of it.
    assert [role['name'] for role in old_admin.ok('GET', roles)['roles']] == ['member']
    assert [one['id'] for one in old_admin.ok('GET', f'/v2.0/tenants/{tenant["id"]}/users')['users']] == [user['id']]
    role = old_admin.ok('POST', '/v2.0/OS-KSADM/roles', {'role': {'name': f'r{next(_COUNT)}'}})['role']
    assert old_admin.ok('GET', f'/v2.0/OS-KSADM/roles/{role["id"]}')['role'] == role
    assert old_admin.ok('PUT', f'{roles}/OS-KSADM/{role["id"]}')['role'] == role
    found = signed_in(cloud.url, user['name'], 'first', tenant_id=tenant['id'])
    assert role['name'] in found.session.auth.get_access(found.session).role_names
    old_admin.ok('DELETE', f'{roles}/OS-KSADM/{role["id"]}', status=204)
    assert old_admin('DELETE', f'{roles}/OS-KSADM/{role["id"]}').status_code == 404
    old_admin.ok('DELETE', f'/v2.0/OS-KSADM/roles/{role["id"]}', status=204)
    assert role['id'] not in {one['id'] for one in old_admin.ok('GET', '/v2.0/OS-KSADM/roles')['roles']}
    assert old_admin('GET', f'{path}/roles').status_code == 501
    old_admin.ok('DELETE', path, status=204)
    assert old_admin('GET', path).status_code == 404


def test_users_are_changed(cloud, old_admin):
    user = make(old_admin, 'user', password='first')
    path = f'/v2.0/users/{user["id"]}'
    changed = old_admin.ok('PUT', path, {'user': {'id': user['id'], 'email': 'new@example.org'}})['user']
    assert changed == {**user, 'email': 'new@example.org'}
    old_admin.ok('PUT', f'{path}/OS-KSADM/password', {'user': {'id': user['id'], 'password': 'second'}})
    own = signed_in(cloud.url, user['name'], 'second')
    body = {'user': {'password': 'third', 'original_password': 'second'}}
    fresh = own.ok('PATCH', f'/v2.0/OS-KSCRUD/users/{user["id"]}', body)['access']['token']['id']
    assert own('GET', '/v2.0/tenants', token=fresh).status_code == 200
    assert old_admin('PATCH', f'/v2.0/OS-KSCRUD/users/{user["id"]}', body).status_code == 403
    signed_in(cloud.url, user['name'], 'third').session.get_token()
    old_admin.ok('PUT', f'{path}/OS-KSADM/enabled', {'user': {'id': user['id'], 'enabled': False}})
    with pytest.raises(exceptions.Unauthorized):
        signed_in(cloud.url, user['name'], 'third').session.get_token()
    tenant = make(old_admin, 'tenant')
    assert old_admin.ok('PUT', f'{path}/OS-KSADM/tenant', {'user': {'tenantId': tenant['id']}})['user']['tenantId'] == tenant['id']
    assert old_admin('POST', '/v2.0/users', {'user': {'password': 'x'}}).status_code == 400


def test_services_and_endpoints(old_admin, admin):
    body = {'OS-KSADM:service': {'name': 'swift', 'type': 'object-store', 'description': 'd'}}
    service = old_admin.ok('POST', '/v2.0/OS-KSADM/services', body)['OS-KSADM:service']
    assert old_admin.ok('GET', f'/v2.0/OS-KSADM/services/{service["id"]}')['OS-KSADM:service'] == service
    assert service in old_admin.ok('GET', '/v2.0/OS-KSADM/services')['OS-KSADM:services']
    urls = {'publicurl': 'http://a:1/', 'internalurl': 'http://b:1/', 'adminurl': 'http://c:1/'}
    body = {'endpoint': {'region': 'RegionOne', 'service_id': service['id'], **urls}}
    endpoint = old_admin.ok('POST', '/v2.0/endpoints', body)['endpoint']
    assert {name: endpoint[name] for name in urls} == urls
    assert endpoint in old_admin.ok('GET', '/v2.0/endpoints')['endpoints']
    found = admin.ok('GET', f'/v3/endpoints?service_id={service["id"]}')['endpoints']
    assert {one['interface']: one['url'] for one in found} == {'public': 'http://a:1/', 'internal': 'http://b:1/', 'admin': 'http://c:1/'}
    assert old_admin('POST', '/v2.0/endpoints', {'endpoint': {**body['endpoint'], 'publicurl': 'http://$(nonsense)s'}}).status_code == 400
    old_admin.ok('DELETE', f'/v2.0/endpoints/{endpoint["id"]}', status=204)
    assert admin.ok('GET', f'/v3/endpoints?service_id={service["id"]}')['endpoints'] == []
    assert old_admin('DELETE', f'/v2.0/endpoints/{endpoint["id"]}').status_code == 404
    old_admin.ok('DELETE', f'/v2.0/OS-KSADM/services/{service["id"]}', status=204)


def test_the_documents(cloud, admin):
    answer = admin('GET', '/')
    assert answer.status_code == 300
    assert {one['id'] for one in answer.json()['versions']['values']} == {'v3.14', 'v2.0'}
    assert admin.ok('GET', '/v2.0/')['version']['links'][0]['href'] == f'{cloud.url}/v2.0/'
    assert 'OS-KSADM' in {one['alias'] for one in admin.ok('GET', '/v2.0/extensions')['extensions']['values']}
    assert admin.ok('GET', '/v2.0/extensions/OS-KSADM')['extension']['alias'] == 'OS-KSADM'
    assert admin('GET', '/v2.0/extensions/none').status_code == 404


def test_an_admin_port_that_is_taken_keeps_nobody_from_starting(tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        found = start(tmp_path, identity={'admin_port': taken.getsockname()[1]})
        try:
            assert found.client().ok('GET', '/v3/users')['users']
        finally:
            found.runtime.stop()
