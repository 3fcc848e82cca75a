"""python-keystoneclient's version 2.0 against a real identity service; at the end, that it has asked every route of v2.0."""

from __future__ import annotations

import datetime
import warnings
from typing import Any

import pytest
from keystoneauth1 import exceptions as auth_errors
from keystoneauth1 import session as auth_session
from keystoneauth1.identity import v2

from tests.functional.identity.conftest import ADMIN_PASSWORD
from tests.functional.identity.routes_asked import Route, not_asked, routes_of

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    from keystoneclient.contrib.ec2.utils import Ec2Signer
    from keystoneclient.discover import Discover
    from keystoneclient.v2_0.client import Client as Keystone

pytestmark = pytest.mark.usefixtures('asked')


def signed_in(cloud: Any, username: str, password: str, tenant: str) -> Any:
    session = auth_session.Session(v2.Password(f'{cloud.url}/v2.0', username=username, password=password, tenant_name=tenant))
    return Keystone(session=session, interface='public')


@pytest.fixture(scope='module')
def keystone(cloud: Any) -> Any:
    return signed_in(cloud, 'admin', ADMIN_PASSWORD, 'admin')


@pytest.fixture(scope='module')
def demo(cloud: Any) -> Any:
    return signed_in(cloud, 'demo', 'demo-secret', 'demo')


def _ids(found: Any) -> set[str]:
    return {one.id for one in found}


def test_tenants_users_and_roles(cloud: Any, keystone: Any) -> None:
    tenant = keystone.tenants.create('old-tenant', description='of the tests')
    assert tenant.update(description='changed').description == 'changed' == keystone.tenants.get(tenant.id).description
    assert tenant.id in _ids(keystone.tenants.list()) and keystone.tenants.find(name='old-tenant').id == tenant.id
    user = keystone.users.create('old-user', 'first-secret', email='a@example.org')
    assert keystone.users.update(user, email='b@example.org').email == 'b@example.org' == keystone.users.get(user).email
    keystone.users.update_tenant(user, tenant)
    assert keystone.users.get(user).tenantId == tenant.id and user.id in _ids(keystone.users.list())
    role = keystone.roles.create('old-role')
    keystone.roles.add_user_role(user, role, tenant)
    assert role.id in _ids(keystone.roles.roles_for_user(user, tenant)) and keystone.roles.get(role).name == 'old-role'
    with pytest.raises(auth_errors.HttpNotImplemented, match='name one'):
        keystone.roles.roles_for_user(user)
    assert _ids(tenant.list_users()) == {user.id}
    keystone.users.update_password(user, 'second-secret')
    own = signed_in(cloud, 'old-user', 'second-secret', 'old-tenant')
    assert [one.name for one in own.tenants.list()] == ['old-tenant']
    keystone.users.update_enabled(user, False)
    with pytest.raises(auth_errors.Unauthorized):
        signed_in(cloud, 'old-user', 'second-secret', 'old-tenant').session.get_token()
    keystone.users.update_enabled(user, True)
    keystone.roles.remove_user_role(user, role, tenant)
    keystone.roles.delete(role)
    keystone.users.delete(user)
    keystone.tenants.delete(tenant)
    assert not {'old-role'} & {one.name for one in keystone.roles.list()}
    assert tenant.id not in _ids(keystone.tenants.list()) and user.id not in _ids(keystone.users.list())


def test_the_own_password(cloud: Any, keystone: Any) -> None:
    tenant = keystone.tenants.find(name='demo')
    user = keystone.users.create('old-changer', 'first-secret', tenant_id=tenant.id)
    assert user.id in _ids(keystone.users.list(tenant_id=tenant.id))
    own = Keystone(username='old-changer', password='first-secret', tenant_name='demo', auth_url=f'{cloud.url}/v2.0')
    own.users.update_own_password('first-secret', 'second-secret')
    with pytest.raises(auth_errors.Unauthorized):
        signed_in(cloud, 'old-changer', 'first-secret', 'demo').session.get_token()
    assert signed_in(cloud, 'old-changer', 'second-secret', 'demo').session.get_user_id() == user.id
    keystone.users.delete(user)


def test_services_and_endpoints(keystone: Any) -> None:
    service = keystone.services.create('old-weather', 'weather', 'rain or shine')
    assert keystone.services.get(service.id).description == 'rain or shine' and service.id in _ids(keystone.services.list())
    urls = {f'{kind}url': f'http://127.0.0.1:1/{kind}' for kind in ('public', 'internal', 'admin')}
    endpoint = keystone.endpoints.create('RegionOne', service.id, **urls)
    assert {one.publicurl for one in keystone.endpoints.list() if one.id == endpoint.id} == {'http://127.0.0.1:1/public'}
    keystone.endpoints.delete(endpoint.id)
    keystone.services.delete(service.id)
    assert service.id not in _ids(keystone.services.list()) and endpoint.id not in _ids(keystone.endpoints.list())


def test_tokens(cloud: Any, keystone: Any, demo: Any) -> None:
    tenant = keystone.tenants.find(name='demo')
    token = keystone.tokens.authenticate(username='demo', password='demo-secret', tenant_id=tenant.id)
    assert token.tenant['name'] == 'demo' and token.expires
    again = keystone.tokens.authenticate(token=token.id, tenant_name='demo')
    assert again.tenant['id'] == tenant.id
    assert keystone.tokens.validate(token.id).user['name'] == 'demo'
    assert keystone.tokens.validate_access_info(token.id).role_names
    keystone.tokens.delete(token.id)
    with pytest.raises(auth_errors.NotFound):
        keystone.tokens.validate(token.id)


def test_ec2_keys(cloud: Any, demo: Any) -> None:
    user, tenant = demo.session.get_user_id(), demo.session.get_project_id()
    pair = demo.ec2.create(user, tenant)
    assert demo.ec2.get(user, pair.access).secret == pair.secret and [one.access for one in demo.ec2.list(user)] == [pair.access]
    given = {'access': pair.access, 'host': 'ec2.example:8773', 'verb': 'GET', 'path': '/services/Cloud', 'headers': {}, 'body_hash': ''}
    now = datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')
    given['params'] = {'Action': 'DescribeInstances', 'AWSAccessKeyId': pair.access, 'SignatureVersion': '2', 'Timestamp': now}
    given['signature'] = Ec2Signer(pair.secret).generate(given)
    service = signed_in(cloud, 'compute', 's' * 40, 'service').session
    answer = service.post('/ec2tokens', endpoint_filter={'service_type': 'identity'}, json={'credentials': given})
    assert answer.json()['access']['user']['name'] == 'demo'
    demo.ec2.delete(user, pair.access)
    assert demo.ec2.list(user) == []


def test_what_there_is_and_is_no_longer(cloud: Any, keystone: Any) -> None:
    assert (
        Discover(session=auth_session.Session(), auth_url=f'{cloud.url}/v2.0').url_for('v2.0', allow_deprecated=True)
        == f'{cloud.url}/v2.0/'
    )
    assert {one.alias for one in keystone.extensions.list()} >= {'OS-KSADM', 'OS-EC2', 'OS-KSCRUD'}
    certificates = keystone.certificates
    for ask in (certificates.get_ca_certificate, certificates.get_signing_certificate, keystone.tokens.get_revoked):
        with pytest.raises(auth_errors.Gone, match='no longer signed'):
            ask()


def test_what_the_library_has_no_call_for(cloud: Any, keystone: Any) -> None:
    """It lists extensions, validates tokens with GET, and expects something else of the endpoints of a token than there ever was."""

    def ask(method: str, path: str, **rest: Any) -> Any:
        return keystone.session.request(path, method, endpoint_filter={'service_type': 'identity'}, raise_exc=False, **rest)

    assert ask('GET', '/extensions/OS-EC2').json()['extension']['alias'] == 'OS-EC2' and ask('GET', '/extensions/none').status_code == 404
    token = signed_in(cloud, 'demo', 'demo-secret', 'demo').session.get_token()
    found = ask('GET', f'/tokens/{token}/endpoints').json()['endpoints']
    assert {one['type'] for one in found} == {'identity', 'compute', 'volumev3'}
    assert ask('HEAD', f'/tokens/{token}').status_code == 200 and ask('HEAD', '/tokens/nonsense').status_code == 404


def test_no_route_was_left_out(whole_file: None, cloud: Any, asked: set[Route]) -> None:
    """Counted is what the tests above did; the one that is left gives nobody anything, and the first test asked it too."""
    assert sorted(not_asked(routes_of(cloud, 'v2.0'), asked)) == [('GET', '/v2.0/users/{user_id}/roles')]
