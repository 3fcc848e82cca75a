"""`<service>-manage policy check --user`: what may a user do here, and why, with the roles that identity says the user has."""

from __future__ import annotations

import pytest

from common.config import Settings
from common.errors import InvalidInput, NotFound
from common.policy_commands import manage


@pytest.fixture(scope='module')
def world(cloud):
    admin = cloud.client()

    def make(kind, **values):
        return admin.ok('POST', f'/v3/{kind}s', {kind: values}, 201)[kind]['id']

    roles = {role['name']: role['id'] for role in admin.ok('GET', '/v3/roles')['roles']}
    domain = make('domain', name='Works')
    ids = {
        'domain': domain,
        'project': make('project', name='forge', domain_id=domain),
        'group': make('group', name='smiths', domain_id=domain),
    }
    for name in ('anna', 'bert', 'carl', 'dora'):
        ids[name] = make('user', name=name, domain_id=domain, password='secret')
    admin.ok('PUT', f'/v3/projects/{ids["project"]}/users/{ids["anna"]}/roles/{roles["manager"]}', status=204)
    admin.ok('PUT', f'/v3/groups/{ids["group"]}/users/{ids["bert"]}', status=204)
    inherited = f'/v3/OS-INHERIT/domains/{domain}/groups/{ids["group"]}/roles/{roles["reader"]}/inherited_to_projects'
    admin.ok('PUT', inherited, status=204)
    admin.ok('PUT', f'/v3/system/users/{ids["dora"]}/roles/{roles["reader"]}', status=204)
    admin.ok('PATCH', f'/v3/users/{ids["dora"]}', {'user': {'enabled': False}})
    return ids


@pytest.fixture
def ask(cloud, capsys, tmp_path, world):
    password = tmp_path / 'password'
    password.write_text('s' * 40)
    settings = Settings.load(overrides={'endpoints': {'identity': cloud.url}, 'auth': {'password_file': str(password)}})

    def run(service, *words):
        status = manage(service, ['check', *words], settings)
        return status, capsys.readouterr().out

    return run


def test_roles_come_from_identity(ask, world):
    status, out = ask('identity', 'identity:projects:show', '--user', 'anna', '--user-domain', 'Works', '--project', 'forge')
    assert status == 0 and out.startswith('allowed')
    assert f'anna ({world["anna"]}) on project forge ({world["project"]}): manager, member, reader' in out
    assert 'manager: given to the user' in out and 'member: implied by role manager' in out
    status, out = ask('identity', 'identity:users:create', '--user', world['anna'], '--project', world['project'])
    assert status == 1 and out.startswith('denied') and 'no  role:admin' in out


def test_groups_and_inheritance_are_named(ask, world):
    status, out = ask('compute', 'compute:servers:show', '--user', world['bert'], '--project', world['project'])
    assert status == 0 and 'reader: through group smiths, inherited from domain Works' in out
    assert ask('compute', 'compute:servers:delete', '--user', world['bert'], '--project', world['project'])[0] == 1


def test_who_has_no_role_or_is_disabled(ask, world):
    status, out = ask('compute', 'compute:servers:list', '--user', world['carl'], '--project', world['project'])
    assert status == 1 and 'no role, so no token can be had' in out
    status, out = ask('identity', 'identity:users:list', '--user', world['dora'], '--system')
    assert status == 0 and 'on the system: reader' in out and 'is disabled: no token can be had' in out


def test_all_that_somebody_may(ask, world):
    status, out = ask('compute', '--user', world['bert'], '--project', world['project'])
    lines = out.splitlines()
    assert status == 0 and lines[0] == f'bert ({world["bert"]}) on project forge ({world["project"]}): reader'
    said = dict(reversed(line.split()[:2]) for line in lines if line.startswith('  ') and 'compute:' in line)
    assert said['compute:servers:show'] == 'yes' and said['compute:servers:delete'] == 'no' and len(said) > 20


def test_what_is_not_there(ask, world):
    with pytest.raises(NotFound, match='[Nn]obody'):
        ask('identity', 'identity:users:list', '--user', 'nobody-such', '--system')
    with pytest.raises(NotFound, match='nowhere'):
        ask('identity', 'identity:users:list', '--user', world['anna'], '--project', 'nowhere')
    with pytest.raises(InvalidInput, match='--project'):
        ask('identity', 'identity:users:list', '--user', world['anna'], '--project', world['project'], '--system')
