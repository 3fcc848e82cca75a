"""Identity and network on real ports of this machine, and clients of both. Nothing is made real: tests play the agents."""

from __future__ import annotations

import dataclasses
import itertools

import openstack
import pytest
import requests
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common.config import Settings
from common.context import Context
from common.db import Database
from common.runtime import Runtime
from identity.bootstrap import BootstrapPlan, ServicePlan, UserPlan, bootstrap
from network.rpc import NetworkControl
from tests import servers as private
from tests.databases import servers  # noqa: F401
from tests.ports import free_port

USERS = {'admin': 'admin-secret', 'demo': 'demo-secret', 'other': 'other-secret', 'reader': 'reader-secret'}
_numbers = itertools.count()


class Client:
    """Requests of one user. `net(method, path, body)` gives the response, `ok` its body if the status is as expected."""

    def __init__(self, cloud, user, project):
        self.cloud, self.user = cloud, user
        auth = v3.Password(
            f'{cloud.identity_url}/v3',
            username=user,
            password=USERS[user],
            user_domain_name='Default',
            project_name=project,
            project_domain_name='Default',
        )
        self.session = ks_session.Session(auth)
        self.token = self.session.get_token()
        self.project_id = self.session.get_project_id()
        self._http = requests.Session()

    def __call__(self, method, path, body=None, **headers):
        headers = {'X-Auth-Token': self.token, **{name.replace('_', '-'): value for name, value in headers.items()}}
        rest = {'json': body} if body is not None else {}
        return self._http.request(method, f'{self.cloud.url}/v2.0/{path}', headers=headers, **rest)

    def ok(self, method, path, body=None, status=None, **headers):
        answer = self(method, path, body, **headers)
        wanted = status or {'POST': 201, 'DELETE': 204}.get(method, 200)
        assert answer.status_code == wanted, f'{method} {path}: {answer.status_code} {answer.text}'
        return answer.json() if answer.content else None

    def error(self, method, path, body=None, **headers):
        """(status, neutron's type) of a request that is to be refused."""
        answer = self(method, path, body, **headers)
        assert answer.status_code >= 400, f'{method} {path}: {answer.status_code} {answer.text}'
        return answer.status_code, answer.json()['NeutronError']['type']

    def make(self, kind, **values):
        """Create a thing and give it back: `make('network', name='a')`."""
        plural = {'security_group': 'security-groups', 'security_group_rule': 'security-group-rules'}.get(kind, f'{kind}s')
        return self.ok('POST', plural, {kind: values})[kind]

    def network(self, cidr='10.0.0.0/24', **values):
        """A network with a subnet: (network, subnet)."""
        network = self.make('network', name=f'net{next(_numbers)}', **values)
        version = 6 if ':' in cidr else 4
        return network, self.make('subnet', network_id=network['id'], cidr=cidr, ip_version=version)

    def sdk(self):
        return openstack.connection.Connection(session=self.session, region_name='RegionOne')


@dataclasses.dataclass
class Cloud:
    identity_url: str
    url: str
    runtime: Runtime

    @property
    def service(self):
        return self.runtime.parts['network'].service

    def client(self, user='admin', project=None):
        return Client(self, user, project or ('demo' if user == 'reader' else user))

    def agent(self, host, **heartbeat):
        return FakeAgent(self, host, **heartbeat)


class FakeAgent:
    """What an agent says to the service, without doing anything on this machine."""

    def __init__(self, cloud, host, **heartbeat):
        self.host, self.heartbeat = host, {'serves_networks': True, **heartbeat}
        self.control = cloud.runtime.broker.client(NetworkControl)
        self.ctx = Context.service('network')
        self.state = None

    def fetch(self):
        """The desired state, if it is another than the known one; None if not."""
        found = self.control.desired(self.ctx, host=self.host, known_revision=self.state['revision'] if self.state else None)
        self.state = found or self.state
        return found

    def report(self, **ports):
        self.control.report(
            self.ctx, host=self.host, heartbeat=self.heartbeat, ports=ports, revision=self.state['revision'] if self.state else 0
        )

    def wire(self):
        """Fetch, and report everything as wired."""
        self.fetch()
        ports = [port['id'] for port in self.state.get('ports', ())] + [dhcp['port_id'] for dhcp in self.state.get('dhcp', ())]
        for router in self.state.get('routers', ()):
            ports += [port['port_id'] for port in (*router.get('interfaces', ()), *([router['gateway']] if router.get('gateway') else ()))]
        self.report(**dict.fromkeys(ports, 'ACTIVE'))


def start(tmp_path, driver='simulated', database_url=None, **overrides):
    identity_url, url = f'http://127.0.0.1:{free_port()}', f'http://127.0.0.1:{free_port()}'
    settings = Settings.load(
        overrides={
            'service': {'state_dir': str(tmp_path), 'host': 'test', 'threads': 16},
            'identity': {'password_hash_rounds': 4},
            'endpoints': {'identity': identity_url, 'network': url},
            'messaging': {'url': f'pileus-memory://{tmp_path.name}'},
            **overrides,
            'network': {'driver': driver, **overrides.get('network', {})},
        }
    )
    runtime = Runtime(settings)
    if database_url is not None:
        # Identity stays on SQLite: it is not what is tested here.
        runtime._databases['network'] = Database(database_url)
    runtime.build(['identity', 'network'])
    runtime.prepare()
    plan = BootstrapPlan(
        USERS['admin'],
        services=[ServicePlan('identity', 'keystone', f'{identity_url}/v3'), ServicePlan('network', 'neutron', url)],
        users=[
            UserPlan('demo', USERS['demo'], 'demo'),
            UserPlan('other', USERS['other'], 'other'),
            UserPlan('reader', USERS['reader'], 'demo', roles=('reader',)),
        ],
    )
    bootstrap(runtime.parts['identity'].service, plan)
    runtime.start({('identity', 'api'), ('network', 'api'), ('network', 'conductor')})
    return Cloud(identity_url, url, runtime)


def pytest_generate_tests(metafunc):
    """A module that says `DATABASES = CHOSEN` runs on every kind of database, others on SQLite; `DRIVER` and `OPTIONS` are the network's."""
    if 'cloud' in metafunc.fixturenames:
        kinds = getattr(metafunc.module, 'DATABASES', ['sqlite'])
        metafunc.parametrize('cloud', kinds, indirect=True, scope='module')


@pytest.fixture(scope='module')
def cloud(request, servers, tmp_path_factory):  # noqa: F811
    kind, url, admin = request.param, None, None
    if kind != 'sqlite':
        if reason := private.missing(kind):
            pytest.skip(reason)
        admin = servers(kind)
        url = private.fresh_database(admin)
    driver, options = getattr(request.module, 'DRIVER', 'simulated'), getattr(request.module, 'OPTIONS', {})
    found = start(tmp_path_factory.mktemp('network'), driver, url, network=options)
    yield found
    found.runtime.stop()
    if admin is not None:
        private.drop_database(admin, url)


@pytest.fixture(scope='module')
def admin(cloud):
    return cloud.client('admin')


@pytest.fixture(scope='module')
def demo(cloud):
    return cloud.client('demo')


@pytest.fixture(scope='module')
def other(cloud):
    return cloud.client('other')
