"""Guests that end without anybody's will are started again; those that were shut down stay off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from compute.operations import recover
from compute.virt import base
from compute.virt.simulated.faults import FaultTable
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image


class Lab:
    """A cloud of one host, and the hand that kills its guests."""

    def __init__(self, cloud: TestCloud) -> None:
        self.cloud, self.client = cloud, cloud.client()
        (self.driver,) = cloud.runtime.parts['compute'].service.worker.drivers.values()
        self.servers = Servers(
            self.client, name='sleeper', imageRef=make_image(self.client, 'tiny'), flavorRef=make_flavor(self.client, 'small')
        )

    def boot(self) -> str:
        return str(self.servers.create()['id'])

    def actions(self, server: str) -> list[str]:
        return [one['action'] for one in self.servers.actions(server)]

    def settled(self, server: str, status: str, times: int) -> Any:
        """The server once it is at rest in this status and was started again so often."""

        def look() -> Any:
            begun = self.actions(server).count('recover')  # asked first: once begun, a recovery shows in the state until it has ended
            found = self.servers.in_status(server, status)
            return found if begun == times else None

        return eventually(look, what=f'{status} after {times} recoveries')


@contextlib.contextmanager
def lab(state: Any, **compute: Any) -> Iterator[Lab]:
    with running(state, compute={'reconcile_interval': 1, **compute}) as cloud:
        yield Lab(cloud)


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp('recover')) as made:
        yield made


@pytest.mark.parametrize('told', [True, False], ids=['told', 'found'])
def test_a_killed_guest_is_started_again(world: Lab, told: bool) -> None:
    server = world.boot()
    if told:
        world.driver.crash_guest(server, base.CRASHED)
    else:  # nobody tells of a guest that went with its host: the comparison with the database finds it
        world.driver.destroy(server)
    world.settled(server, 'ACTIVE', 1)
    assert world.driver.power_state(server) == base.RUNNING
    assert world.servers.show(server)['OS-EXT-STS:power_state'] == base.RUNNING


def test_a_guest_that_was_shut_down_stays_off(world: Lab) -> None:
    server = world.boot()
    world.driver.crash_guest(server, base.SHUTDOWN)
    world.settled(server, 'SHUTOFF', 0)
    world.client.ask('POST', 'compute', f'/servers/{server}/action', {'os-start': None})
    world.settled(server, 'ACTIVE', 0)


def test_a_server_that_is_off_is_left_off_when_its_guest_vanishes(world: Lab) -> None:
    server = world.boot()
    world.client.ask('POST', 'compute', f'/servers/{server}/action', {'os-stop': None})
    world.settled(server, 'SHUTOFF', 0)
    world.driver.destroy(server)
    other = world.boot()
    world.driver.destroy(other)
    world.settled(other, 'ACTIVE', 1)  # so a comparison has passed over both
    world.settled(server, 'SHUTOFF', 0)


def test_a_guest_that_dies_again_and_again_stays_off_and_says_so(world: Lab) -> None:
    server = world.boot()
    for times in range(1, recover.TIMES + 1):
        world.driver.crash_guest(server, base.CRASHED)
        world.settled(server, 'ACTIVE', times)
    world.driver.crash_guest(server, base.CRASHED)
    world.settled(server, 'SHUTOFF', recover.TIMES + 1)
    said = world.servers.actions(server)[0]
    assert said['action'] == 'recover' and 'ended by itself 3 times within an hour and stays off' in said['message']
    path = f'/servers/{server}/os-instance-actions/{said["request_id"]}'
    events = world.client.ask('GET', 'compute', path, headers=NEW)['instanceAction']['events']
    assert [(event['event'], event['result']) for event in events] == [('start', 'Error')]
    root = world.client.catalog['compute'].rpartition('/v2.1')[0]
    status, _, told = world.client.raw('GET', f'{root}/pileus/events?resource={server}')
    assert status == 200 and b'stays off' in told
    world.client.ask('POST', 'compute', f'/servers/{server}/action', {'os-start': None})
    world.settled(server, 'ACTIVE', recover.TIMES + 1)


def test_what_the_host_lacks_at_first_is_waited_for(world: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    server, tries, power_on = world.boot(), [], world.driver.power_on
    monkeypatch.setattr(world.driver, 'power_on', lambda guest: (tries.append(guest.id), power_on(guest))[1])
    table: FaultTable = world.driver.faults
    table.replace([{'op': 'power_on', 'do': 'refuse', 'times': 2}])
    world.driver.destroy(server)
    world.settled(server, 'ACTIVE', 1)
    assert tries == [server] * 3, 'the host refused twice'
    assert world.driver.power_state(server) == base.RUNNING


def test_deleting_wins_over_a_recovery(world: Lab) -> None:
    server = world.boot()
    table: FaultTable = world.driver.faults
    table.replace([{'op': 'power_on', 'do': 'refuse', 'times': 1000}])
    world.driver.destroy(server)
    eventually(lambda: world.servers.show(server)['OS-EXT-STS:task_state'] == 'powering-on', what='a recovery')
    world.client.ask('DELETE', 'compute', f'/servers/{server}')
    eventually(lambda: world.servers.gone(server), what='the end')
    table.replace([])
    assert server not in world.driver.list_disks()


def test_it_can_be_turned_off(tmp_path: Any) -> None:
    with lab(tmp_path, recover_guests=False) as world:
        server = world.boot()
        world.driver.crash_guest(server, base.CRASHED)
        world.settled(server, 'SHUTOFF', 0)
