"""Every command that the `openstack` client has for identity v3, run against a real service."""

from __future__ import annotations

import json

import pytest

from tests.openstack_shell import CommandFailed, OpenStack, commands_of

FEDERATION = ('federation ', 'identity provider ', 'mapping ', 'service provider ')
"""What this cloud does not have: logins that another site vouches for."""


@pytest.fixture(scope='module')
def admin(cloud):
    return _client(cloud, 'admin', 'admin-secret', 'admin')


@pytest.fixture(scope='module')
def demo(cloud):
    return _client(cloud, 'demo', 'demo-secret', 'demo')


def _client(cloud, user, password, project):
    return OpenStack(
        auth_url=f'{cloud.url}/v3', username=user, password=password, project_name=project, user_domain_name='Default',
        project_domain_name='Default', identity_api_version='3', region_name='RegionOne',
    )  # fmt: skip


def _names(rows):
    return {row['Name'] for row in rows}


def test_domains_projects_users_and_groups(admin):
    domain = admin.show('domain create', '--description', 'of the tests', 'cli-domain')['id']
    admin('domain set', '--description', 'changed', 'cli-domain')
    assert admin.show('domain show', 'cli-domain')['description'] == 'changed'
    assert 'cli-domain' in _names(admin.show('domain list'))
    project = admin.show('project create', '--domain', 'cli-domain', '--tag', 'blue', '--property', 'colour=red', 'cli-project')
    assert project['tags'] == ['blue'] and project['colour'] == 'red'
    admin('project set', '--domain', 'cli-domain', '--name', 'cli-renamed', '--tag', 'green', 'cli-project')
    shown = admin.show('project show', '--domain', 'cli-domain', 'cli-renamed')
    assert shown['id'] == project['id'] and sorted(shown['tags']) == ['blue', 'green']
    assert _names(admin.show('project list', '--domain', 'cli-domain')) == {'cli-renamed'}
    admin('user create', '--domain', 'cli-domain', '--password', 'first-secret', '--email', 'a@example.org', 'cli-user')
    admin('user set', '--domain', 'cli-domain', '--email', 'b@example.org', '--disable', 'cli-user')
    user = admin.show('user show', '--domain', 'cli-domain', 'cli-user')
    assert user['email'] == 'b@example.org' and user['enabled'] is False
    admin('group create', '--domain', 'cli-domain', 'cli-group')
    admin('group set', '--domain', 'cli-domain', '--description', 'changed', 'cli-group')
    admin('group add user', '--group-domain', 'cli-domain', '--user-domain', 'cli-domain', 'cli-group', 'cli-user')
    assert 'in group' in admin(
        'group contains user', '--group-domain', 'cli-domain', '--user-domain', 'cli-domain', 'cli-group', 'cli-user'
    )
    assert _names(admin.show('user list', '--group', 'cli-group', '--domain', domain)) == {'cli-user'}
    assert _names(admin.show('group list', '--domain', 'cli-domain')) == {'cli-group'}
    admin('group remove user', '--group-domain', 'cli-domain', '--user-domain', 'cli-domain', 'cli-group', 'cli-user')
    assert admin.show('group show', '--domain', 'cli-domain', 'cli-group')['description'] == 'changed'
    admin('group delete', '--domain', 'cli-domain', 'cli-group')
    admin('user delete', '--domain', 'cli-domain', 'cli-user')
    admin('project delete', '--domain', 'cli-domain', 'cli-renamed')
    admin('domain set', '--disable', 'cli-domain')
    admin('domain delete', 'cli-domain')
    with pytest.raises(CommandFailed, match='cli-domain'):
        admin('domain show', 'cli-domain')


def test_roles_and_who_has_them(admin):
    admin('role create', '--description', 'may paint', 'cli-painter')
    admin('role set', '--name', 'cli-artist', 'cli-painter')
    assert admin.show('role show', 'cli-artist')['description'] == 'may paint'
    admin('role create', 'cli-helper')
    admin('implied role create', 'cli-artist', '--implied-role', 'cli-helper')
    rows = admin.show('implied role list')
    assert ('cli-artist', 'cli-helper') in {(row['Prior Role Name'], row['Implied Role Name']) for row in rows}
    admin('role add', '--project', 'demo', '--user', 'demo', 'cli-artist')
    rows = admin.show('role assignment list', '--project', 'demo', '--user', 'demo', '--names', '--effective')
    assert {'cli-artist', 'cli-helper'} <= {row['Role'] for row in rows}
    admin('role remove', '--project', 'demo', '--user', 'demo', 'cli-artist')
    rows = admin.show('role assignment list', '--project', 'demo', '--user', 'demo', '--names', '--effective')
    assert not {'cli-artist', 'cli-helper'} & {row['Role'] for row in rows}
    admin('implied role delete', 'cli-artist', '--implied-role', 'cli-helper')
    admin('role delete', 'cli-artist', 'cli-helper')
    assert not {'cli-artist', 'cli-helper'} & _names(admin.show('role list'))


def test_the_catalog(admin):
    admin('region create', '--description', 'far away', 'cli-region')
    admin('region set', '--description', 'nearer', 'cli-region')
    assert admin.show('region show', 'cli-region')['description'] == 'nearer'
    assert 'cli-region' in {row['Region'] for row in admin.show('region list')}
    service = admin.show('service create', '--name', 'cli-weather', 'weather')['id']
    admin('service set', '--description', 'rain or shine', service)
    assert admin.show('service show', service)['description'] == 'rain or shine'
    endpoint = admin.show('endpoint create', '--region', 'cli-region', service, 'public', 'http://127.0.0.1:1/first')['id']
    admin('endpoint set', '--url', 'http://127.0.0.1:1/weather', endpoint)
    assert admin.show('endpoint show', endpoint)['url'] == 'http://127.0.0.1:1/weather'
    assert {row['ID'] for row in admin.show('endpoint list', '--service', service)} == {endpoint}
    assert 'cli-weather' in _names(admin.show('catalog list'))
    assert 'http://127.0.0.1:1/weather' in admin('catalog show', 'weather')
    admin('endpoint add project', endpoint, 'demo')
    assert endpoint in {row['ID'] for row in admin.show('endpoint list', '--project', 'demo')}
    admin('endpoint remove project', endpoint, 'demo')
    assert 'cli-weather' in _names(admin.show('service list'))
    admin('endpoint delete', endpoint)
    admin('service delete', service)
    admin('region delete', 'cli-region')
    assert 'cli-weather' not in _names(admin.show('catalog list'))


def test_endpoint_groups(admin, tmp_path):
    filters = tmp_path / 'filters.json'
    filters.write_text(json.dumps({'interface': 'public'}))
    admin('endpoint group create', 'cli-public', str(filters))
    admin('endpoint group set', '--name', 'cli-outside', 'cli-public')
    assert admin.show('endpoint group show', 'cli-outside')['filters'] == {'interface': 'public'}
    admin('endpoint group add project', 'cli-outside', 'demo')
    assert 'cli-outside' in _names(admin.show('endpoint group list', '--project', 'demo'))
    admin('endpoint group remove project', 'cli-outside', 'demo')
    admin('endpoint group delete', 'cli-outside')
    assert not _names(admin.show('endpoint group list'))


def test_policies(admin, tmp_path):
    rules = tmp_path / 'rules.json'
    rules.write_text('{"paint": "role:artist"}')
    policy = admin.show('policy create', str(rules))['id']
    rules.write_text('{"paint": "role:painter"}')
    admin('policy set', '--rules', str(rules), policy)
    assert 'role:painter' in admin('policy show', policy)
    assert policy in {row['ID'] for row in admin.show('policy list')}
    admin('policy delete', policy)
    assert policy not in {row['ID'] for row in admin.show('policy list')}


def test_limits(admin):
    service = admin.show('service create', '--name', 'cli-limited', 'limited')['id']
    registered = admin.show(
        'registered limit create', '--service', service, '--default-limit', '10', '--region', 'RegionOne', 'cli-things'
    )['id']
    admin('registered limit set', '--default-limit', '20', registered)
    assert admin.show('registered limit show', registered)['default_limit'] == 20
    limit = admin.show(
        'limit create', '--service', service, '--project', 'demo', '--region', 'RegionOne', '--resource-limit', '5', 'cli-things'
    )['id']
    admin('limit set', '--resource-limit', '7', limit)
    assert admin.show('limit show', limit)['resource_limit'] == 7
    assert limit in {row['ID'] for row in admin.show('limit list', '--service', service)}
    admin('limit delete', limit)
    assert registered in {row['ID'] for row in admin.show('registered limit list', '--service', service)}
    admin('registered limit delete', registered)
    admin('service delete', service)


def test_credentials(admin, demo):
    credential = admin.show('credential create', '--type', 'cert', '--project', 'demo', 'demo', 'a certificate')['id']
    admin('credential set', '--user', 'demo', '--type', 'cert', '--data', 'another', credential)
    assert admin.show('credential show', credential)['blob'] == 'another'
    assert credential in {row['ID'] for row in admin.show('credential list', '--user', 'demo')}
    admin('credential delete', credential)
    pair = demo.show('ec2 credentials create')
    assert pair['access'] in {row['Access'] for row in demo.show('ec2 credentials list')}
    assert demo.show('ec2 credentials show', pair['access'])['secret'] == pair['secret']
    demo('ec2 credentials delete', pair['access'])
    assert pair['access'] not in {row['Access'] for row in demo.show('ec2 credentials list')}


def test_application_credentials_and_access_rules(cloud, demo):
    rules = json.dumps([{'path': '/v3/users', 'method': 'GET', 'service': 'identity'}])
    made = demo.show('application credential create', '--secret', 'a secret of the tests', '--access-rules', rules, 'cli-machine')
    shown = demo.show('application credential show', 'cli-machine')
    assert made['ID'] == shown['ID'] and 'Secret' not in shown
    assert _names(demo.show('application credential list')) == {'cli-machine'}
    machine = OpenStack(
        auth_url=f'{cloud.url}/v3', auth_type='v3applicationcredential', application_credential_id=made['ID'],
        application_credential_secret='a secret of the tests', identity_api_version='3',
    )  # fmt: skip
    assert machine.show('token issue')['project_id'] == made['Project ID']
    [rule] = demo.show('access rule list')
    assert demo.show('access rule show', rule['ID'])['Path'] == '/v3/users'
    with pytest.raises(CommandFailed):
        demo('access rule delete', rule['ID'])
    demo('application credential delete', 'cli-machine')
    demo('access rule delete', rule['ID'])
    assert demo.show('access rule list') == []


def test_trusts(cloud, admin, demo):
    # Ids: the client asks for all users and roles to find one by name, which members may not.
    own = demo.show('token issue')
    role, other = (admin.show(f'{kind} show', name)['id'] for kind, name in (('role', 'member'), ('user', 'other')))
    trust = demo.show('trust create', '--project', own['project_id'], '--role', role, '--impersonate', own['user_id'], other)['id']
    assert demo.show('trust show', trust)['is_impersonation'] is True
    assert trust in {row['ID'] for row in demo.show('trust list', '--trustor', own['user_id'])}
    assert trust in {row['ID'] for row in admin.show('trust list')}
    trustee = OpenStack(
        auth_url=f'{cloud.url}/v3', username='other', password='other-secret', user_domain_name='Default', trust_id=trust,
        identity_api_version='3',
    )  # fmt: skip
    issued = trustee.show('token issue')
    assert issued['user_id'] == admin.show('user show', 'demo')['id']
    demo('trust delete', trust)
    with pytest.raises(CommandFailed):
        trustee('token issue')


def test_oauth(cloud, admin):
    consumer = admin.show('consumer create', '--description', 'of the tests')
    admin('consumer set', '--description', 'changed', consumer['id'])
    assert admin.show('consumer show', consumer['id'])['description'] == 'changed'
    assert consumer['id'] in {row['ID'] for row in admin.show('consumer list')}
    keys = ('--consumer-key', consumer['id'], '--consumer-secret', consumer['secret'])
    request = admin.show('request token create', *keys, '--project', 'admin')
    verifier = admin.show('request token authorize', '--request-key', request['id'], '--role', 'member')['oauth_verifier']
    access = admin.show(
        'access token create', *keys, '--request-key', request['id'], '--request-secret', request['secret'], '--verifier', verifier
    )
    program = OpenStack(
        auth_url=f'{cloud.url}/v3', auth_type='v3oauth1', consumer_key=consumer['id'], consumer_secret=consumer['secret'],
        access_key=access['id'], access_secret=access['secret'], identity_api_version='3',
    )  # fmt: skip
    assert program.show('token issue')['project_id'] == admin.show('project show', 'admin')['id']
    admin('consumer delete', consumer['id'])
    with pytest.raises(CommandFailed):
        program('token issue')
    assert consumer['id'] not in {row['ID'] for row in admin.show('consumer list')}


def test_tokens_and_own_passwords(cloud, admin):
    admin('user create', '--password', 'old-secret', 'cli-changer')
    admin('role add', '--project', 'demo', '--user', 'cli-changer', 'member')
    own = _client(cloud, 'cli-changer', 'old-secret', 'demo')
    token = own.show('token issue')['id']
    own('user password set', '--original-password', 'old-secret', '--password', 'new-secret')
    with pytest.raises(CommandFailed):
        own('token issue')
    fresh = _client(cloud, 'cli-changer', 'new-secret', 'demo')
    token = fresh.show('token issue')['id']
    fresh('token revoke', token)
    with pytest.raises(CommandFailed):
        OpenStack(auth_url=f'{cloud.url}/v3', auth_type='v3token', token=token, project_name='demo', project_domain_name='Default')(
            'project list', '--my-projects'
        )
    admin('user delete', 'cli-changer')
    admin.ran |= own.ran | fresh.ran


def test_no_command_was_left_out(whole_file, admin, demo):
    """Counted is what the tests above did."""
    wanted = {command for command in commands_of('openstack.identity.v3') if not command.startswith(FEDERATION)}
    assert sorted(wanted - admin.ran - demo.ran) == []
