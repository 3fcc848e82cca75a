"""A domain whose users are those of this machine, checked by the real libpam with a service file of the test."""

from __future__ import annotations

import pathlib

import pytest

from common.errors import Unavailable
from identity.drivers.libpam import Pam
from tests.functional.identity.conftest import start

MODULE = next(iter(pathlib.Path('/').glob('lib/*/security/pam_exec.so')), None) or next(
    iter(pathlib.Path('/').glob('usr/lib/*/security/pam_exec.so')), None
)
pytestmark = pytest.mark.skipif(MODULE is None, reason='there is no PAM with pam_exec.so on this machine')


@pytest.fixture(scope='module')
def services(tmp_path_factory):
    """PAM asks a small program, which gets the password on its standard input."""
    path = tmp_path_factory.mktemp('pam')
    program = path / 'check'
    program.write_text(f'#!/bin/sh\necho "$PAM_USER" >> {path}/asked\nread -r given || :\n[ "$given" = "pam-secret" ]\n')
    program.chmod(0o755)
    (path / 'cloud').write_text(
        f'auth sufficient {MODULE} expose_authtok quiet {program}\nauth required pam_deny.so\naccount required pam_permit.so\n'
    )
    (path / 'locked').write_text('auth required pam_permit.so\naccount required pam_deny.so\n')
    return path


@pytest.fixture(scope='module')
def cloud(services, tmp_path_factory):
    path = tmp_path_factory.mktemp('domains')
    options = f'service = cloud\nconfig_directory = {services}\nmin_uid = 0\nmax_uid = 0\n'
    (path / 'machine.conf').write_text(f'[identity]\ndriver = pam\n[pam]\n{options}')
    found = start(tmp_path_factory.mktemp('identity'), identity={'domain_config_dir': str(path)})
    found.client().ok('POST', '/v3/domains', {'domain': {'name': 'machine'}}, 201)
    yield found
    found.runtime.stop()


def login(admin, name, password):
    user = {'name': name, 'password': password, 'domain': {'name': 'machine'}}
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}}}}
    return admin.session.post(f'{admin.url}/v3/auth/tokens', json=body, authenticated=False, raise_exc=False)


def test_pam_checks_the_password(admin):
    assert login(admin, 'root', 'pam-secret').status_code == 201
    for name, password in (('root', 'wrong'), ('root', ''), ('daemon', 'pam-secret'), ('no-such-user', 'pam-secret')):
        assert login(admin, name, password).status_code == 401


def test_who_does_not_exist_costs_what_a_wrong_password_does(admin, services):
    """PAM delays failures as a rule: who was answered at once would not exist. Whose uid is not of the cloud is never asked about."""
    asked = services / 'asked'
    for name in ('root', 'no-such-user', 'daemon'):
        asked.write_text('')
        assert login(admin, name, 'wrong').status_code == 401
        (user,) = asked.read_text().split()
        assert user == ('root' if name == 'root' else 'pileus-nobody')


def test_users_and_groups_are_those_of_the_machine(admin):
    domain = admin.ok('GET', '/v3/domains?name=machine')['domains'][0]['id']
    (user,) = admin.ok('GET', f'/v3/users?domain_id={domain}')['users']
    assert user['name'] == 'root' and len(user['id']) == 64
    assert admin.ok('GET', f'/v3/users/{user["id"]}')['user'] == user
    groups = admin.ok('GET', f'/v3/users/{user["id"]}/groups')['groups']
    assert 'root' in {group['name'] for group in groups}
    assert admin.ok('GET', f'/v3/groups/{groups[0]["id"]}/users')['users'][0]['id'] == user['id']
    assert admin('PATCH', f'/v3/users/{user["id"]}', {'user': {'enabled': False}}).status_code == 403
    assert admin('DELETE', f'/v3/users/{user["id"]}').status_code == 403


def test_a_locked_account_stays_out_though_the_password_is_right(services):
    assert not Pam().check('locked', 'root', 'x', str(services))


def test_a_service_without_file_is_told_apart_from_a_wrong_password(tmp_path):
    with pytest.raises(Unavailable):
        Pam().check('none-such', 'root', 'x', str(tmp_path))
