"""The old `keystone` command-line client, with the settings of old tutorials: a v2.0 address and a tenant name."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

COMMANDS = {
    'catalog', 'ec2-credentials-create', 'ec2-credentials-delete', 'ec2-credentials-get', 'ec2-credentials-list', 'endpoint-create',
    'endpoint-delete', 'endpoint-get', 'endpoint-list', 'password-update', 'role-create', 'role-delete', 'role-get', 'role-list',
    'service-create', 'service-delete', 'service-get', 'service-list', 'tenant-create', 'tenant-delete', 'tenant-get', 'tenant-list',
    'tenant-update', 'token-get', 'user-create', 'user-delete', 'user-get', 'user-list', 'user-password-update', 'user-role-add',
    'user-role-list', 'user-role-remove', 'user-update', 'discover',
}  # fmt: skip
"""Those that need a server: all but help, completion, and the one that needs a shared administrator's token."""


class Keystone:
    """The client in a process of its own, since it cannot live beside today's."""

    def __init__(self, python, url):
        self.url, self.ran = url, set()
        script = pathlib.Path(__file__).with_name('keystone_commands.py')
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('OS_', 'PYTHON'))}
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )

    def __call__(self, command, *words, user='admin', password='admin-secret', tenant='admin'):
        """Run a command; its table as a dict for two columns Property and Value, else as a list of dicts."""
        self.ran.add(command)
        who = ['--os-username', user, '--os-password', password, '--os-tenant-name', tenant, '--os-auth-url', f'{self.url}/v2.0/']
        self._process.stdin.write(json.dumps([*who, command, *words]) + '\n')
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert 'error' not in answer, f'keystone {command} {" ".join(words)}: {answer}'
        return _table(answer['out'])

    def end(self):
        self._process.stdin.close()
        self._process.wait(60)


def _table(text):
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')]
    if not rows:
        return text
    if rows[0] == ['Property', 'Value']:
        return dict(rows[1:])
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.fixture(scope='module')
def keystone(cloud):
    folder = os.environ.get('PILEUS_OLD_CLIENTS')
    if not folder:
        pytest.skip('tools/old_clients has not been run (PILEUS_OLD_CLIENTS names its folder)')
    found = Keystone(f'{folder}/bin/python', cloud.url)
    yield found
    found.end()


def test_tenants_and_users(keystone):
    tenant = keystone('tenant-create', '--name', 'old-tenant', '--description', 'of the tests')
    keystone('tenant-update', '--description', 'changed', 'old-tenant')
    assert keystone('tenant-get', 'old-tenant')['description'] == 'changed'
    assert 'old-tenant' in {row['name'] for row in keystone('tenant-list')}
    user = keystone('user-create', '--name', 'old-user', '--tenant', 'old-tenant', '--pass', 'first-secret', '--email', 'a@example.org')
    keystone('user-update', '--email', 'b@example.org', 'old-user')
    assert keystone('user-get', 'old-user')['email'] == 'b@example.org'
    assert 'old-user' in {row['name'] for row in keystone('user-list')}
    role = keystone('role-create', '--name', 'old-role')
    keystone('user-role-add', '--user', 'old-user', '--role', 'old-role', '--tenant', 'old-tenant')
    rows = keystone('user-role-list', '--user', 'old-user', '--tenant', 'old-tenant')
    assert 'old-role' in {row['name'] for row in rows}
    keystone('user-password-update', '--pass', 'second-secret', 'old-user')
    own = {'user': 'old-user', 'password': 'second-secret', 'tenant': 'old-tenant'}
    assert keystone('token-get', **own)['tenant_id'] == tenant['id']
    keystone('password-update', '--current-password', 'second-secret', '--new-password', 'third-secret', **own)
    assert keystone('token-get', **{**own, 'password': 'third-secret'})['user_id'] == user['id']
    keystone('user-role-remove', '--user', 'old-user', '--role', 'old-role', '--tenant', 'old-tenant')
    keystone('user-delete', 'old-user')
    assert keystone('role-get', 'old-role')['id'] == role['id']
    assert 'old-role' in {row['name'] for row in keystone('role-list')}
    keystone('role-delete', 'old-role')
    keystone('tenant-delete', 'old-tenant')
    assert 'old-tenant' not in {row['name'] for row in keystone('tenant-list')}


def test_services_and_endpoints(keystone):
    service = keystone('service-create', '--name', 'old-weather', '--type', 'weather', '--description', 'rain or shine')['id']
    assert keystone('service-get', 'old-weather')['type'] == 'weather'
    assert service in {row['id'] for row in keystone('service-list')}
    urls = [word for kind in ('public', 'internal', 'admin') for word in (f'--{kind}url', f'http://127.0.0.1:1/{kind}')]
    endpoint = keystone('endpoint-create', '--region', 'RegionOne', '--service', 'old-weather', *urls)['id']
    assert endpoint in {row['id'] for row in keystone('endpoint-list')}
    assert keystone('endpoint-get', '--service', 'weather')['weather.publicURL'] == 'http://127.0.0.1:1/public'
    assert 'http://127.0.0.1:1/admin' in str(keystone('catalog', '--service', 'weather'))
    keystone('endpoint-delete', endpoint)
    keystone('service-delete', service)
    assert service not in {row['id'] for row in keystone('service-list')}


def test_ec2_keys(keystone):
    pair = keystone('ec2-credentials-create')
    assert pair['access'] in {row['access'] for row in keystone('ec2-credentials-list')}
    assert keystone('ec2-credentials-get', '--access', pair['access'])['secret'] == pair['secret']
    keystone('ec2-credentials-delete', '--access', pair['access'])
    assert pair['access'] not in str(keystone('ec2-credentials-list'))


def test_discovery(keystone):
    assert 'v2.0' in str(keystone('discover'))


def test_no_command_was_left_out(whole_file, keystone):
    """Counted is what the tests above did."""
    assert keystone.ran == COMMANDS
