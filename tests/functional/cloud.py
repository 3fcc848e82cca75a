"""A whole simulated cloud in this process, for tests that talk to it over HTTP as users do."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from common.config import Settings
from common.runtime import SERVICES, Runtime
from pileus import settings as state_files
from pileus.cloud import embedded, simulated_overrides
from tests.bench.client import Client
from tests.openstack_shell import OpenStack
from tests.ports import free_ports


class TestCloud:
    """The runtime, and clients of it."""

    __test__ = False

    def __init__(self, state: pathlib.Path, **groups: dict[str, Any]) -> None:
        self.state = state
        state_files.make_secrets(state)
        names = ('identity', 'compute', 'image', 'volume', 'network', 'metadata', 'scheduler')
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.settings = Settings.load(overrides=simulated_overrides(state, self.ports, **groups))
        self.runtime: Runtime = embedded(self.settings, SERVICES)

    @property
    def auth_url(self) -> str:
        """Where tokens are had."""
        return f'http://127.0.0.1:{self.ports["identity"]}/v3'

    def client(self, user: str = 'admin', project: str | None = None, password: str | None = None) -> Client:
        """A bare client of a user."""
        return Client(self.auth_url, user, password or state_files.secret(self.state, f'{user}-password'), project or user)

    def newcomer(self, name: str) -> Client:
        """A client of a new user, who is a member of a new project of the same name and nothing else."""
        ask, password = self.client().ask, f'{name}-Pass1'
        project = ask('POST', 'identity', '/projects', {'project': {'name': name, 'domain_id': 'default'}})['project']['id']
        user = {'user': {'name': name, 'domain_id': 'default', 'password': password}}
        made = ask('POST', 'identity', '/users', user)['user']['id']
        role = ask('GET', 'identity', '/roles?name=member')['roles'][0]['id']
        ask('PUT', 'identity', f'/projects/{project}/users/{made}/roles/{role}')
        return self.client(name, password=password)

    def openstack(self, user: str = 'admin', project: str | None = None, password: str | None = None) -> OpenStack:
        """The client `openstack` of a user."""
        return OpenStack(
            auth_url=self.auth_url, username=user, password=password or state_files.secret(self.state, f'{user}-password'),
            project_name=project or user, user_domain_id='default', project_domain_id='default', region_name='RegionOne',
        )  # fmt: skip

    def sdk(self, user: str = 'admin') -> Any:
        """An openstacksdk connection of a user."""
        import openstack

        return openstack.connect(
            auth_url=self.auth_url, username=user, password=state_files.secret(self.state, f'{user}-password'), project_name=user,
            user_domain_id='default', project_domain_id='default', region_name='RegionOne', load_yaml_config=False, load_envvars=False,
        )  # fmt: skip


@contextlib.contextmanager
def running(state: pathlib.Path, **groups: dict[str, Any]) -> Iterator[TestCloud]:
    """A cloud that runs within the block."""
    cloud = TestCloud(state, **groups)
    cloud.runtime.start()
    try:
        yield cloud
    finally:
        cloud.runtime.stop()


def eventually(condition: Callable[[], Any], seconds: float = 60.0, what: str = 'it') -> Any:
    """The first true value of a condition; fails when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'{what} did not come true within {seconds:.0f} s'
        time.sleep(0.02)
