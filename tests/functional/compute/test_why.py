"""Whoever looks at a server or at what was done to it reads why something failed; on which host is for administrators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compute import describe
from tests.functional.cloud import TestCloud
from tests.functional.compute.servers import Servers, make_flavor, make_image


class Two:
    """A user and the administrator, and the simulated hosts."""

    def __init__(self, cloud: TestCloud) -> None:
        self.admin = cloud.client()
        image = make_image(self.admin, 'why', visibility='public')
        flavor = make_flavor(self.admin, 'why')
        self.servers = Servers(cloud.newcomer('why'), name='why', imageRef=image, flavorRef=flavor)
        self.all = Servers(self.admin)
        self.hosts = list(cloud.runtime.parts['compute'].service.worker.drivers.values())

    def faults(self, entries: list[dict[str, Any]]) -> None:
        for host in self.hosts:
            host.faults.replace(entries)


@pytest.fixture(scope='module')
def two(cloud: TestCloud) -> Iterator[Two]:
    made = Two(cloud)
    yield made
    made.faults([])
    made.servers.clear()


def test_an_action_that_fails_says_why(two: Two) -> None:
    server = two.servers.create()['id']
    host = two.all.show(server)['OS-EXT-SRV-ATTR:host']
    two.faults([{'op': 'reboot', 'do': 'break', 'times': 9}])
    two.servers.act(server, {'reboot': {'type': 'HARD'}}, 'ACTIVE')
    said = two.servers.actions(server)[0]
    assert said['action'] == 'reboot' and '(step reboot)' in said['message'] and host not in said['message']
    assert f'(step reboot on {host})' in two.all.actions(server)[0]['message']
    two.faults([])
    two.servers.act(server, {'reboot': {'type': 'HARD'}}, 'ACTIVE')
    assert [one['message'] for one in two.servers.actions(server)[:2]] == [None, said['message']]


def test_the_fault_names_hosts_to_administrators_alone(two: Two) -> None:
    two.faults([{'op': 'spawn', 'do': 'refuse', 'times': 99}])
    server = two.servers.create('ERROR')
    two.faults([])
    names = [host.host for host in two.hosts]
    told = server['fault']['message']
    assert not [name for name in names if name in told], told
    assert [name for name in names if name in two.all.show(server['id'])['fault']['message']]


def test_hosts_are_counted_where_they_are_not_named() -> None:
    fault = {
        'message': 'Host h1 is full, h1.example is not. (step spawn on h1; tried before: h2, h3)', 'host': 'h1',
        'tried': [{'host': 'h2'}, {'host': 'h3'}, {'host': 'h1'}],
    }  # fmt: skip
    told = describe.fault(fault)
    assert told['message'] == 'The host is full, h1.example is not. (step spawn; tried before on 2 other hosts)'
    assert told['admin_message'] == fault['message']
