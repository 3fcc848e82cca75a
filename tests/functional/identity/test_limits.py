"""Registered limits, limits of projects and domains, and who sees them."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN


@pytest.fixture
def compute(admin):
    return admin.ok('GET', '/v3/services?type=compute')['services'][0]['id']


@pytest.fixture
def registered(admin, compute):
    """A registered limit for servers in one region."""
    body = {'service_id': compute, 'region_id': 'RegionOne', 'resource_name': 'servers', 'default_limit': 10}
    (made,) = admin.ok('POST', '/v3/registered_limits', {'registered_limits': [body]}, 201)['registered_limits']
    yield made
    for limit in admin.ok('GET', '/v3/limits?resource_name=servers')['limits']:
        admin.ok('DELETE', f'/v3/limits/{limit["id"]}', status=204)
    admin.ok('DELETE', f'/v3/registered_limits/{made["id"]}', status=204)


def own_project(client):
    return client.session.get_project_id()


def limit(registered, amount=5, **owner):
    place = {name: registered[name] for name in ('service_id', 'region_id', 'resource_name')}
    return {'limits': [{**place, 'resource_limit': amount, **owner}]}


def test_what_holds_for_everybody(cloud, admin, compute, registered):
    assert (registered['default_limit'], registered['description']) == (10, None)
    sdk = cloud.sdk()
    assert sdk.identity.get_registered_limit(registered['id']).resource_name == 'servers'
    changed = sdk.identity.update_registered_limit(registered['id'], default_limit=-1, description='as many as wanted')
    assert (changed.default_limit, changed.description) == (-1, 'as many as wanted')
    anywhere = sdk.identity.create_registered_limit(service_id=compute, resource_name='servers', default_limit=3)
    assert anywhere.region_id is None
    assert {one.id for one in sdk.identity.registered_limits(resource_name='servers')} == {registered['id'], anywhere.id}
    assert [one.id for one in sdk.identity.registered_limits(region_id='RegionOne')] == [registered['id']]
    sdk.identity.delete_registered_limit(anywhere.id)


def test_one_registered_limit_for_each_resource_and_place(admin, compute, registered):
    for region in ('RegionOne', None):
        body = {'service_id': compute, 'region_id': region, 'resource_name': 'volumes', 'default_limit': 1}
        made = admin.ok('POST', '/v3/registered_limits', {'registered_limits': [body]}, 201)['registered_limits'][0]
        assert admin('POST', '/v3/registered_limits', {'registered_limits': [body]}).status_code == 409
        other = {**body, 'resource_name': 'others'}
        # All or none.
        assert admin('POST', '/v3/registered_limits', {'registered_limits': [other, body]}).status_code == 409
        assert admin.ok('GET', '/v3/registered_limits?resource_name=others')['registered_limits'] == []
        moved = {'registered_limit': {'resource_name': 'servers', 'region_id': 'RegionOne'}}
        assert admin('PATCH', f'/v3/registered_limits/{made["id"]}', moved).status_code == 409
        admin.ok('DELETE', f'/v3/registered_limits/{made["id"]}', status=204)


def test_the_limit_of_one_project(cloud, admin, demo, registered):
    sdk = cloud.sdk()
    project = own_project(demo)
    place = {name: registered[name] for name in ('service_id', 'region_id', 'resource_name')}
    made = sdk.identity.create_limit(**place, project_id=project, resource_limit=5)
    assert (made.project_id, made.domain_id, made.resource_limit) == (project, None, 5)
    assert admin('POST', '/v3/limits', limit(registered, project_id=project)).status_code == 409
    assert sdk.identity.update_limit(made.id, resource_limit=6, description='more').resource_limit == 6
    # What is registered cannot go or move while somebody has a limit of the own instead.
    assert admin('DELETE', f'/v3/registered_limits/{registered["id"]}').status_code == 403
    moved = {'registered_limit': {'resource_name': 'other'}}
    assert admin('PATCH', f'/v3/registered_limits/{registered["id"]}', moved).status_code == 403
    assert demo.ok('GET', f'/v3/limits/{made.id}')['limit']['resource_limit'] == 6
    sdk.identity.delete_limit(made.id)
    assert admin('GET', f'/v3/limits/{made.id}').status_code == 404


def test_who_sees_which_limits(cloud, admin, demo, registered):
    other = cloud.client('other', 'other-secret', project_name='other', project_domain_name='Default')
    ids = {}
    for name, owner in (
        ('demo', {'project_id': own_project(demo)}),
        ('other', {'project_id': own_project(other)}),
        ('all', {'domain_id': 'default'}),
    ):
        ids[name] = admin.ok('POST', '/v3/limits', limit(registered, **owner), 201)['limits'][0]['id']
    assert {one['id'] for one in admin.ok('GET', '/v3/limits')['limits']} == set(ids.values())
    assert [one['id'] for one in admin.ok('GET', '/v3/limits?domain_id=default')['limits']] == [ids['all']]
    assert [one['id'] for one in demo.ok('GET', '/v3/limits')['limits']] == [ids['demo']]
    assert [one['id'] for one in demo.ok('GET', f'/v3/limits?project_id={own_project(other)}')['limits']] == []
    assert demo('GET', f'/v3/limits/{ids["other"]}').status_code == 403
    assert demo('GET', '/v3/limits/nothing').status_code == 403
    assert demo('POST', '/v3/limits', limit(registered, project_id=own_project(demo))).status_code == 403
    of_domain = cloud.client(domain_id='default')
    assert {one['id'] for one in of_domain.ok('GET', '/v3/limits')['limits']} == set(ids.values())


def test_a_limit_goes_with_its_project(admin, registered):
    project = admin.ok('POST', '/v3/projects', {'project': {'name': 'limited'}}, 201)['project']['id']
    admin.ok('POST', '/v3/limits', limit(registered, project_id=project), 201)
    admin.ok('DELETE', f'/v3/projects/{project}', status=204)
    assert admin.ok('GET', '/v3/limits')['limits'] == []


def test_limits_that_cannot_be(admin, demo, registered):
    project = own_project(demo)
    assert admin('POST', '/v3/limits', limit({**registered, 'region_id': None}, project_id=project)).status_code == 403
    assert admin('POST', '/v3/limits', limit(registered)).status_code == 400
    assert admin('POST', '/v3/limits', limit(registered, project_id=project, domain_id='default')).status_code == 400
    assert admin('POST', '/v3/limits', limit(registered, project_id='nowhere')).status_code == 400
    assert admin('POST', '/v3/limits', limit(registered, -2, project_id=project)).status_code == 400
    assert admin('POST', '/v3/limits', limit({**registered, 'service_id': 'none'}, project_id=project)).status_code == 400


def test_the_model(demo):
    assert demo.ok('GET', '/v3/limits/model')['model']['name'] == 'flat'
