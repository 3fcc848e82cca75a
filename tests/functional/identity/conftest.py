"""A real identity service on a real port, and clients for it."""

from __future__ import annotations

import dataclasses
import types

import openstack
import pytest
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common import clock
from common.config import Settings
from common.runtime import Runtime
from identity.bootstrap import BootstrapPlan, ServicePlan, UserPlan, bootstrap
from tests import servers as private
from tests.databases import servers  # noqa: F401
from tests.functional.identity.routes_asked import recorded
from tests.ports import free_port

ADMIN_PASSWORD = 'admin-secret'


@dataclasses.dataclass
class Cloud:
    """Where identity is, and who may come in."""

    url: str
    runtime: Runtime

    @property
    def service(self):
        return self.runtime.parts['identity'].service

    def auth(self, username='admin', password=ADMIN_PASSWORD, **scope):
        scope = scope or {'project_name': 'admin', 'project_domain_name': 'Default'}
        return v3.Password(f'{self.url}/v3', username=username, password=password, user_domain_name='Default', **scope)

    def session(self, username='admin', password=ADMIN_PASSWORD, **scope):
        return ks_session.Session(self.auth(username, password, **scope))

    def client(self, username='admin', password=ADMIN_PASSWORD, **scope):
        return Client(self.session(username, password, **scope), self.url)

    def sdk(self, username='admin', password=ADMIN_PASSWORD, **scope):
        return openstack.connection.Connection(
            session=self.session(username, password, **scope), region_name='RegionOne', identity_api_version='3'
        )


class Client:
    """Plain requests with a token; answers are not checked."""

    def __init__(self, session, url):
        self.session, self.url = session, url

    @property
    def token(self):
        return self.session.get_token()

    def __call__(self, method, path, body=None, *, token=None, **headers):
        headers = {name.replace('_', '-'): value for name, value in headers.items()}
        if token is not None:
            headers['X-Auth-Token'] = token
        rest = {'json': body} if body is not None else {}
        return self.session.request(
            f'{self.url}{path}', method, authenticated=token is None, headers=headers, raise_exc=False, redirect=False, **rest
        )

    def ok(self, method, path, body=None, status=200, **rest):
        answer = self(method, path, body, **rest)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def start(tmp_path, **overrides):
    url = f'http://127.0.0.1:{free_port()}'
    overrides.setdefault('brute_force', {'failures_per_address': 2000})  # all tests of a file come from one
    settings = Settings.load(
        overrides={
            'service': {'state_dir': str(tmp_path), 'host': 'test'},
            'identity': {'password_hash_rounds': 4, **overrides.pop('identity', {})},
            'endpoints': {'identity': url},
            'messaging': {'url': f'pileus-memory://{tmp_path.name}'},
            **overrides,
        }
    )
    runtime = Runtime(settings)
    runtime.build(['identity'])
    runtime.prepare()
    plan = BootstrapPlan(
        ADMIN_PASSWORD,
        services=[
            ServicePlan('identity', 'keystone', f'{url}/v3'),
            ServicePlan('compute', 'nova', 'http://127.0.0.1:1/v2.1'),
            ServicePlan('volumev3', 'cinderv3', 'http://127.0.0.1:1/v3/$(project_id)s'),
        ],
        service_users=['compute'],
        service_password='s' * 40,
        users=[UserPlan('demo', 'demo-secret', 'demo'), UserPlan('other', 'other-secret', 'other', roles=('reader',))],
    )
    bootstrap(runtime.parts['identity'].service, plan)
    runtime.start()
    return Cloud(url, runtime)


def pytest_generate_tests(metafunc):
    """A module that says `DATABASES = CHOSEN` runs on every kind of database, others on SQLite."""
    if 'cloud' in metafunc.fixturenames:
        kinds = getattr(metafunc.module, 'DATABASES', ['sqlite'])
        metafunc.parametrize('cloud', kinds, indirect=True, scope='module')


@pytest.fixture(scope='module')
def cloud(request, servers, tmp_path_factory):  # noqa: F811
    kind, overrides, admin = request.param, {}, None
    if kind != 'sqlite':
        if reason := private.missing(kind):
            pytest.skip(reason)
        admin = servers(kind)
        overrides['database'] = {'url_template': private.fresh_database(admin)}
    found = start(tmp_path_factory.mktemp('identity'), **overrides)
    yield found
    found.runtime.stop()
    if admin is not None:
        private.drop_database(admin, overrides['database']['url_template'])


@pytest.fixture(scope='module')
def keystone(cloud):
    """python-keystoneclient, as administrator."""
    from keystoneclient.v3.client import Client as Keystone

    return Keystone(session=cloud.session())


@pytest.fixture(scope='module')
def ids(keystone):
    """Ids by name: of the project `demo`, of users, and of roles."""
    roles = {role.name: role.id for role in keystone.roles.list()}
    people = {f'user {user.name}': user.id for user in keystone.users.list()}
    return {**roles, **people, 'project demo': keystone.projects.find(name='demo').id}


@pytest.fixture(scope='module')
def asked():
    """The routes that the tests of a file have asked."""
    with recorded() as found:
        yield found


@pytest.fixture
def no_time_passes(monkeypatch):
    """For who counts failures: else those of a slow machine would be forgotten as fast as they are made."""
    moment = clock.monotonic()
    monkeypatch.setattr('identity.brute_force.clock', types.SimpleNamespace(monotonic=lambda: moment))


@pytest.fixture
def admin(cloud):
    return cloud.client()


@pytest.fixture
def demo(cloud):
    return cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
