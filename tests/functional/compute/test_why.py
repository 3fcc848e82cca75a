"""Whoever looks at a server or at what was done to it reads why something failed; on which host is for administrators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compute import describe
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually

NEW = {'OpenStack-API-Version': 'compute 2.79'}


class Two:
    """A user and the administrator, and the simulated hosts."""

    def __init__(self, cloud: TestCloud) -> None:
        self.admin = cloud.client()
        ask = self.admin.ask
        project = ask('POST', 'identity', '/projects', {'project': {'name': 'why', 'domain_id': 'default'}})['project']['id']
        user = ask('POST', 'identity', '/users', {'user': {'name': 'why', 'domain_id': 'default', 'password': 'why-pw'}})['user']['id']
        role = ask('GET', 'identity', '/roles?name=member')['roles'][0]['id']
        ask('PUT', 'identity', f'/projects/{project}/users/{user}/roles/{role}')
        self.user = Client(cloud.auth_url, 'why', 'why-pw', 'why')
        flavor = {'flavor': {'id': 'why', 'name': 'why', 'ram': 64, 'vcpus': 1, 'disk': 1}}
        assert self.admin.raw('POST', f'{self.admin.catalog["compute"]}/flavors', flavor)[0] in (200, 409)
        image = {'name': 'why', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public'}
        self.image = ask('POST', 'image', '/v2/images', image)['id']
        ask('PUT', 'image', f'/v2/images/{self.image}/file', b'\0' * 4096, headers={'Content-Type': 'application/octet-stream'})
        self.hosts = list(cloud.runtime.parts['compute'].service.worker.drivers.values())

    def faults(self, entries: list[dict[str, Any]]) -> None:
        for host in self.hosts:
            host.faults.replace(entries)

    def boot(self, status: str) -> str:
        body = {'name': 'why', 'imageRef': self.image, 'flavorRef': 'why', 'networks': 'none'}
        made = str(self.user.ask('POST', 'compute', '/servers', {'server': body}, headers=NEW)['server']['id'])
        eventually(lambda: self.show(self.user, made)['status'] == status, what=status)
        return made

    def show(self, client: Client, server: str) -> dict[str, Any]:
        return dict(client.ask('GET', 'compute', f'/servers/{server}', headers=NEW)['server'])

    def last_action(self, client: Client, server: str) -> dict[str, Any]:
        return dict(client.ask('GET', 'compute', f'/servers/{server}/os-instance-actions', headers=NEW)['instanceActions'][0])


@pytest.fixture(scope='module')
def two(cloud: TestCloud) -> Iterator[Two]:
    made = Two(cloud)
    yield made
    made.faults([])
    for server in made.user.ask('GET', 'compute', '/servers')['servers']:
        made.user.raw('DELETE', f'{made.user.catalog["compute"]}/servers/{server["id"]}')
    eventually(lambda: not made.user.ask('GET', 'compute', '/servers')['servers'], what='deletion')


def test_an_action_that_fails_says_why(two: Two) -> None:
    server = two.boot('ACTIVE')
    host = two.show(two.admin, server)['OS-EXT-SRV-ATTR:host']
    two.faults([{'op': 'reboot', 'do': 'break', 'times': 9}])
    two.user.ask('POST', 'compute', f'/servers/{server}/action', {'reboot': {'type': 'HARD'}})
    eventually(lambda: two.show(two.user, server)['OS-EXT-STS:task_state'] is None, what='the end of the reboot')
    said = two.last_action(two.user, server)
    assert said['action'] == 'reboot' and '(step reboot)' in said['message'] and host not in said['message']
    assert f'(step reboot on {host})' in two.last_action(two.admin, server)['message']
    two.faults([])
    two.user.ask('POST', 'compute', f'/servers/{server}/action', {'reboot': {'type': 'HARD'}})
    eventually(lambda: two.show(two.user, server)['OS-EXT-STS:task_state'] is None, what='the end of the reboot')
    assert two.last_action(two.user, server)['message'] is None


def test_the_fault_names_hosts_to_administrators_alone(two: Two) -> None:
    two.faults([{'op': 'spawn', 'do': 'refuse', 'times': 99}])
    server = two.boot('ERROR')
    two.faults([])
    names = [host.host for host in two.hosts]
    told = two.show(two.user, server)['fault']['message']
    assert not [name for name in names if name in told], told
    assert [name for name in names if name in two.show(two.admin, server)['fault']['message']]


def test_hosts_are_counted_where_they_are_not_named() -> None:
    fault = {
        'message': 'Host h1 is full, h1.example is not. (step spawn on h1; tried before: h2, h3)', 'host': 'h1',
        'tried': [{'host': 'h2'}, {'host': 'h3'}, {'host': 'h1'}],
    }  # fmt: skip
    told = describe.fault(fault)
    assert told['message'] == 'The host is full, h1.example is not. (step spawn; tried before on 2 other hosts)'
    assert told['admin_message'] == fault['message']
