"""Catalogs narrowed project by project, by endpoint and by groups of endpoints."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN
BASE = '/v3/OS-EP-FILTER'


@pytest.fixture
def project(admin):
    """A project of the user demo, with the whole catalog."""
    made = admin.ok('POST', '/v3/projects', {'project': {'name': 'narrow'}}, 201)['project']['id']
    user = admin.ok('GET', '/v3/users?name=demo')['users'][0]['id']
    role = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    admin.ok('PUT', f'/v3/projects/{made}/users/{user}/roles/{role}', status=204)
    yield made
    admin.ok('DELETE', f'/v3/projects/{made}', status=204)


@pytest.fixture
def compute(admin):
    return admin.ok('GET', '/v3/services?type=compute')['services'][0]['id']


def catalog(cloud, project):
    client = cloud.client('demo', 'demo-secret', project_id=project)
    found = client.ok('GET', '/v3/auth/catalog')['catalog']
    # The catalog that comes with the token is the same one.
    assert client.session.auth.get_access(client.session).service_catalog.catalog == found
    return {service['type']: {endpoint['interface'] for endpoint in service['endpoints']} for service in found}


def test_a_project_sees_the_endpoints_it_was_given(cloud, admin, project, compute):
    assert set(catalog(cloud, project)) == {'identity', 'compute', 'volumev3'}
    endpoint = admin.ok('GET', f'/v3/endpoints?service_id={compute}&interface=public')['endpoints'][0]['id']
    path = f'{BASE}/projects/{project}/endpoints/{endpoint}'
    assert admin('HEAD', path).status_code == 404
    admin.ok('PUT', path, status=204)
    admin.ok('PUT', path, status=204)
    assert admin('HEAD', path).status_code == 204
    assert catalog(cloud, project) == {'compute': {'public'}}
    assert [one['id'] for one in admin.ok('GET', f'{BASE}/projects/{project}/endpoints')['endpoints']] == [endpoint]
    assert [one['id'] for one in admin.ok('GET', f'{BASE}/endpoints/{endpoint}/projects')['projects']] == [project]
    admin.ok('DELETE', path, status=204)
    assert admin('DELETE', path).status_code == 404
    assert set(catalog(cloud, project)) == {'identity', 'compute', 'volumev3'}


def test_a_project_sees_the_endpoints_of_its_groups(cloud, admin, project, compute):
    body = {'endpoint_group': {'name': 'inside', 'description': 'd', 'filters': {'service_id': compute, 'interface': 'internal'}}}
    group = admin.ok('POST', f'{BASE}/endpoint_groups', body, 201)['endpoint_group']
    assert {**body['endpoint_group'], 'id': group['id'], 'links': group['links']} == group
    path = f'{BASE}/endpoint_groups/{group["id"]}'
    admin.ok('PUT', f'{path}/projects/{project}', status=204)
    assert catalog(cloud, project) == {'compute': {'internal'}}
    assert admin.ok('GET', f'{path}/projects/{project}')['project_endpoint_group']['project_id'] == project
    assert [one['interface'] for one in admin.ok('GET', f'{path}/endpoints')['endpoints']] == ['internal']
    assert [one['id'] for one in admin.ok('GET', f'{path}/projects')['projects']] == [project]
    assert admin.ok('GET', f'{BASE}/projects/{project}/endpoint_groups')['endpoint_groups'] == [group]
    admin.ok('PATCH', path, {'endpoint_group': {'filters': {'interface': 'admin'}}})
    assert catalog(cloud, project) == {'compute': {'admin'}}
    admin.ok('DELETE', path, status=204)
    assert set(catalog(cloud, project)) == {'identity', 'compute', 'volumev3'}


def test_groups_are_listed_checked_and_changed(admin, compute):
    body = {'endpoint_group': {'name': 'listed', 'filters': {'service_id': compute}}}
    group = admin.ok('POST', f'{BASE}/endpoint_groups', body, 201)['endpoint_group']
    path = f'{BASE}/endpoint_groups/{group["id"]}'
    assert admin('HEAD', path).status_code == 200
    assert admin.ok('GET', path)['endpoint_group'] == group
    assert admin.ok('GET', f'{BASE}/endpoint_groups?name=listed')['endpoint_groups'] == [group]
    changed = admin.ok('PATCH', path, {'endpoint_group': {'name': 'other', 'description': 'new'}})['endpoint_group']
    assert changed == {**group, 'name': 'other', 'description': 'new'}
    admin.ok('DELETE', path, status=204)
    assert admin('HEAD', path).status_code == admin('GET', path).status_code == 404


@pytest.mark.parametrize('filters', [{'colour': 'red'}, {'interface': 'inside'}])
def test_filters_that_endpoints_do_not_have(admin, filters):
    assert admin('POST', f'{BASE}/endpoint_groups', {'endpoint_group': {'name': 'x', 'filters': filters}}).status_code == 400


def test_only_administrators_choose(demo, project):
    assert demo('GET', f'{BASE}/endpoint_groups').status_code == 403
    assert demo('PUT', f'{BASE}/projects/{project}/endpoints/any').status_code == 403
