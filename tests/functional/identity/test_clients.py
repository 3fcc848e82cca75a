"""openstacksdk and python-keystoneclient against a real identity service; at the end, that together they have asked every route of v3."""

# Longer than 400 lines because its last test counts what all the others asked.
from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import exceptions as auth_errors
from keystoneauth1 import session as auth_session
from keystoneauth1.extras.oauth1 import v3 as oauth1
from keystoneauth1.identity import v3
from openstack import exceptions as sdk_errors

from tests.functional.identity.routes_asked import WITHOUT_A_LIBRARY, Route, not_asked, routes_of

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    from keystoneclient.contrib.ec2.utils import Ec2Signer
    from keystoneclient.discover import Discover
    from keystoneclient.v3.client import Client as Keystone

pytestmark = pytest.mark.usefixtures('asked')


@pytest.fixture(scope='module')
def sdk(cloud: Any) -> Any:
    return cloud.sdk().identity


@pytest.fixture(scope='module')
def demo(cloud: Any) -> Any:
    """A member of a project, through the old library."""
    return Keystone(session=cloud.session('demo', 'demo-secret', project_name='demo', project_domain_name='Default'))


def test_what_the_service_tells_of_itself(cloud: Any) -> None:
    found = Discover(session=auth_session.Session(), auth_url=cloud.url)
    assert {(one['version'], one['url']) for one in found.version_data(allow_deprecated=True)} == {
        ((2, 0), f'{cloud.url}/v2.0/'),
        ((3, 14), f'{cloud.url}/v3/'),
    }
    assert found.create_client(auth=cloud.auth(), version=(3,)).version == 'v3'
    assert Discover(session=auth_session.Session(), auth_url=f'{cloud.url}/v3').url_for('v3') == f'{cloud.url}/v3/'


def _ids(found: Any) -> set[str]:
    return {one.id for one in found}


def test_domains_projects_and_tags_with_the_sdk(sdk: Any) -> None:
    domain = sdk.create_domain(name='sdk-domain', description='of the tests')
    assert sdk.update_domain(domain, description='changed').description == 'changed' == sdk.get_domain(domain.id).description
    assert [one.id for one in sdk.domains(name='sdk-domain')] == [domain.id] == [sdk.find_domain('sdk-domain').id]
    project = sdk.create_project(name='sdk-project', domain_id=domain.id, tags=['blue'])
    child = sdk.create_project(name='sdk-child', domain_id=domain.id, parent_id=project.id)
    assert sdk.update_project(project, name='sdk-renamed', is_enabled=True).name == 'sdk-renamed'
    assert _ids(sdk.projects(domain_id=domain.id)) == {project.id, child.id} and _ids(sdk.projects(parent_id=project.id)) == {child.id}
    assert [one.id for one in sdk.projects(tags='blue')] == [project.id] == [sdk.find_project('sdk-renamed', domain_id=domain.id).id]
    project.add_tag(sdk, 'red')
    project.remove_tag(sdk, 'blue')
    assert project.check_tag(sdk, 'red') and sdk.get_project(project.id).tags == ['red']
    project.set_tags(sdk, ['one', 'two'])
    assert sorted(project.fetch_tags(sdk).tags) == ['one', 'two']
    project.remove_all_tags(sdk)
    assert sdk.get_project(project.id).tags == []
    for one in (child, project):
        sdk.delete_project(one)
    with pytest.raises(sdk_errors.ForbiddenException):
        sdk.delete_domain(domain)
    sdk.update_domain(domain, is_enabled=False)
    sdk.delete_domain(domain)
    assert sdk.find_domain('sdk-domain') is None


def test_domains_and_projects_with_the_keystone_client(keystone: Any) -> None:
    domain = keystone.domains.create('ks-domain')
    parent = keystone.projects.create('ks-parent', domain, tags=['blue'])
    child = keystone.projects.create('ks-child', domain, parent=parent, colour='green')
    assert keystone.projects.get(child, parents_as_ids=True).parents == {parent.id: None}
    assert [one['project']['id'] for one in keystone.projects.get(parent, subtree_as_list=True).subtree] == [child.id]
    assert _ids(keystone.projects.list(parent=parent)) == {child.id} and child.colour == 'green'
    child.add_tag('far away')
    assert child.check_tag('far away') and child.list_tags() == ['far away'] and not child.check_tag('near')
    child.update_tags(['near'])
    child.delete_tag('near')
    assert child.list_tags() == []
    assert keystone.projects.update(child, name='ks-other').name == 'ks-other' == keystone.projects.find(name='ks-other').name
    for one in (child, parent):
        keystone.projects.delete(one)
    keystone.domains.update(domain, enabled=False)
    keystone.domains.delete(domain)
    assert 'ks-domain' not in {one.name for one in keystone.domains.list()}


def test_domain_configurations(sdk: Any, keystone: Any) -> None:
    domain = keystone.domains.create('configured')
    made = sdk.create_domain_config(domain.id, identity={'driver': 'sql'}, ldap={'url': 'ldap://127.0.0.1:1', 'user_tree_dn': 'ou=people'})
    assert made.ldap.url == 'ldap://127.0.0.1:1' and sdk.get_domain_config(domain.id).identity.driver == 'sql'
    assert sdk.update_domain_config(domain.id, ldap={'user_tree_dn': 'ou=users'}).ldap.user_tree_dn == 'ou=users'
    sdk.delete_domain_config(domain.id)
    keystone.domain_configs.create(domain, {'identity': {'driver': 'sql'}})
    assert keystone.domain_configs.update(domain, {'ldap': {'url': 'ldap://127.0.0.1:2'}}).ldap == {'url': 'ldap://127.0.0.1:2'}
    assert keystone.domain_configs.get(domain).identity == {'driver': 'sql'}
    keystone.domain_configs.delete(domain)
    with pytest.raises(auth_errors.NotFound):
        keystone.domain_configs.get(domain)
    keystone.domains.update(domain, enabled=False)
    keystone.domains.delete(domain)


def test_users_and_groups(sdk: Any, keystone: Any, cloud: Any) -> None:
    user = sdk.create_user(name='sdk-user', password='first-secret', email='a@example.org', description='of the tests')
    assert sdk.update_user(user, email='b@example.org').email == 'b@example.org' == keystone.users.get(user.id).email
    assert [one.id for one in sdk.users(name='sdk-user')] == [user.id] == [sdk.find_user('sdk-user').id]
    group = sdk.create_group(name='sdk-group', description='first')
    assert sdk.update_group(group, description='changed').description == 'changed' == sdk.get_group(group.id).description
    sdk.add_user_to_group(user, group)
    assert sdk.check_user_in_group(user, group) and _ids(sdk.group_users(group)) == {user.id} and _ids(sdk.user_groups(user)) == {group.id}
    sdk.remove_user_from_group(user, group)
    assert not sdk.check_user_in_group(user, group)
    keystone.users.add_to_group(user.id, group.id)
    assert keystone.users.check_in_group(user.id, group.id)
    assert _ids(keystone.users.list(group=group.id)) == {user.id} and _ids(keystone.groups.list(user=user.id)) == {group.id}
    keystone.users.remove_from_group(user.id, group.id)
    assert [one.name for one in keystone.groups.list(name='sdk-group')] == ['sdk-group'] == [sdk.find_group('sdk-group').name]
    keystone.roles.grant(keystone.roles.find(name='reader').id, user=user.id, domain='default')
    inside = {'domain_id': 'default'}
    cloud.sdk('sdk-user', 'first-secret', **inside).identity.update_password(user.id, 'first-secret', 'second-secret')
    Keystone(session=cloud.session('sdk-user', 'second-secret', **inside)).users.update_password('second-secret', 'third-secret')
    with pytest.raises(auth_errors.Unauthorized):
        cloud.session('sdk-user', 'second-secret', **inside).get_token()
    assert cloud.session('sdk-user', 'third-secret', **inside).get_user_id() == user.id
    sdk.delete_group(group)
    sdk.delete_user(user)
    assert sdk.find_user('sdk-user') is None and sdk.find_group('sdk-group') is None


def test_roles_and_implied_roles(sdk: Any, keystone: Any) -> None:
    artist, helper = sdk.create_role(name='sdk-artist', description='may paint'), keystone.roles.create('ks-helper')
    assert sdk.update_role(artist, description='paints').description == 'paints' == keystone.roles.get(artist.id).description
    assert _ids(sdk.roles(name='sdk-artist')) == {artist.id} == {sdk.find_role('sdk-artist').id}
    assert sdk.get_role(helper.id).name == 'ks-helper'
    rules = keystone.inference_rules
    made = rules.create(artist.id, helper)
    assert made.prior_role['name'] == 'sdk-artist' and made.implies['name'] == 'ks-helper'
    assert rules.check(artist.id, helper) and rules.get(artist.id, helper).implies['id'] == helper.id
    assert [one['id'] for one in rules.list(artist.id).implies] == [helper.id]
    assert (artist.id, [helper.id]) in [(one.prior_role['id'], [two['id'] for two in one.implies]) for one in rules.list_inference_roles()]
    rules.delete(artist.id, helper)
    with pytest.raises(auth_errors.NotFound):
        rules.check(artist.id, helper)
    sdk.delete_role(artist)
    keystone.roles.delete(helper)
    assert not {'sdk-artist', 'ks-helper'} & {one.name for one in keystone.roles.list()}


@pytest.mark.parametrize('who', ['user', 'group'])
@pytest.mark.parametrize('where', ['project', 'domain', 'system'])
def test_assignments(sdk: Any, keystone: Any, ids: dict[str, str], where: str, who: str) -> None:
    """Every grant is made, seen, checked and taken away by either library; below a domain or project it is inherited as well."""
    role, group = ids['reader'], keystone.groups.create(f'grantees-{where}')
    target = {'project': ids['project demo'], 'domain': 'default', 'system': 'all'}[where]
    actor = group.id if who == 'group' else ids['user other']
    place, grantee = {where: target}, {who: actor}
    names = [f'assign_{where}_role_to_{who}', f'validate_{who}_has_{where}_role', f'unassign_{where}_role_from_{who}']
    assign, validate, unassign = (getattr(sdk, name) for name in names)
    given = (actor, role, target) if where == 'system' else (target, actor, role)
    assign(*given)
    assert validate(*given) and [one.id for one in sdk.role_assignments_filter(**place, **grantee)] == [role]
    rows = sdk.role_assignments(**{f'{who}_id': actor, 'role_id': role, f'scope_{where}{"" if where == "system" else "_id"}': target})
    assert [one.role['id'] for one in rows] == [role]
    unassign(*given)
    assert not validate(*given)
    for inherited in [False] if where == 'system' else [False, True]:
        flag = {'os_inherit_extension_inherited': True} if inherited else {}
        keystone.roles.grant(role, **grantee, **place, **flag)
        assert keystone.roles.check(role, **grantee, **place, **flag)
        assert _ids(keystone.roles.list(**grantee, **place, **flag)) == {role}
        listed = {'os_inherit_extension_inherited_to': 'projects'} if inherited else {}
        rows = keystone.role_assignments.list(**grantee, **place, **listed, role=role, include_names=True)
        assert [one.role['name'] for one in rows] == ['reader']
        keystone.roles.revoke(role, **grantee, **place, **flag)
        assert _ids(keystone.roles.list(**grantee, **place, **flag)) == set()
    keystone.groups.delete(group)


def test_the_catalog(sdk: Any, keystone: Any) -> None:
    region = sdk.create_region(id='sdk-region', description='far away')
    assert sdk.update_region(region, description='nearer').description == 'nearer' == sdk.get_region('sdk-region').description
    inner = keystone.regions.create(id='ks-region', parent_region='sdk-region')
    assert _ids(sdk.regions(parent_region_id='sdk-region')) == {'ks-region'} and sdk.find_region('ks-region').id == inner.id
    assert keystone.regions.update(inner, description='here').description == 'here' == keystone.regions.get('ks-region').description
    service = sdk.create_service(name='weather', type='weather')
    assert sdk.update_service(service, description='rain').description == 'rain' == sdk.get_service(service.id).description
    assert _ids(sdk.services(type='weather')) == {service.id} == _ids(keystone.services.list(type='weather'))
    url = 'http://127.0.0.1:1/weather'
    endpoint = sdk.create_endpoint(service_id=service.id, interface='public', url=url, region_id='sdk-region')
    assert sdk.update_endpoint(endpoint, url=f'{url}/v2').url == f'{url}/v2' == keystone.endpoints.get(endpoint.id).url
    assert _ids(sdk.endpoints(service_id=service.id)) == {endpoint.id} and sdk.get_endpoint(endpoint.id).interface == 'public'
    other = keystone.endpoints.create(service.id, url, interface='admin', region='ks-region')
    assert _ids(keystone.endpoints.list(service=service.id, interface='admin')) == {other.id}
    for one in (endpoint.id, other.id):
        sdk.delete_endpoint(one)
    sdk.delete_service(service)
    keystone.regions.delete(inner)
    sdk.delete_region(region)
    assert (
        not list(sdk.services(type='weather')) and not list(sdk.endpoints(service_id=service.id)) and sdk.find_region('sdk-region') is None
    )


@pytest.fixture
def endpoint(sdk: Any) -> Iterator[Any]:
    """A public endpoint of a service of its own."""
    service = sdk.create_service(name='paint', type='paint')
    yield sdk.create_endpoint(service_id=service.id, interface='public', url='http://127.0.0.1:1/paint', region_id='RegionOne')
    sdk.delete_service(service)


def test_endpoint_filters(sdk: Any, keystone: Any, ids: dict[str, str], endpoint: Any) -> None:
    project = ids['project demo']
    sdk.associate_endpoint_with_project(project, endpoint.id)
    assert _ids(sdk.endpoint_projects(endpoint.id)) == {project} and endpoint.id in _ids(sdk.project_endpoints(project))
    sdk.disassociate_endpoint_from_project(project, endpoint.id)
    chosen = keystone.endpoint_filter
    chosen.add_endpoint_to_project(project, endpoint.id)
    chosen.check_endpoint_in_project(project, endpoint.id)
    assert _ids(chosen.list_projects_for_endpoint(endpoint.id)) == {project}
    assert endpoint.id in _ids(chosen.list_endpoints_for_project(project))
    chosen.delete_endpoint_from_project(project, endpoint.id)
    with pytest.raises(auth_errors.NotFound):
        chosen.check_endpoint_in_project(project, endpoint.id)


def test_endpoint_groups(sdk: Any, keystone: Any, ids: dict[str, str], endpoint: Any) -> None:
    project, chosen = ids['project demo'], keystone.endpoint_filter
    group = sdk.create_endpoint_group(name='sdk-painters', filters={'service_id': endpoint.service_id})
    assert sdk.update_endpoint_group(group, description='changed').description == 'changed' == sdk.get_endpoint_group(group.id).description
    assert _ids(sdk.endpoint_groups()) == {group.id} and sdk.find_endpoint_group('sdk-painters').id == group.id
    assert _ids(sdk.endpoint_group_endpoints(group)) == {endpoint.id}
    sdk.associate_project_with_endpoint_group(group, project)
    assert _ids(sdk.endpoint_group_projects(group)) == {project} and _ids(sdk.project_endpoint_groups(project)) == {group.id}
    sdk.disassociate_project_from_endpoint_group(group, project)
    assert list(sdk.project_endpoint_groups(project)) == []
    other = keystone.endpoint_groups.create('ks-painters', {'interface': 'public'})
    keystone.endpoint_groups.check(other)
    assert keystone.endpoint_groups.update(other, name='ks-artists').name == 'ks-artists' == keystone.endpoint_groups.get(other).name
    chosen.add_endpoint_group_to_project(other, project)
    chosen.check_endpoint_group_in_project(other, project)
    assert _ids(chosen.list_projects_for_endpoint_group(other)) == {project}
    assert _ids(chosen.list_endpoint_groups_for_project(project)) == {other.id}
    chosen.delete_endpoint_group_from_project(other, project)
    sdk.delete_endpoint_group(group)
    keystone.endpoint_groups.delete(other)
    assert keystone.endpoint_groups.list() == []


def test_policies_and_where_they_hold(sdk: Any, keystone: Any, endpoint: Any) -> None:
    policy = sdk.create_policy(blob='{"paint": "role:artist"}', type='application/json')
    assert 'painter' in sdk.update_policy(policy, blob='{"paint": "role:painter"}').blob and 'painter' in sdk.get_policy(policy.id).blob
    assert _ids(sdk.policies()) == {policy.id} == _ids(keystone.policies.list(type='application/json'))
    held, where = keystone.endpoint_policy, (endpoint.region_id, endpoint.service_id)
    held.create_policy_association_for_service(policy.id, endpoint.service_id)
    held.check_policy_association_for_service(policy.id, endpoint.service_id)
    assert held.get_policy_for_endpoint(endpoint.id).id == policy.id and _ids(held.list_endpoints_for_policy(policy.id)) == {endpoint.id}
    held.delete_policy_association_for_service(policy.id, endpoint.service_id)
    held.create_policy_association_for_region_and_service(policy.id, *where)
    held.check_policy_association_for_region_and_service(policy.id, *where)
    held.delete_policy_association_for_region_and_service(policy.id, *where)
    held.create_policy_association_for_endpoint(policy.id, endpoint.id)
    held.check_policy_association_for_endpoint(policy.id, endpoint.id)
    held.delete_policy_association_for_endpoint(policy.id, endpoint.id)
    with pytest.raises(auth_errors.NotFound):
        held.get_policy_for_endpoint(endpoint.id)
    sdk.delete_policy(policy)
    assert keystone.policies.list() == []


def test_limits(sdk: Any, keystone: Any, ids: dict[str, str], endpoint: Any) -> None:
    about = {'service_id': endpoint.service_id, 'resource_name': 'brushes', 'region_id': 'RegionOne'}
    registered = sdk.create_registered_limit(**about, default_limit=10)
    [registered] = sdk.registered_limits(service_id=endpoint.service_id)
    sdk.update_registered_limit(registered, default_limit=20)
    assert sdk.get_registered_limit(registered.id).default_limit == 20 == keystone.registered_limits.get(registered.id).default_limit
    sdk.create_limit(**about, resource_limit=5, project_id=ids['project demo'])
    [limit] = sdk.limits(service_id=endpoint.service_id)
    sdk.update_limit(limit, resource_limit=7)
    assert sdk.get_limit(limit.id).resource_limit == 7 == keystone.limits.get(limit.id).resource_limit
    assert [one.resource_name for one in keystone.limits.list(resource_name='brushes')] == ['brushes']
    with pytest.raises(sdk_errors.ForbiddenException):
        sdk.delete_registered_limit(registered, ignore_missing=False)
    keystone.limits.delete(limit.id)
    sdk.delete_registered_limit(registered)
    other = keystone.registered_limits.create(endpoint.service_id, 'canvases', 3)
    made = keystone.limits.create(ids['project demo'], endpoint.service_id, 'canvases', 2)
    assert keystone.limits.update(made, resource_limit=1).resource_limit == 1
    sdk.delete_limit(made.id)
    assert keystone.registered_limits.update(other, default_limit=4).default_limit == 4
    keystone.registered_limits.delete(other)
    assert keystone.limits.list() == [] == keystone.registered_limits.list(service=endpoint.service_id)


def test_credentials(sdk: Any, keystone: Any, demo: Any, ids: dict[str, str]) -> None:
    user, project = ids['user demo'], ids['project demo']
    made = sdk.create_credential(user_id=user, type='cert', blob='a certificate', project_id=project)
    assert sdk.update_credential(made, blob='another').blob == 'another' == sdk.get_credential(made.id).blob
    assert made.id in _ids(sdk.credentials(type='cert')) and keystone.credentials.get(made.id).user_id == user
    sdk.delete_credential(made)
    pair = demo.ec2.create(user, project)
    assert demo.ec2.get(user, pair.access).secret == pair.secret and [one.access for one in demo.ec2.list(user)] == [pair.access]
    [stored] = keystone.credentials.list(user_id=user)
    assert json.loads(stored.blob)['access'] == pair.access and stored.type == 'ec2'
    demo.ec2.delete(user, pair.access)
    assert keystone.credentials.list(user_id=user) == [] == demo.ec2.list(user)


def test_application_credentials_and_access_rules(cloud: Any, demo: Any, ids: dict[str, str]) -> None:
    own = cloud.sdk('demo', 'demo-secret', project_name='demo', project_domain_name='Default').identity
    user, rule = ids['user demo'], {'path': '/v3/users', 'method': 'GET', 'service': 'identity'}
    made = own.create_application_credential(user, 'machine', access_rules=[rule], roles=[{'name': 'member'}])
    assert own.get_application_credential(user, made.id).name == 'machine' and made.secret
    assert [one.id for one in own.application_credentials(user)] == [made.id] == [own.find_application_credential(user, 'machine').id]
    machine = v3.ApplicationCredential(f'{cloud.url}/v3', application_credential_secret=made.secret, application_credential_id=made.id)
    assert auth_session.Session(machine).get_project_id() == ids['project demo']
    [seen] = own.access_rules(user)
    assert own.get_access_rule(user, seen.id).path == '/v3/users' == demo.access_rules.get(seen.id).path
    with pytest.raises(auth_errors.Forbidden):
        demo.access_rules.delete(seen.id)
    own.delete_application_credential(user, made.id)
    own.delete_access_rule(user, seen.id)
    again = demo.application_credentials.create('robot', secret='a secret of the tests', access_rules=[rule])
    assert [one.id for one in demo.application_credentials.list()] == [again.id] == [demo.application_credentials.get(again).id]
    demo.application_credentials.delete(again)
    [seen] = demo.access_rules.list()
    demo.access_rules.delete(seen)
    assert demo.access_rules.list() == [] == demo.application_credentials.list()


def test_trusts(cloud: Any, sdk: Any, demo: Any, ids: dict[str, str]) -> None:
    own = cloud.sdk('demo', 'demo-secret', project_name='demo', project_domain_name='Default').identity
    trustor, trustee = ids['user demo'], ids['user other']
    made = own.create_trust(
        trustor_user_id=trustor, trustee_user_id=trustee, project_id=ids['project demo'], is_impersonation=True, roles=[{'name': 'member'}]
    )
    assert own.get_trust(made.id).is_impersonation is True and _ids(own.trusts(trustor_user_id=trustor)) == {made.id} <= _ids(sdk.trusts())
    acting = cloud.session('other', 'other-secret', trust_id=made.id)
    assert acting.get_user_id() == trustor and acting.get_project_id() == ids['project demo']
    own.delete_trust(made)
    with pytest.raises(auth_errors.ClientException):
        cloud.session('other', 'other-secret', trust_id=made.id).get_token()
    other = demo.trusts.create(trustee, trustor, role_names=['member'], project=ids['project demo'], remaining_uses=1)
    assert demo.trusts.get(other).remaining_uses == 1 and _ids(demo.trusts.list(trustor_user=trustor)) == {other.id}
    assert cloud.session('other', 'other-secret', trust_id=other.id).get_user_id() == trustee
    with pytest.raises(auth_errors.ClientException):
        cloud.session('other', 'other-secret', trust_id=other.id).get_token()
    with pytest.raises(auth_errors.NotFound):
        demo.trusts.delete(other)


def test_oauth(cloud: Any, keystone: Any, ids: dict[str, str]) -> None:
    oauth = keystone.oauth1
    consumer = oauth.consumers.create(description='of the tests')
    assert oauth.consumers.update(consumer, description='changed').description == 'changed' == oauth.consumers.get(consumer).description
    assert _ids(oauth.consumers.list()) == {consumer.id}
    project = keystone.session.get_project_id()
    request = oauth.request_tokens.create(consumer.id, consumer.secret, project)
    verifier = oauth.request_tokens.authorize(request.key, [ids['member']]).oauth_verifier
    access = oauth.access_tokens.create(consumer.id, consumer.secret, request.key, request.secret, verifier)
    program = oauth1.OAuth1(f'{cloud.url}/v3', consumer.id, consumer.secret, access.key, access.secret)
    assert auth_session.Session(program).get_project_id() == project
    oauth.consumers.delete(consumer)
    with pytest.raises(auth_errors.ClientException):
        auth_session.Session(oauth1.OAuth1(f'{cloud.url}/v3', consumer.id, consumer.secret, access.key, access.secret)).get_token()


def test_requests_signed_with_an_ec2_key(cloud: Any, demo: Any, ids: dict[str, str]) -> None:
    """The old library signs, and a service asks it from whom the request is."""
    pair = demo.ec2.create(ids['user demo'], ids['project demo'])
    given = {'access': pair.access, 'host': 'ec2.example:8773', 'verb': 'GET', 'path': '/services/Cloud', 'headers': {}, 'body_hash': ''}
    now = datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')
    given['params'] = {'Action': 'DescribeInstances', 'AWSAccessKeyId': pair.access, 'SignatureVersion': '2', 'Timestamp': now}
    given['signature'] = Ec2Signer(pair.secret).generate(given)
    service = cloud.session('compute', 's' * 40, project_name='service', project_domain_name='Default')
    answer = service.post('/ec2tokens', endpoint_filter={'service_type': 'identity'}, json={'credentials': given})
    token = answer.json()['token']
    assert answer.headers['X-Subject-Token'] and token['user']['name'] == 'demo' == token['project']['name']
    demo.ec2.delete(ids['user demo'], pair.access)
    with pytest.raises(auth_errors.Unauthorized):
        service.post('/ec2tokens', endpoint_filter={'service_type': 'identity'}, json={'credentials': given})


def test_tokens(cloud: Any, sdk: Any, keystone: Any, ids: dict[str, str]) -> None:
    session = cloud.session('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    token = session.get_token()
    seen = sdk.validate_token(token)
    assert seen.user['name'] == 'demo' and seen.project['id'] == ids['project demo'] and sdk.check_token(token)
    assert keystone.tokens.validate(token, include_catalog=False).username == 'demo'
    own = Keystone(session=session)
    assert [one.name for one in own.auth.projects()] == ['demo'] and own.auth.domains() == []
    assert [one.name for one in own.projects.list(user=ids['user demo'])] == ['demo']
    assert _ids(sdk.user_projects(ids['user demo'])) == {ids['project demo']}
    assert keystone.auth.systems() and own.auth.systems() == []
    sdk.revoke_token(token)
    assert not sdk.check_token(token)
    other = cloud.session('demo', 'demo-secret', project_name='demo', project_domain_name='Default').get_token()
    keystone.tokens.revoke_token(other)
    with pytest.raises(auth_errors.NotFound):
        keystone.tokens.validate(other)


def test_what_tokens_no_longer_have(keystone: Any) -> None:
    """Certificates and signed lists: asked for by clients of old, which are told that these are gone."""
    for ask in (keystone.simple_cert.get_ca_certificates, keystone.simple_cert.get_certificates, keystone.tokens.get_revoked):
        with pytest.raises(auth_errors.Gone, match='no longer signed'):
            ask()


def test_no_route_was_left_out(whole_file: None, cloud: Any, asked: set[Route]) -> None:
    """Counted is what the tests above did."""
    assert sorted(not_asked(routes_of(cloud, 'v3'), asked)) == sorted(WITHOUT_A_LIBRARY)
