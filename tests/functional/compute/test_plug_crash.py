"""Volumes plugged in and out, broken and killed at each step, with the real services and simulated hosts that outlive a killed worker."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from common.clock import monotonic, sleep
from common.errors import InvalidInput
from common.operations import Run, Step, testing
from common.operations.testing import Make, Trial
from common.operations.trial import replace_steps
from compute import attachments
from compute.db import servers as queries
from compute.db.models import Server
from tests.functional.compute.crash_world import CTX, World, from_copies

OTHER = '0' * 8 + '-0000-4000-8000-' + '0' * 12


class PlugWorld(World):
    """A cloud with a server and a volume."""

    def furnish(self) -> None:
        """Make both."""
        self.drive(self.boot())
        volume = self.service.volume.post('/v3/volumes', {'volume': {'size': 1, 'name': 'plug'}})['volume']['id']
        end = monotonic() + 60
        while self.service.volume.get(f'/v3/volumes/{volume}')['volume']['status'] != 'available':
            assert monotonic() < end, 'the volume was not made'
            sleep(0.01)

    def the_volume(self) -> str:
        """The id of the one volume there is."""
        return str(self.service.volume.get('/v3/volumes')['volumes'][0]['id'])

    def drive(self, operation_id: str) -> None:
        """Carry an operation to its good end."""
        record = testing.drive(self.trial(), operation_id)
        assert record.state == 'done', record.fault

    def trial(self) -> Trial:
        """What drives operations in this world."""
        return Trial(ops=self.service.ops, worlds=self.worlds, start=self.attach, inventory=self.inventory)

    def attach(self) -> str:
        """Start to plug the volume in; the operation's id."""
        attachments.attach_volume(self.service, CTX, self.the_server(), {'volumeId': self.the_volume()})
        return self.live(self.the_server())

    def detach(self) -> str:
        """Start to unplug it; the operation's id."""
        attachments.detach_volume(self.service, CTX, self.the_server(), self.the_volume())
        return self.live(self.the_server())

    def inventory(self) -> dict[str, Any]:
        """What the server's row, the guest and the volume service each say of the volume: they must agree."""
        with self.service.db.read() as session:
            servers = queries.list_servers(session, [Server.deleted.is_(False)], [('id', 'asc')], None, None)
            found = [(server, queries.volumes_of(session, [server.id])[server.id]) for server in servers]
        guests = [guest for driver in self.drivers.values() for guest in driver.contents()['guests'].values()]
        known = self.service.volume.get('/v3/attachments/detail?all_tenants=1', version='3.44')['attachments']
        return {
            **super().inventory(),
            'servers': [(server.vm_state, server.task_state) for server, _ in found],
            'rows': [(volume.status, volume.device) for _, volumes in found for volume in volumes],
            'guest': sorted(device for guest in guests for device in guest['volumes'].values()),
            'volume': self.service.volume.get(f'/v3/volumes/{self.the_volume()}')['volume']['status'],
            'attachments': [one['status'] for one in known],
            'the same': {volume.attachment_id for _, volumes in found for volume in volumes} == {one['id'] for one in known},
        }


def make_of(template: pathlib.Path, act: Callable[[PlugWorld], str]) -> Make:
    """Worlds in which the act can be tried."""

    def trial(world: PlugWorld) -> Trial:
        return dataclasses.replace(world.trial(), start=lambda: act(world), close=world.close)

    return from_copies(template, PlugWorld, trial)


UNPLUGGED = {'rows': [], 'guest': [], 'volume': 'available', 'attachments': [], 'the same': True}
PLUGGED = {'rows': [('attached', '/dev/vdb')], 'guest': ['/dev/vdb'], 'volume': 'in-use', 'attachments': ['attached'], 'the same': True}


@pytest.fixture(scope='module')
def makes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Make]:
    """For `attach` a server and a volume, for `detach` the same plugged in."""
    directory = tmp_path_factory.mktemp('plug')
    world = PlugWorld(directory / 'out')
    world.furnish()
    assert world.inventory().items() >= UNPLUGGED.items()
    world.close()
    shutil.copytree(directory / 'out', directory / 'in')
    world = PlugWorld(directory / 'in')
    world.drive(world.attach())
    assert world.inventory().items() >= PLUGGED.items()
    world.close()
    return {'attach': make_of(directory / 'out', PlugWorld.attach), 'detach': make_of(directory / 'in', PlugWorld.detach)}


STEPS = {'attach': ['connect', 'plug', 'complete'], 'detach': ['unplug', 'disconnect']}


@pytest.mark.timeout(300)
@pytest.mark.parametrize('act', STEPS)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice', 'crash_before_and_after_every_record'])
def test_volume(makes: dict[str, Make], act: str, check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(makes[act], tmp_path)
    if check == 'crash_before_and_after_every_record':
        assert len(walked) >= 2 * len(STEPS[act])
    else:
        assert walked == (STEPS[act] if check != 'undo_twice' else [step for step in STEPS[act][::-1] if step != 'complete'])


def test_a_volume_that_somebody_else_took_does_not_come_back(makes: dict[str, Make], tmp_path: pathlib.Path) -> None:
    makes['detach'](tmp_path).close()
    world = PlugWorld(tmp_path)
    try:
        operation = world.detach()

        def overtaken(step: Step) -> Step:
            do = step.do
            if step.name != 'disconnect' or do is None:
                return step

            def last(run: Run) -> NoReturn:
                do(run)
                body = {'attachment': {'volume_uuid': world.the_volume(), 'instance_uuid': OTHER}}
                world.service.volume.post('/v3/attachments', body, version='3.44')
                raise InvalidInput('too late')

            return dataclasses.replace(step, do=last)

        replace_steps(world.trial(), operation, overtaken)
        record = testing.drive(world.trial(), operation)
        found = world.inventory()
        assert (record.state, record.attention) == ('failed', False)
        assert (found['rows'], found['guest'], found['servers']) == ([], [], [('active', None)])
        assert found['attachments'] == ['reserved']
    finally:
        world.close()
