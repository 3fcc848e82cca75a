"""Policies that are kept for services, and which endpoint has which; revocation events as OS-REVOKE shows them."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN


@pytest.fixture
def policies(admin):
    """Three policies, by name."""
    made = {}
    for name in ('own', 'regional', 'general'):
        made[name] = admin.ok('POST', '/v3/policies', {'policy': {'type': 'text/plain', 'blob': name, 'note': 'n'}}, 201)['policy']
    yield made
    for policy in made.values():
        admin('DELETE', f'/v3/policies/{policy["id"]}')


@pytest.fixture
def compute(admin):
    return admin.ok('GET', '/v3/services?type=compute')['services'][0]['id']


def test_policies_are_kept_as_they_are(cloud, admin, policies):
    own = policies['own']
    assert (own['type'], own['blob'], own['note']) == ('text/plain', 'own', 'n')
    assert admin.ok('GET', f'/v3/policies/{own["id"]}')['policy'] == own
    sdk = cloud.sdk()
    sdk.identity.update_policy(own['id'], type='application/json', blob='{}')
    assert [one.blob for one in sdk.identity.policies(type='application/json')] == ['{}']
    assert {one.id for one in sdk.identity.policies()} == {one['id'] for one in policies.values()}
    admin.ok('DELETE', f'/v3/policies/{own["id"]}', status=204)
    assert admin('GET', f'/v3/policies/{own["id"]}').status_code == 404
    assert admin('POST', '/v3/policies', {'policy': {'type': 'text/plain'}}).status_code == 400


def test_the_closest_association_counts(admin, policies, compute):
    endpoints = {one['interface']: one['id'] for one in admin.ok('GET', f'/v3/endpoints?service_id={compute}')['endpoints']}
    path = f'/v3/endpoints/{endpoints["public"]}/OS-ENDPOINT-POLICY/policy'
    places = {
        'general': f'services/{compute}',
        'regional': f'services/{compute}/regions/RegionOne',
        'own': f'endpoints/{endpoints["public"]}',
    }
    assert admin('GET', path).status_code == 404
    for name, place in places.items():
        association = f'/v3/policies/{policies[name]["id"]}/OS-ENDPOINT-POLICY/{place}'
        assert admin('GET', association).status_code == 404
        admin.ok('PUT', association, status=204)
        assert admin('GET', association).status_code == admin('HEAD', association).status_code == 204
        assert admin.ok('GET', path)['policy']['id'] == policies[name]['id']

    def having(name):
        return {
            one['interface'] for one in admin.ok('GET', f'/v3/policies/{policies[name]["id"]}/OS-ENDPOINT-POLICY/endpoints')['endpoints']
        }

    assert (having('own'), having('regional'), having('general')) == ({'public'}, {'internal', 'admin'}, set())
    admin.ok('DELETE', f'/v3/policies/{policies["own"]["id"]}', status=204)
    assert having('regional') == {'public', 'internal', 'admin'}
    admin.ok('DELETE', f'/v3/policies/{policies["regional"]["id"]}/OS-ENDPOINT-POLICY/{places["regional"]}', status=204)
    assert having('general') == {'public', 'internal', 'admin'}
    # Another policy takes the place of the one before.
    admin.ok('PUT', f'/v3/policies/{policies["regional"]["id"]}/OS-ENDPOINT-POLICY/{places["general"]}', status=204)
    assert admin.ok('GET', path)['policy']['id'] == policies['regional']['id']
    assert admin('PUT', f'/v3/policies/nothing/OS-ENDPOINT-POLICY/{places["general"]}').status_code == 404


def test_only_administrators_see_policies(demo, policies):
    assert demo('GET', '/v3/policies').status_code == 403
    assert demo('GET', f'/v3/policies/{policies["own"]["id"]}').status_code == 403


def test_revocation_events(cloud, admin, demo):
    ended = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default').token
    audit_id = admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=ended)['token']['audit_ids'][0]
    before = admin.ok('GET', '/v3/OS-REVOKE/events')['events']
    admin.ok('DELETE', '/v3/auth/tokens', status=204, X_Subject_Token=ended)
    (event,) = [one for one in admin.ok('GET', '/v3/OS-REVOKE/events')['events'] if one not in before]
    assert event['audit_id'] == audit_id
    assert event in admin.ok('GET', f'/v3/OS-REVOKE/events?since={event["issued_before"]}')['events']
    assert admin.ok('GET', '/v3/OS-REVOKE/events?since=2999-01-01T00:00:00Z')['events'] == []
    assert demo('GET', '/v3/OS-REVOKE/events').status_code == 403


def test_no_event_reads_as_being_about_all_tokens(cloud, admin, demo):
    """What OS-REVOKE has no word for is left out: an event that names nothing would void every token where it is read."""
    base = f'/v3/users/{demo.session.get_user_id()}/application_credentials'
    made = demo.ok('POST', base, {'application_credential': {'name': 'n'}}, 201)['application_credential']
    ended = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default').token
    admin.ok('DELETE', '/v3/auth/tokens', status=204, X_Subject_Token=ended)
    events, last = admin.ok('GET', '/v3/OS-REVOKE/events')['events'], cloud.service.revocations.latest_id
    demo.ok('DELETE', f'{base}/{made["id"]}', status=204)
    assert cloud.service.revocations.latest_id > last and admin.ok('GET', '/v3/OS-REVOKE/events')['events'] == events
    assert events and all(set(event) - {'issued_before', 'revoked_at'} for event in events)
