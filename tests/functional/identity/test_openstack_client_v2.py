"""Every command that the `openstack` client has for identity v2.0, with the settings of old tutorials, run against a real service."""

from __future__ import annotations

from typing import Any

import pytest

from tests.openstack_shell import CommandFailed, OpenStack, commands_of


def _client(cloud: Any, user: str, password: str, project: str) -> OpenStack:
    return OpenStack(
        auth_url=f'{cloud.url}/v2.0', auth_type='v2password', username=user, password=password, tenant_name=project,
        identity_api_version='2', interface='public', region_name='RegionOne',
    )  # fmt: skip


@pytest.fixture(scope='module')
def admin(cloud: Any) -> OpenStack:
    return _client(cloud, 'admin', 'admin-secret', 'admin')


@pytest.fixture(scope='module')
def demo(cloud: Any) -> OpenStack:
    return _client(cloud, 'demo', 'demo-secret', 'demo')


def _names(rows: list[dict[str, Any]]) -> set[str]:
    return {row['Name'] for row in rows}


def test_projects_users_and_roles(cloud: Any, admin: OpenStack) -> None:
    project = admin.show('project create', '--description', 'of the tests', '--property', 'colour=red', 'old-project')
    admin('project set', '--description', 'changed', '--property', 'shape=round', 'old-project')
    admin('project unset', '--property', 'colour', 'old-project')
    shown = admin.show('project show', 'old-project')
    assert (shown['id'], shown['description'], shown['properties']) == (project['id'], 'changed', {'shape': 'round'})
    assert 'old-project' in _names(admin.show('project list'))
    user = admin.show('user create', '--project', 'old-project', '--password', 'first-secret', '--email', 'a@example.org', 'old-user')
    admin('user set', '--email', 'b@example.org', '--password', 'second-secret', 'old-user')
    assert admin.show('user show', 'old-user')['email'] == 'b@example.org'
    assert 'old-user' in _names(admin.show('user list'))
    role = admin.show('role create', 'old-role')
    assert admin.show('role show', 'old-role')['id'] == role['id'] and 'old-role' in _names(admin.show('role list'))
    admin('role add', '--project', 'old-project', '--user', 'old-user', 'old-role')
    rows = admin.show('role assignment list', '--project', 'old-project', '--user', 'old-user')
    assert (role['id'], user['id'], project['id']) in {(row['Role'], row['User'], row['Project']) for row in rows}
    assert _client(cloud, 'old-user', 'second-secret', 'old-project').show('token issue')['project_id'] == project['id']
    admin('role remove', '--project', 'old-project', '--user', 'old-user', 'old-role')
    admin('user set', '--disable', 'old-user')
    with pytest.raises(CommandFailed):
        _client(cloud, 'old-user', 'second-secret', 'old-project')('token issue')
    admin('role delete', 'old-role')
    admin('user delete', 'old-user')
    admin('project delete', 'old-project')
    assert 'old-project' not in _names(admin.show('project list')) and 'old-user' not in _names(admin.show('user list'))


def test_the_catalog(admin: OpenStack) -> None:
    service = admin.show('service create', '--name', 'old-weather', '--description', 'rain or shine', 'weather')['id']
    assert admin.show('service show', 'old-weather')['description'] == 'rain or shine'
    assert 'old-weather' in _names(admin.show('service list'))
    url = 'http://127.0.0.1:1/weather'
    endpoint = admin.show('endpoint create', '--region', 'RegionOne', '--publicurl', url, '--adminurl', f'{url}/admin', 'old-weather')['id']
    assert admin.show('endpoint show', 'weather')['publicurl'] == url
    assert endpoint in {row['ID'] for row in admin.show('endpoint list')}
    assert 'old-weather' in _names(admin.show('catalog list')) and url in admin('catalog show', 'weather')
    admin('endpoint delete', endpoint)
    admin('service delete', service)
    assert 'old-weather' not in _names(admin.show('service list'))


def test_ec2_keys_and_tokens(cloud: Any, demo: OpenStack) -> None:
    pair = demo.show('ec2 credentials create')
    assert pair['access'] in {row['Access'] for row in demo.show('ec2 credentials list')}
    assert demo.show('ec2 credentials show', pair['access'])['secret'] == pair['secret']
    demo('ec2 credentials delete', pair['access'])
    assert demo.show('ec2 credentials list') == []
    issued = demo.show('token issue')
    demo('token revoke', issued['id'])
    with pytest.raises(CommandFailed):
        OpenStack(auth_url=f'{cloud.url}/v2.0', auth_type='v2token', token=issued['id'], tenant_name='demo', identity_api_version='2')(
            'catalog list'
        )


def test_no_command_was_left_out(whole_file: None, admin: OpenStack, demo: OpenStack) -> None:
    """Counted is what the tests above did."""
    assert sorted(commands_of('openstack.identity.v2') - admin.ran - demo.ran) == []
