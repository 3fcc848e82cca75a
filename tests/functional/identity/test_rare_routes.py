"""The routes of v3 that no client library has a call for, asked with plain requests; at the end, that none of them was left out."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from typing import Any

import pytest
from keystoneauth1 import session as auth_session
from keystoneauth1.extras.oauth1 import v3 as oauth1
from keystoneclient.v3.client import Client as Keystone

from tests.functional.identity.routes_asked import WITHOUT_A_LIBRARY, Route, not_asked

pytestmark = pytest.mark.usefixtures('asked')


@pytest.mark.parametrize('who', ['user', 'group'])
@pytest.mark.parametrize('where', ['project', 'domain', 'system'])
def test_assignments_are_checked_with_get(admin: Any, keystone: Any, ids: dict[str, str], where: str, who: str) -> None:
    group = keystone.groups.create('grantees')
    actor = group.id if who == 'group' else ids['user other']
    target = {'project': ids['project demo'], 'domain': 'default', 'system': 'all'}[where]
    place = 'system' if where == 'system' else f'{where}s/{target}'
    forms = {False: f'/v3/{place}/{who}s/{actor}/roles/{ids["reader"]}'}
    if where != 'system':
        forms[True] = f'/v3/OS-INHERIT/{place}/{who}s/{actor}/roles/{ids["reader"]}/inherited_to_projects'
    for inherited, path in forms.items():
        given = {who: actor, where: target, 'os_inherit_extension_inherited': inherited}
        assert admin('GET', path).status_code == 404
        keystone.roles.grant(ids['reader'], **given)
        assert admin.ok('GET', path, status=204) is None
        keystone.roles.revoke(ids['reader'], **given)
        assert admin('GET', path).status_code == 404
    keystone.groups.delete(group)


def test_members_of_groups_are_checked_with_get(admin: Any, keystone: Any, ids: dict[str, str]) -> None:
    group = keystone.groups.create('members')
    path = f'/v3/groups/{group.id}/users/{ids["user demo"]}'
    assert admin('GET', path).status_code == 404
    keystone.users.add_to_group(ids['user demo'], group)
    admin.ok('GET', path, status=204)
    keystone.groups.delete(group)


def test_policies_and_groups_of_endpoints(admin: Any, keystone: Any, ids: dict[str, str]) -> None:
    service = keystone.services.create('paint', 'paint')
    endpoint = keystone.endpoints.create(service, 'http://127.0.0.1:1/paint', 'public', 'RegionOne')
    policy = keystone.policies.create('{}')
    base, of_endpoint = f'/v3/policies/{policy.id}/OS-ENDPOINT-POLICY', f'/v3/endpoints/{endpoint.id}/OS-ENDPOINT-POLICY/policy'
    assert admin('HEAD', of_endpoint).status_code == 404
    for where in (f'endpoints/{endpoint.id}', f'services/{service.id}', f'services/{service.id}/regions/RegionOne'):
        assert admin('GET', f'{base}/{where}').status_code == 404
        admin.ok('PUT', f'{base}/{where}', status=204)
        admin.ok('GET', f'{base}/{where}', status=204)
        admin.ok('HEAD', of_endpoint)
        admin.ok('DELETE', f'{base}/{where}', status=204)
        assert admin('HEAD', of_endpoint).status_code == 404
    group = keystone.endpoint_groups.create('painters', {'service_id': service.id})
    path = f'/v3/OS-EP-FILTER/endpoint_groups/{group.id}/projects/{ids["project demo"]}'
    assert admin('GET', path).status_code == 404
    admin.ok('PUT', path, status=204)
    shown = admin.ok('GET', path)['project_endpoint_group']
    assert (shown['endpoint_group_id'], shown['project_id']) == (group.id, ids['project demo'])
    keystone.endpoint_groups.delete(group)
    keystone.policies.delete(policy)
    keystone.services.delete(service)


def test_parts_of_the_configuration_of_a_domain(admin: Any, keystone: Any) -> None:
    domain = keystone.domains.create('configured')
    path = f'/v3/domains/{domain.id}/config'
    assert [admin('HEAD', f'{path}{part}').status_code for part in ('', '/ldap', '/ldap/url')] == [404] * 3
    keystone.domain_configs.create(domain, {'identity': {'driver': 'sql'}, 'ldap': {'url': 'ldap://127.0.0.1:1'}})
    for part in ('', '/ldap', '/ldap/url'):
        admin.ok('HEAD', f'{path}{part}')
    admin.ok('PATCH', f'{path}/ldap', {'config': {'ldap': {'url': 'ldap://127.0.0.1:2'}}})
    assert admin.ok('GET', f'{path}/ldap')['config'] == {'ldap': {'url': 'ldap://127.0.0.1:2'}}
    admin.ok('PATCH', f'{path}/ldap/url', {'config': {'url': 'ldap://127.0.0.1:3'}})
    assert admin.ok('GET', f'{path}/ldap/url')['config'] == {'url': 'ldap://127.0.0.1:3'}
    admin.ok('DELETE', f'{path}/ldap/url', status=204)
    admin.ok('DELETE', f'{path}/identity', status=204)
    assert admin('GET', f'{path}/identity').status_code == 404
    defaults = admin.ok('GET', '/v3/domains/config/default')['config']
    assert {'identity', 'ldap'} <= set(defaults)
    assert admin.ok('GET', '/v3/domains/config/ldap/default')['config'] == {'ldap': defaults['ldap']}
    assert admin.ok('GET', '/v3/domains/config/ldap/url/default')['config'] == {'url': defaults['ldap']['url']}
    keystone.domains.update(domain, enabled=False)
    keystone.domains.delete(domain)


def test_roles_of_trusts(demo: Any, keystone: Any, ids: dict[str, str]) -> None:
    own = Keystone(session=demo.session)
    trust = own.trusts.create(ids['user other'], ids['user demo'], role_names=['member'], project=ids['project demo'])
    path = f'/v3/OS-TRUST/trusts/{trust.id}/roles'
    assert {role['id'] for role in demo.ok('GET', path)['roles']} == {ids['member']}
    assert demo.ok('GET', f'{path}/{ids["member"]}')['role']['name'] == 'member'
    demo.ok('HEAD', f'{path}/{ids["member"]}')
    assert demo('HEAD', f'{path}/{ids["admin"]}').status_code == 404
    own.trusts.delete(trust)


def test_what_programs_may_do_for_a_user(cloud: Any, demo: Any, keystone: Any, ids: dict[str, str]) -> None:
    consumer, own, project = keystone.oauth1.consumers.create(), Keystone(session=demo.session).oauth1, ids['project demo']
    request = own.request_tokens.create(consumer.id, consumer.secret, project)
    verifier = own.request_tokens.authorize(request.key, [ids['member']]).oauth_verifier
    access = own.access_tokens.create(consumer.id, consumer.secret, request.key, request.secret, verifier)
    program = auth_session.Session(oauth1.OAuth1(f'{cloud.url}/v3', consumer.id, consumer.secret, access.key, access.secret))
    assert program.get_project_id() == project
    path = f'/v3/users/{ids["user demo"]}/OS-OAUTH1/access_tokens'
    assert [one['id'] for one in demo.ok('GET', path)['access_tokens']] == [access.key]
    assert demo.ok('GET', f'{path}/{access.key}')['access_token']['project_id'] == project
    assert [one['id'] for one in demo.ok('GET', f'{path}/{access.key}/roles')['roles']] == [ids['member']]
    assert demo.ok('GET', f'{path}/{access.key}/roles/{ids["member"]}')['role']['name'] == 'member'
    token = program.get_token()
    demo.ok('DELETE', f'{path}/{access.key}', status=204)
    assert demo.ok('GET', path)['access_tokens'] == []
    assert demo('GET', '/v3/auth/projects', token=token).status_code == 401
    keystone.oauth1.consumers.delete(consumer)


def test_an_s3_request(cloud: Any, demo: Any, ids: dict[str, str]) -> None:
    pair = Keystone(session=demo.session).ec2.create(ids['user demo'], ids['project demo'])
    date = datetime.datetime.now(datetime.UTC).strftime('%a, %d %b %Y %H:%M:%S +0000')
    text = f'GET\n\n\n{date}\n/bucket/object'.encode()
    signature = base64.b64encode(hmac.new(pair.secret.encode(), text, hashlib.sha1).digest()).decode()
    given = {'access': pair.access, 'signature': signature, 'token': base64.b64encode(text).decode()}
    store = cloud.client('compute', 's' * 40, project_name='service', project_domain_name='Default')
    assert store.ok('POST', '/v3/s3tokens', {'credentials': given})['token']['user']['name'] == 'demo'
    assert store('POST', '/v3/s3tokens', {'credentials': {**given, 'signature': 'another'}}).status_code == 401
    demo.ok('DELETE', f'/v3/users/{ids["user demo"]}/credentials/OS-EC2/{pair.access}', status=204)


def test_the_catalog_regions_limits_and_revocations(admin: Any, demo: Any) -> None:
    assert {one['type'] for one in demo.ok('GET', '/v3/auth/catalog')['catalog']} == {'identity', 'compute', 'volumev3'}
    assert admin.ok('PUT', '/v3/regions/far', {'region': {'description': 'away'}}, 201)['region']['id'] == 'far'
    admin.ok('DELETE', '/v3/regions/far', status=204)
    assert demo.ok('GET', '/v3/limits/model')['model']['name'] == 'flat'
    token = demo.token
    audit = admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']['audit_ids'][0]
    admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=token, status=204)
    assert audit in {event.get('audit_id') for event in admin.ok('GET', '/v3/OS-REVOKE/events')['events']}


def test_no_route_was_left_out(whole_file: None, asked: set[Route]) -> None:
    """Counted is what the tests above did; what only our own services ask, is counted in the tests of those."""
    assert sorted(not_asked({route for route in WITHOUT_A_LIBRARY if '/pileus/' not in route[1]}, asked)) == []
