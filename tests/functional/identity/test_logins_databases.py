"""What logins leave behind, and what is asked about them later, on every kind of database."""

from __future__ import annotations

import dataclasses
import datetime
import types

from common import clock
from common.ids import new_hex_id
from common.tokens import new_audit_id
from identity.db import logins
from tests.databases import CHOSEN

DATABASES = CHOSEN


def ended(cloud, token):
    """The token as it would be an hour after its end."""
    claims = cloud.service.verifier.verify(token)
    now = clock.timestamp()
    claims = dataclasses.replace(claims, issued_at=now - 7200, expires_at=now - 3600, audit_ids=(new_audit_id(),))
    return cloud.service.signer.issue(claims)


def test_homes_are_kept_and_renewed(cloud):
    now, service = clock.now(), cloud.service
    first, later = now + datetime.timedelta(hours=1), now + datetime.timedelta(hours=2)
    for keys, until in ((['h1', 'h2'], first), (['h2', 'h3'], later)):
        with service.db.write() as session:
            logins.keep_homes(session, keys, until)
    with service.read() as session:
        found = dict(logins.homes(session, now, 10))
        assert {key for key in found if key in ('h1', 'h2', 'h3')} == {'h1', 'h2', 'h3'}
        assert abs((found['h2'] - later).total_seconds()) < 1
    with service.db.write() as session:
        logins.forget(session, first + datetime.timedelta(seconds=1), now)
    with service.read() as session:
        assert {'h2', 'h3'} <= dict(logins.homes(session, now, 10)).keys() and 'h1' not in dict(logins.homes(session, now, 10))


def test_roles_that_do_not_fit_and_a_token_that_has_ended(cloud, admin):
    name = new_hex_id()
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
    project = admin.ok('POST', '/v3/projects', {'project': {'name': name}}, 201)['project']['id']
    roles = [f'{i}-{new_hex_id()}{"ü" * 150}' for i in range(5)]
    for role in roles:
        made = admin.ok('POST', '/v3/roles', {'role': {'name': role}}, 201)['role']['id']
        admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{made}', status=204)
    token = cloud.client(name, name, project_id=project).token
    shown = admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']
    assert {role['name'] for role in shown['roles']} == set(roles) and len(token) < 1024
    assert len(cloud.client(name, name, project_id=project).token) < 1024, 'the same set once more'

    plain = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    late = ended(cloud, plain.token)
    path = '/v3/auth/tokens?allow_expired=1'
    admin.ok('GET', path, X_Subject_Token=late)
    admin.ok('PATCH', f'/v3/users/{plain.session.get_user_id()}', {'user': {'password': 'demo-secret'}})
    assert admin('GET', path, X_Subject_Token=late).status_code == 404


def test_the_clock_is_compared_with_the_database(cloud, monkeypatch):
    shared = cloud.service.db.dialect != 'sqlite'
    ahead = types.SimpleNamespace(now=lambda: clock.now() + datetime.timedelta(seconds=100))
    assert abs(cloud.service.clock_difference()) < 5
    monkeypatch.setattr('identity.service.clock', ahead)
    assert round(cloud.service.clock_difference(), -1) == (100 if shared else 0)
