"""The rules that an operator may set for passwords, as users meet them."""

from __future__ import annotations

import datetime

import pytest
from keystoneauth1 import exceptions

from common import clock
from tests.functional.identity.conftest import start

RULES = {
    'lockout_failure_attempts': 3,
    'lockout_duration': 60,
    'unique_last_password_count': 3,
    'password_regex': '^.{4,}$',
    'password_regex_description': 'at least four characters',
    'password_expires_days': 30,
    'minimum_password_age': 0,
}


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('strict'), security_compliance=RULES)
    yield found
    found.runtime.stop()


@pytest.fixture
def user(admin):
    found = admin.ok('POST', '/v3/users', {'user': {'name': 'eve', 'password': 'pass1'}}, 201)['user']
    yield found
    admin('DELETE', f'/v3/users/{found["id"]}')


def login(admin, user, password):
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': {'id': user['id'], 'password': password}}}}}
    return admin.session.post(f'{admin.url}/v3/auth/tokens', json=body, authenticated=False, raise_exc=False)


def change(admin, user, old, new):
    return admin('POST', f'/v3/users/{user["id"]}/password', {'user': {'original_password': old, 'password': new}})


@pytest.fixture
def later(monkeypatch):
    def go(**delta):
        moment = clock.now() + datetime.timedelta(**delta)
        monkeypatch.setattr(clock, 'now', lambda: moment)

    return go


def test_strangers_lock_no_service_out(cloud):
    """It logs in every hour, and the cloud stands still when it cannot."""
    place = {'project_name': 'service', 'project_domain_name': 'Default'}
    for _ in range(4):
        with pytest.raises(exceptions.Unauthorized):
            cloud.client('compute', 'wrong', **place).session.get_token()
    assert cloud.client('compute', 's' * 40, **place).session.get_token()


def test_who_fails_too_often_is_locked_out_for_a_while(admin, user, later):
    for _ in range(3):
        assert login(admin, user, 'wrong').status_code == 401
    refused = login(admin, user, 'pass1')
    assert refused.status_code == 401
    assert refused.json() == login(admin, {'id': 'f' * 32}, 'x').json()  # it does not tell
    assert change(admin, user, 'pass1', 'pass2').status_code == 401
    later(seconds=61)
    assert login(admin, user, 'pass1').status_code == 201


def test_a_good_login_starts_the_count_anew(admin, user):
    for _ in range(3):
        assert login(admin, user, 'wrong').status_code == 401
        assert login(admin, user, 'wrong').status_code == 401
        assert login(admin, user, 'pass1').status_code == 201


def test_an_administrator_lets_a_locked_user_in_by_disabling_and_enabling(admin, user):
    for _ in range(3):
        login(admin, user, 'wrong')
    for enabled in (False, True):
        admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'enabled': enabled}})
    assert login(admin, user, 'pass1').status_code == 201


def test_old_passwords_are_not_taken_again(admin, user):
    assert change(admin, user, 'pass1', 'pass1').status_code == 400
    assert change(admin, user, 'pass1', 'pass2').status_code == 204
    assert change(admin, user, 'pass2', 'pass3').status_code == 204
    refused = change(admin, user, 'pass3', 'pass1')
    assert refused.status_code == 400 and 'previous password' in refused.json()['error']['message']
    assert change(admin, user, 'pass3', 'pass4').status_code == 204
    assert change(admin, user, 'pass4', 'pass1').status_code == 204
    # An administrator is not bound by it.
    admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'password': 'pass1'}})


def test_the_pattern_is_told_in_words(admin, user):
    refused = change(admin, user, 'pass1', 'no')
    assert refused.status_code == 400 and 'at least four characters' in refused.json()['error']['message']
    assert admin('POST', '/v3/users', {'user': {'name': 'x', 'password': 'no'}}).status_code == 400


def test_an_expired_password_can_only_be_changed(admin, user, later):
    assert user['password_expires_at'] is not None
    later(days=31)
    refused = login(admin, user, 'pass1')
    assert refused.status_code == 401 and 'expired' in refused.json()['error']['message']
    assert change(admin, user, 'pass1', 'pass2').status_code == 204
    assert login(admin, user, 'pass2').status_code == 201


def test_options_exempt_users(admin, user, later):
    options = {'ignore_password_expiry': True, 'ignore_lockout_failure_attempts': True, 'lock_password': True}
    admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'options': options}})
    for _ in range(4):
        login(admin, user, 'wrong')
    assert login(admin, user, 'pass1').status_code == 201
    assert change(admin, user, 'pass1', 'pass2').status_code == 403
    later(days=31)
    assert login(admin, user, 'pass1').status_code == 201
    shown = admin.ok('PATCH', f'/v3/users/{user["id"]}', {'user': {'options': {'lock_password': None}}})
    assert 'lock_password' not in shown['user']['options']
