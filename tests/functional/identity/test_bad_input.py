"""What is refused before anything changes, each with keystone's error body and a message that names the field."""

from __future__ import annotations

import pytest

LONG = 'x' * 300
CASES = [
    ('POST', '/v3/users', {'user': {}}, 400),
    ('POST', '/v3/users', {}, 400),
    ('POST', '/v3/users', {'user': {'name': ''}}, 400),
    ('POST', '/v3/users', {'user': {'name': '   '}}, 400),
    ('POST', '/v3/users', {'user': {'name': LONG}}, 400),
    ('POST', '/v3/users', {'user': {'name': 7}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a\x00b'}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a', 'enabled': 'yes'}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a', 'password': 5}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a', 'password': 'p' * 5000}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a', 'options': {'unknown': True}}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a', 'options': {'lock_password': 'x'}}}, 400),
    ('POST', '/v3/users', {'user': {'name': 'a', 'domain_id': 'f' * 32}}, 404),
    ('POST', '/v3/users', {'user': {'name': 'admin', 'domain_id': 'default'}}, 409),
    ('POST', '/v3/users', [], 400),
    ('POST', '/v3/users', {'user': []}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'x' * 65}}, 400),
    ('POST', '/v3/projects', {'project': {'name': ''}}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'enabled': 1}}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'tags': ['a,b']}}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'tags': ['a', 'a']}}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'tags': [str(i) for i in range(81)]}}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'domain_id': 'f' * 32}}, 404),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'parent_id': 'f' * 32}}, 404),
    ('POST', '/v3/projects', {'project': {'name': 'a', 'is_domain': True, 'domain_id': 'default'}}, 400),
    ('POST', '/v3/projects', {'project': {'name': 'admin', 'domain_id': 'default'}}, 409),
    ('POST', '/v3/domains', {'domain': {'name': 'x' * 65}}, 400),
    ('POST', '/v3/domains', {'domain': {'name': 'a', 'explicit_domain_id': 'zz'}}, 400),
    ('POST', '/v3/domains', {'domain': {'name': 'Default'}}, 409),
    ('POST', '/v3/groups', {'group': {'name': 'x' * 65}}, 400),
    ('POST', '/v3/groups', {'group': {'description': 'no name'}}, 400),
    ('POST', '/v3/groups', {'group': {'name': 'a', 'domain_id': 'f' * 32}}, 404),
    ('POST', '/v3/roles', {'role': {'name': LONG}}, 400),
    ('POST', '/v3/roles', {'role': {'name': 'admin'}}, 409),
    ('POST', '/v3/roles', {'role': {'name': 'a', 'domain_id': 'f' * 32}}, 404),
    ('POST', '/v3/services', {'service': {'name': 'no type'}}, 400),
    ('POST', '/v3/services', {'service': {'type': 't', 'enabled': 'True'}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'interface': 'public', 'url': 'http://x'}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'service_id': 'f' * 32, 'interface': 'public', 'url': 'http://x'}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'service_id': '{service}', 'interface': 'open', 'url': 'http://x'}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'service_id': '{service}', 'interface': 'public', 'url': ''}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'service_id': '{service}', 'interface': 'public', 'url': 'http://x/$(admin_token)s'}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'service_id': '{service}', 'interface': 'public', 'url': 'http://x/$(project_id'}}, 400),
    ('POST', '/v3/endpoints', {'endpoint': {'service_id': '{service}', 'interface': 'public', 'url': 'http://x', 'enabled': 'False'}}, 400),
    ('POST', '/v3/regions', {'region': {'id': LONG}}, 400),
    ('POST', '/v3/regions', {'region': {'id': 'RegionOne'}}, 409),
    ('GET', '/v3/users?enabled=perhaps', None, 400),
    ('GET', '/v3/users?limit=-1', None, 400),
    ('GET', '/v3/users?limit=x', None, 400),
    ('GET', '/v3/users?name=%00', None, 400),
    ('GET', '/v3/users?name=%ff', None, 400),
    ('GET', '/v3/pileus/revocations?since=-1', None, 400),
    ('GET', '/v3/pileus/revocations?since=99999999999999999999999', None, 400),
]


def fill(body, service):
    if isinstance(body, dict):
        return {key: fill(value, service) for key, value in body.items()}
    return service if body == '{service}' else body


def inventory(admin):
    kinds = ('users', 'projects', 'domains', 'groups', 'roles', 'services', 'endpoints', 'regions')
    return {kind: admin.ok('GET', f'/v3/{kind}')[kind] for kind in kinds}


@pytest.mark.parametrize(('method', 'path', 'body', 'status'), CASES)
def test_refused(admin, method, path, body, status):
    before = inventory(admin)
    answer = admin(method, path, fill(body, before['services'][0]['id']))
    assert answer.status_code == status, answer.text
    error = answer.json()['error']
    assert error['code'] == status and error['title'] and error['message']
    for leak in ('sqlalchemy', 'Traceback', 'SELECT', '/identity/', 'IntegrityError'):
        assert leak not in answer.text
    assert inventory(admin) == before


@pytest.mark.parametrize('data', [b'{', b'\xff\xfe', b'{"user": NaN}', b'', b'[' * 100000, b'{"user": {"name": "\\ud800"}}'])
def test_broken_json(admin, data):
    answer = admin.session.post(f'{admin.url}/v3/users', data=data, headers={'Content-Type': 'application/json'}, raise_exc=False)
    assert answer.status_code == 400 and answer.json()['error']['code'] == 400


def test_other_forms_of_bodies(admin):
    answer = admin.session.post(f'{admin.url}/v3/users', data=b'<user/>', headers={'Content-Type': 'application/xml'}, raise_exc=False)
    assert answer.status_code == 415
    answer = admin.session.post(f'{admin.url}/v3/users', json={'user': {'name': 'x', 'note': 'y' * 2_000_000}}, raise_exc=False)
    assert answer.status_code == 413
