"""Many clients at once: no lost update, no doublet, no error of ours."""

from __future__ import annotations

import base64
import concurrent.futures
import types
from collections import Counter

from identity.one_time_passwords import code
from tests.databases import CHOSEN

DATABASES = CHOSEN


def at_once(count, act):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(act, i) for i in range(count)]]


def test_one_name_is_given_once(admin):
    for kind in ('user', 'group', 'project', 'domain', 'role'):
        answers = at_once(8, lambda i, kind=kind: admin('POST', f'/v3/{kind}s', {kind: {'name': 'wanted'}}))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
        assert len(admin.ok('GET', f'/v3/{kind}s?name=wanted')[f'{kind}s']) == 1


def test_giving_and_taking_the_same_at_once(admin):
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'busy'}}, 201)['user']['id']
    group = admin.ok('POST', '/v3/groups', {'group': {'name': 'busy'}}, 201)['group']['id']
    project = admin.ok('POST', '/v3/projects', {'project': {'name': 'busy'}}, 201)['project']['id']
    role = admin.ok('GET', '/v3/roles?name=reader')['roles'][0]['id']
    for path in (f'/v3/projects/{project}/users/{user}/roles/{role}', f'/v3/groups/{group}/users/{user}'):
        assert {answer.status_code for answer in at_once(8, lambda i, path=path: admin('PUT', path))} == {204}
        assert Counter(answer.status_code for answer in at_once(8, lambda i, path=path: admin('DELETE', path))) == {204: 1, 404: 7}


def test_making_and_removing_at_once_leaves_nothing(admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'crowded'}}, 201)['domain']['id']
    role = admin.ok('GET', '/v3/roles?name=reader')['roles'][0]['id']

    def live(i):
        seen = []
        for turn in range(3):
            made = admin('POST', '/v3/users', {'user': {'name': f'u{i}-{turn}', 'domain_id': domain}})
            seen.append(made.status_code)
            user = made.json()['user']['id']
            seen.append(admin('PUT', f'/v3/domains/{domain}/users/{user}/roles/{role}').status_code)
            seen.append(admin('PATCH', f'/v3/users/{user}', {'user': {'enabled': False}}).status_code)
            seen.append(admin('DELETE', f'/v3/users/{user}').status_code)
        return seen

    assert Counter(status for seen in at_once(6, live) for status in seen) == {201: 18, 204: 36, 200: 18}
    assert admin.ok('GET', f'/v3/users?domain_id={domain}')['users'] == []
    assert admin.ok('GET', f'/v3/role_assignments?scope.domain.id={domain}')['role_assignments'] == []


def test_events_of_all_revocations_are_kept(cloud, admin):
    before = cloud.service.revocations.latest_id
    sessions = [cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default') for _ in range(8)]
    tokens = [session.token for session in sessions]
    assert {answer.status_code for answer in at_once(8, lambda i: admin('DELETE', '/v3/auth/tokens', X_Subject_Token=tokens[i]))} == {204}
    events = admin.ok('GET', f'/v3/pileus/revocations?since={before}')['revocations']
    assert len({event['audit_id'] for event in events if 'audit_id' in event}) == 8
    assert all(admin('GET', '/v3/auth/projects', token=token).status_code == 401 for token in tokens)


def test_a_one_time_password_is_used_once(admin, monkeypatch):
    now = 1_800_000_000
    monkeypatch.setattr('identity.one_time_passwords.clock', types.SimpleNamespace(timestamp=lambda: now))
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'careful'}}, 201)['user']['id']
    admin.ok('POST', '/v3/credentials', {'credential': {'type': 'totp', 'user_id': user, 'blob': base64.b32encode(b'seed').decode()}}, 201)
    proof = {'methods': ['totp'], 'totp': {'user': {'id': user, 'passcode': code(b'seed', now // 30)}}}
    answers = at_once(8, lambda i: admin('POST', '/v3/auth/tokens', {'auth': {'identity': proof}}, token='').status_code)
    assert Counter(answers)[201] == 1 and set(answers) <= {201, 401, 429}
