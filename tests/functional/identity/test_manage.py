"""`identity-manage` and the bootstrap that it and the embedded cloud share."""

from __future__ import annotations

import pytest

from common.config import Settings
from common.context import Context
from common.db import Database, migrate
from identity.app import make_service
from identity.authentication import authenticate
from identity.bootstrap import BootstrapPlan, ServicePlan, UserPlan, bootstrap
from identity.db import catalog as catalog_rows
from identity.manage import main
from tests.databases import database_url, servers  # noqa: F401


def login(service, name, password, project):
    identity = {'methods': ['password'], 'password': {'user': {'name': name, 'domain': {'id': 'default'}, 'password': password}}}
    scope = {'project': {'name': project, 'domain': {'id': 'default'}}}
    return authenticate(service, Context.anonymous('req-test'), identity, scope).claims


@pytest.fixture
def service(database_url, tmp_path):  # noqa: F811
    db = Database(database_url)
    migrate.sync(db, 'identity.db')
    assert migrate.differences(db, 'identity.db') == []
    yield make_service(Settings.load(overrides={'identity': {'password_hash_rounds': 4}}), db, tmp_path)
    db.dispose()


PLAN = BootstrapPlan(
    'secret',
    services=[
        ServicePlan('compute', 'nova', 'http://a:8774/v2.1'),
        ServicePlan('image', 'glance', urls={'public': 'http://pub', 'internal': 'http://int'}),
    ],
    service_users=['compute', 'network'],
    service_password='p' * 40,
    users=[UserPlan('demo', 'demo', 'demo', roles=['member', 'special'])],
)


def test_bootstrap_makes_all_and_changes_nothing_the_second_time(service):
    first = bootstrap(service, PLAN)
    assert first.changed and set(first.project_ids) == {'admin', 'service', 'demo'}
    assert login(service, 'admin', 'secret', 'admin').roles == {'admin', 'manager', 'member', 'reader'}
    assert login(service, 'network', 'p' * 40, 'service').roles == {'admin', 'manager', 'member', 'reader', 'service'}
    assert login(service, 'demo', 'demo', 'demo').roles == {'member', 'reader', 'special'}
    with service.read() as session:
        before = [(e.id, e.interface, e.url) for e in catalog_rows.list_endpoints(session, {})]
    assert len(before) == 5
    again = bootstrap(service, PLAN)
    assert not again.changed and again.user_ids == first.user_ids and again.project_ids == first.project_ids
    with service.read() as session:
        assert [(e.id, e.interface, e.url) for e in catalog_rows.list_endpoints(session, {})] == before


def test_bootstrap_follows_endpoints_that_moved(service):
    bootstrap(service, PLAN)
    assert bootstrap(service, BootstrapPlan('secret', services=[ServicePlan('compute', 'nova', 'http://b:8774/v2.1')])).changed
    with service.read() as session:
        urls = {e.url for e in catalog_rows.list_endpoints(session, {})}
    assert 'http://b:8774/v2.1' in urls and 'http://a:8774/v2.1' not in urls


def test_bootstrap_resets_passwords_only_when_asked(service):
    bootstrap(service, PLAN)
    bootstrap(service, BootstrapPlan('other'))
    assert login(service, 'admin', 'secret', 'admin')
    bootstrap(service, BootstrapPlan('other', reset_passwords=True))
    assert login(service, 'admin', 'other', 'admin')


@pytest.fixture
def manage(tmp_path, monkeypatch):
    config = tmp_path / 'pileus.conf'
    config.write_text(f'[service]\nstate_dir = {tmp_path}/state\nregion = Here\n[identity]\npassword_hash_rounds = 4\n')
    monkeypatch.delenv('OS_BOOTSTRAP_PASSWORD', raising=False)
    return lambda *words: main(['--config-file', str(config), *words])


def test_the_commands(manage, tmp_path, capsys, monkeypatch):
    password = tmp_path / 'password'
    password.write_text('secret\n')
    assert manage('db', 'sync') == 0
    assert manage('db', 'check') == 0
    words = ['bootstrap', '--password-file', str(password), '--service', 'identity', 'keystone', 'http://x/v3']
    assert manage(*words) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith('done')
    assert manage(*words) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith('nothing to do')
    slept = []
    monkeypatch.setattr('common.clock.sleep', slept.append)
    assert manage('token_rotate') == 0
    assert slept and 0 < slept[0] < 10, 'some process may not know a key yet that was made just now'
    assert 'signs from now on' in capsys.readouterr().out
    assert manage('token_setup') == 0
    assert 'already' in capsys.readouterr().out
    assert len(list((tmp_path / 'state/identity/keys').iterdir())) == 3
    db = Database(f'sqlite:///{tmp_path}/state/db/identity.sqlite')
    service = make_service(Settings.load(), db, tmp_path / 'state')
    assert 'admin' in login(service, 'admin', 'secret', 'admin').roles
    with service.read() as session:
        assert [region.id for region in catalog_rows.list_regions(session, {})] == ['Here']
    db.dispose()


def test_a_command_without_password_says_where_to_put_it(manage, capsys):
    assert manage('db', 'sync') == 0
    assert manage('bootstrap') == 1
    assert 'OS_BOOTSTRAP_PASSWORD' in capsys.readouterr().err
