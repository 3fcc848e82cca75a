"""Every resource made, shown, listed, changed and removed, through openstacksdk or plain requests."""

from __future__ import annotations

import pytest
from openstack import exceptions

from tests.databases import CHOSEN

DATABASES = CHOSEN


@pytest.fixture(scope='module')
def sdk(cloud):
    return cloud.sdk().identity


def names(found):
    return {one.name for one in found}


def test_domains(sdk):
    domain = sdk.create_domain(name='acme', description='a customer')
    assert sdk.get_domain(domain.id).description == 'a customer'
    assert domain.is_enabled and sdk.find_domain('acme').id == domain.id
    assert names(sdk.domains(name='acme')) == {'acme'}
    assert 'acme' not in names(sdk.domains(is_enabled=False))
    with pytest.raises(exceptions.ConflictException):
        sdk.create_domain(name='acme')
    with pytest.raises(exceptions.ForbiddenException):
        sdk.delete_domain(domain, ignore_missing=False)
    sdk.update_domain(domain, is_enabled=False, name='acme2')
    assert 'acme2' in names(sdk.domains(is_enabled=False))
    sdk.delete_domain(domain, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_domain(domain.id)


def test_the_default_domain_stays(admin):
    assert admin('PATCH', '/v3/domains/default', {'domain': {'enabled': False}}).status_code == 403
    assert admin('DELETE', '/v3/domains/default').status_code == 403


def test_a_domain_takes_all_that_is_in_it_along(admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'doomed'}}, 201)['domain']['id']
    top = admin.ok('POST', '/v3/projects', {'project': {'name': 'top', 'domain_id': domain}}, 201)['project']['id']
    low = admin.ok('POST', '/v3/projects', {'project': {'name': 'low', 'parent_id': top}}, 201)['project']
    assert low['domain_id'] == domain
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'u', 'domain_id': domain}}, 201)['user']['id']
    group = admin.ok('POST', '/v3/groups', {'group': {'name': 'g', 'domain_id': domain}}, 201)['group']['id']
    role = admin.ok('POST', '/v3/roles', {'role': {'name': 'r', 'domain_id': domain}}, 201)['role']['id']
    admin.ok('PUT', f'/v3/projects/{top}/users/{user}/roles/{role}', status=204)
    admin.ok('PATCH', f'/v3/domains/{domain}', {'domain': {'enabled': False}})
    admin.ok('DELETE', f'/v3/domains/{domain}', status=204)
    for path in (f'projects/{top}', f'projects/{low["id"]}', f'users/{user}', f'groups/{group}', f'roles/{role}', f'domains/{domain}'):
        assert admin('GET', f'/v3/{path}').status_code == 404
    assert admin.ok('GET', f'/v3/role_assignments?user.id={user}')['role_assignments'] == []


def test_projects(sdk):
    project = sdk.create_project(name='web', description='shop', domain_id='default', tags=['blue'])
    assert project.parent_id == 'default' and project.domain_id == 'default' and project.is_domain is False
    assert sdk.get_project(project.id).tags == ['blue']
    assert names(sdk.projects(name='web')) == {'web'}
    assert names(sdk.projects(tags='blue')) == {'web'}
    assert 'web' not in names(sdk.projects(**{'not-tags': 'blue'}))
    changed = sdk.update_project(project, name='web2', description='', is_enabled=False)
    assert (changed.name, changed.description, changed.is_enabled) == ('web2', '', False)
    with pytest.raises(exceptions.ConflictException):
        sdk.create_project(name='web2', domain_id='default')
    sdk.delete_project(project, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_project(project.id)


def make_project(admin, name, **values):
    return admin.ok('POST', '/v3/projects', {'project': {'name': name, **values}}, 201)['project']


def test_projects_form_a_tree(admin):
    top = make_project(admin, 'top')
    middle = make_project(admin, 'middle', parent_id=top['id'])
    low = make_project(admin, 'low', parent_id=middle['id'])
    shown = admin.ok('GET', f'/v3/projects/{middle["id"]}?parents_as_list&subtree_as_list')['project']
    assert [one['project']['id'] for one in shown['parents']] == [top['id']]
    assert [one['project']['id'] for one in shown['subtree']] == [low['id']]
    shown = admin.ok('GET', f'/v3/projects/{low["id"]}?parents_as_ids')['project']
    assert shown['parents'] == {middle['id']: {top['id']: None}}
    shown = admin.ok('GET', f'/v3/projects/{top["id"]}?subtree_as_ids')['project']
    assert shown['subtree'] == {middle['id']: {low['id']: None}}
    assert admin('GET', f'/v3/projects/{top["id"]}?subtree_as_ids&subtree_as_list').status_code == 400
    assert {p['id'] for p in admin.ok('GET', f'/v3/projects?parent_id={top["id"]}')['projects']} == {middle['id']}
    assert admin('DELETE', f'/v3/projects/{top["id"]}').status_code == 403
    assert admin('PATCH', f'/v3/projects/{top["id"]}', {'project': {'enabled': False}}).status_code == 403
    assert admin('PATCH', f'/v3/projects/{low["id"]}', {'project': {'parent_id': top['id']}}).status_code == 403
    for project in (low, middle, top):
        admin.ok('DELETE', f'/v3/projects/{project["id"]}', status=204)


def test_the_depth_of_the_tree_is_limited(admin):
    chain = [make_project(admin, 'd0')]
    for depth in range(1, 5):
        chain.append(make_project(admin, f'd{depth}', parent_id=chain[-1]['id']))
    assert admin('POST', '/v3/projects', {'project': {'name': 'd5', 'parent_id': chain[-1]['id']}}).status_code == 403
    for project in reversed(chain):
        admin.ok('DELETE', f'/v3/projects/{project["id"]}', status=204)


def test_a_project_may_act_as_a_domain(admin):
    made = make_project(admin, 'as-domain', is_domain=True)
    assert made['domain_id'] is None and made['parent_id'] is None and made['is_domain'] is True
    assert admin.ok('GET', f'/v3/domains/{made["id"]}')['domain']['name'] == 'as-domain'
    assert made['id'] in {p['id'] for p in admin.ok('GET', '/v3/projects?is_domain=true')['projects']}
    assert made['id'] not in {p['id'] for p in admin.ok('GET', '/v3/projects')['projects']}
    admin.ok('PATCH', f'/v3/projects/{made["id"]}', {'project': {'enabled': False}})
    admin.ok('DELETE', f'/v3/projects/{made["id"]}', status=204)


def test_tags_of_projects(admin):
    project = make_project(admin, 'tagged')['id']
    path = f'/v3/projects/{project}/tags'
    assert admin.ok('PUT', path, {'tags': ['b', 'a']})['tags'] == ['a', 'b']
    assert admin('PUT', f'{path}/c').status_code == 201
    assert admin('GET', f'{path}/c').status_code == 204
    assert admin('HEAD', f'{path}/z').status_code == 404
    admin.ok('DELETE', f'{path}/a', status=204)
    assert admin.ok('GET', path)['tags'] == ['b', 'c']
    assert admin('PUT', path, {'tags': ['a/b']}).status_code == 400
    assert [p['id'] for p in admin.ok('GET', '/v3/projects?tags=b,c')['projects']] == [project]
    assert admin.ok('GET', '/v3/projects?tags=b,z')['projects'] == []
    assert [p['id'] for p in admin.ok('GET', '/v3/projects?tags-any=b,z')['projects']] == [project]
    admin.ok('DELETE', path, status=204)
    assert admin.ok('GET', path)['tags'] == []
    admin.ok('DELETE', f'/v3/projects/{project}', status=204)


def test_users(sdk):
    user = sdk.create_user(name='joe', password='secret', email='joe@example.org', description='a user', domain_id='default')
    assert sdk.get_user(user.id).email == 'joe@example.org'
    assert sdk.get_user(user.id).password is None
    assert names(sdk.users(name='joe')) == {'joe'}
    changed = sdk.update_user(user, name='joan', email='joan@example.org', is_enabled=False)
    assert (changed.name, changed.email, changed.is_enabled) == ('joan', 'joan@example.org', False)
    assert sdk.get_user(user.id).description == 'a user'
    assert 'joan' in names(sdk.users(is_enabled=False)) and 'joan' not in names(sdk.users(is_enabled=True))
    with pytest.raises(exceptions.ConflictException):
        sdk.create_user(name='joan', domain_id='default')
    sdk.delete_user(user, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_user(user.id)


def test_inexact_filters_and_pages(admin):
    made = [admin.ok('POST', '/v3/users', {'user': {'name': f'Page_{i}', 'domain_id': 'default'}}, 201)['user']['id'] for i in range(5)]

    def found(query):
        return [user['name'] for user in admin.ok('GET', f'/v3/users?{query}')['users']]

    assert found('name__startswith=Page_') == [f'Page_{i}' for i in range(5)]
    assert found('name__icontains=pAGE_3') == ['Page_3']
    assert found('name__contains=page_3') == []
    assert found('name__endswith=%25') == []
    first = admin.ok('GET', '/v3/users?name__startswith=Page_&limit=2')
    assert [u['name'] for u in first['users']] == ['Page_0', 'Page_1']
    path = first['links']['next'].removeprefix(admin.url)
    second = admin.ok('GET', path)
    assert [u['name'] for u in second['users']] == ['Page_2', 'Page_3']
    third = admin.ok('GET', second['links']['next'].removeprefix(admin.url))
    assert [u['name'] for u in third['users']] == ['Page_4'] and third['links']['next'] is None
    for user in made:
        admin.ok('DELETE', f'/v3/users/{user}', status=204)


def test_groups(sdk):
    user = sdk.create_user(name='member', domain_id='default')
    group = sdk.create_group(name='crew', description='all hands', domain_id='default')
    assert sdk.find_group('crew').id == group.id
    sdk.add_user_to_group(user, group)
    assert sdk.check_user_in_group(user, group)
    assert names(sdk.group_users(group)) == {'member'}
    assert names(sdk.user_groups(user)) == {'crew'}
    sdk.remove_user_from_group(user, group)
    assert not sdk.check_user_in_group(user, group)
    assert sdk.update_group(group, name='staff').name == 'staff'
    sdk.delete_group(group, ignore_missing=False)
    sdk.delete_user(user, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_group(group.id)


def test_roles(sdk, admin):
    role = sdk.create_role(name='gardener', description='waters')
    assert sdk.get_role(role.id).description == 'waters'
    assert sdk.update_role(role, name='florist').name == 'florist'
    assert {'admin', 'manager', 'member', 'reader', 'service', 'florist'} <= names(sdk.roles())
    with pytest.raises(exceptions.ConflictException):
        sdk.create_role(name='florist')
    assert admin('PATCH', f'/v3/roles/{role.id}', {'role': {'domain_id': 'default'}}).status_code == 400
    sdk.delete_role(role, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_role(role.id)


def test_what_is_marked_immutable_stays(admin):
    role = admin.ok('POST', '/v3/roles', {'role': {'name': 'fixed', 'options': {'immutable': True}}}, 201)['role']
    assert admin('DELETE', f'/v3/roles/{role["id"]}').status_code == 403
    assert admin('PATCH', f'/v3/roles/{role["id"]}', {'role': {'name': 'loose'}}).status_code == 403
    admin.ok('PATCH', f'/v3/roles/{role["id"]}', {'role': {'options': {'immutable': False}}})
    admin.ok('DELETE', f'/v3/roles/{role["id"]}', status=204)


def test_roles_that_imply_others(admin):
    prior, implied = (admin.ok('POST', '/v3/roles', {'role': {'name': name}}, 201)['role'] for name in ('cook', 'taster'))
    path = f'/v3/roles/{prior["id"]}/implies/{implied["id"]}'
    made = admin.ok('PUT', path, status=201)['role_inference']
    assert made['prior_role']['name'] == 'cook' and made['implies']['name'] == 'taster'
    assert admin('HEAD', path).status_code == 204
    assert admin.ok('GET', path)['role_inference'] == made
    listed = admin.ok('GET', f'/v3/roles/{prior["id"]}/implies')['role_inference']
    assert [role['name'] for role in listed['implies']] == ['taster']
    rules = {
        (rule['prior_role']['name'], role['name'])
        for rule in admin.ok('GET', '/v3/role_inferences')['role_inferences']
        for role in rule['implies']
    }
    assert {('admin', 'manager'), ('manager', 'member'), ('member', 'reader'), ('cook', 'taster')} <= rules
    admin.ok('DELETE', path, status=204)
    assert admin('GET', path).status_code == 404
    root = admin.ok('GET', '/v3/roles?name=admin')['roles'][0]
    assert admin('PUT', f'/v3/roles/{prior["id"]}/implies/{root["id"]}').status_code == 403
    for role in (prior, implied):
        admin.ok('DELETE', f'/v3/roles/{role["id"]}', status=204)


def test_the_catalog_follows_what_is_changed(cloud, sdk):
    region = sdk.create_region(id='RegionTwo', description='west')
    assert sdk.update_region(region, description='far west').description == 'far west'
    service = sdk.create_service(type='dns', name='designate', description='names')
    endpoint = sdk.create_endpoint(service_id=service.id, interface='public', url='http://dns/$(project_id)s', region_id=region.id)

    def urls():
        access = cloud.client().session.auth.get_access(cloud.session())
        return access.service_catalog.get_urls(service_type='dns', interface='public', region_name='RegionTwo')

    assert urls()[0].startswith('http://dns/') and '$' not in urls()[0]
    sdk.update_endpoint(endpoint, url='http://names/')
    assert urls() == ('http://names/',)
    sdk.update_endpoint(endpoint, is_enabled=False)
    assert urls() == ()
    sdk.update_endpoint(endpoint, is_enabled=True)
    sdk.update_service(service, is_enabled=False)
    assert urls() == ()
    assert [e.id for e in sdk.endpoints(service_id=service.id)] == [endpoint.id]
    with pytest.raises(exceptions.ForbiddenException):
        sdk.delete_region(region, ignore_missing=False)
    sdk.delete_service(service, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_endpoint(endpoint.id)
    sdk.delete_region(region, ignore_missing=False)


def test_regions_have_regions(admin):
    admin.ok('PUT', '/v3/regions/north', {'region': {'parent_region_id': None}}, 201)
    child = admin.ok('POST', '/v3/regions', {'region': {'parent_region_id': 'north', 'description': 'x'}}, 201)['region']
    assert len(child['id']) == 32
    assert [r['id'] for r in admin.ok('GET', '/v3/regions?parent_region_id=north')['regions']] == [child['id']]
    assert admin('PATCH', '/v3/regions/north', {'region': {'parent_region_id': child['id']}}).status_code == 400
    assert admin('PUT', '/v3/regions/north', {'region': {}}).status_code == 409
    assert admin('POST', '/v3/regions', {'region': {'parent_region_id': 'nowhere'}}).status_code == 404
    assert admin('DELETE', '/v3/regions/north').status_code == 403
    admin.ok('DELETE', f'/v3/regions/{child["id"]}', status=204)
    admin.ok('DELETE', '/v3/regions/north', status=204)


def test_attributes_that_clients_make_up_are_kept(admin):
    made = admin.ok('POST', '/v3/services', {'service': {'type': 'x', 'colour': 'red', 'size': {'w': 1}}}, 201)['service']
    path = f'/v3/services/{made["id"]}'
    assert made['colour'] == 'red'
    admin.ok('PATCH', path, {'service': {'colour': None, 'shape': 'round'}})
    shown = admin.ok('GET', path)['service']
    assert 'colour' not in shown and shown['shape'] == 'round' and shown['size'] == {'w': 1}
    admin.ok('DELETE', path, status=204)


def test_version_documents(admin):
    answer = admin('GET', '/', token='')
    assert answer.status_code == 300
    version = answer.json()['versions']['values'][0]
    assert version['id'] == 'v3.14' and version['status'] == 'stable'
    assert version['links'] == [{'rel': 'self', 'href': f'{admin.url}/v3/'}]
    assert admin('GET', '/v3/', token='').json()['version'] == version
    assert admin('GET', '/v3', token='').status_code == 200


def test_what_does_not_exist(admin):
    for path in ('users', 'projects', 'domains', 'groups', 'roles', 'regions', 'services', 'endpoints'):
        for method, body in (('GET', None), ('PATCH', {path[:-1]: {}}), ('DELETE', None)):
            answer = admin(method, f'/v3/{path}/no-such-thing', body)
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.json()['error']['title'] == 'Not Found'
    assert admin('GET', '/v3/nonsense').status_code == 404
    answer = admin('PUT', '/v3/users')
    assert answer.status_code == 405 and 'GET' in answer.headers['Allow']
