"""Network cards plugged in and out, broken at each step, with the real services: row, guest and network service agree whatever happens."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from common.errors import InvalidInput
from common.operations import Run, Step, testing
from common.operations.testing import Make, Trial
from common.operations.trial import replace_steps
from compute import attachments, servers
from compute.db import servers as queries
from compute.db.models import Server
from compute.operations.interfaces import ATTACH_INTERFACE
from tests.functional.compute.crash_world import CTX, World, from_copies


class CardWorld(World):
    """A cloud with a server that has one card."""

    def trial(self) -> Trial:
        """What drives operations in this world."""
        return Trial(ops=self.service.ops, worlds=self.worlds, start=self.attach, inventory=self.inventory)

    def drive(self, operation_id: str) -> None:
        """Carry an operation to its good end."""
        record = testing.drive(self.trial(), operation_id)
        assert record.state == 'done', record.fault

    def attach(self) -> str:
        """Start to plug in a second card; the operation's id. The API would wait for its end."""
        request = {'network': self.network, 'fixed_ip': None}
        with self.service.db.write() as session:
            live = queries.get(session, self.the_server())
            assert live is not None
            params = {'request': request, 'project_id': live.project_id, 'zone': None, 'timeout': 5.0}
            return servers.begin(self.service, CTX, session, live, 'attach_interface', ATTACH_INTERFACE, None, params)

    def detach(self) -> str:
        """Start to unplug the last card; the operation's id."""
        server = self.the_server()
        with self.service.db.read() as session:
            last = queries.network_info(session, server)[-1]['port_id']
        attachments.detach_interface(self.service, CTX, server, last)
        return self.live(server)

    def inventory(self) -> dict[str, Any]:
        """What the server's row, the guest and the network service each say of the cards: they must agree."""
        with self.service.db.read() as session:
            rows = queries.list_servers(session, [Server.deleted.is_(False)], [('id', 'asc')], None, None)
        listed = {entry['port_id'] for row in rows for entry in row.network_info}
        guests = [guest for driver in self.drivers.values() for guest in driver.contents()['guests'].values()]
        plugged = {port for guest in guests for port in guest['ports']}
        ports = self.service.network.get('/v2.0/ports?network_id=' + self.network)['ports']
        made = {port['id'] for port in ports if port['device_owner'].startswith('compute:')}
        return {
            **super().inventory(),
            'cards': len(listed),
            'the same': listed == plugged == made,
            'states': [row.task_state for row in rows],
        }


@pytest.fixture(scope='module')
def makes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Make]:
    """For `attach` a server with one card, for `detach` the same with two."""
    directory = tmp_path_factory.mktemp('cards')
    world = CardWorld(directory / 'out')
    world.drive(world.boot())
    assert world.inventory()['cards'] == 1 and world.inventory()['the same']
    world.close()
    shutil.copytree(directory / 'out', directory / 'in')
    world = CardWorld(directory / 'in')
    world.drive(world.attach())
    assert world.inventory()['cards'] == 2 and world.inventory()['the same']
    world.close()
    return {'attach': make_of(directory / 'out', CardWorld.attach), 'detach': make_of(directory / 'in', CardWorld.detach)}


def make_of(template: pathlib.Path, act: Callable[[CardWorld], str]) -> Make:
    """Worlds in which the act can be tried."""

    def looked(world: CardWorld) -> dict[str, Any]:
        # A port that is released is gone for good: whether the card is there then is told by the last test.
        found = world.inventory()
        return found if act is CardWorld.attach else {name: found[name] for name in ('the same', 'states', 'guests', 'claimed')}

    def trial(world: CardWorld) -> Trial:
        return dataclasses.replace(world.trial(), start=lambda: act(world), inventory=lambda: looked(world), close=world.close)

    return from_copies(template, CardWorld, trial)


STEPS = {'attach': ['make_port', 'plug'], 'detach': ['unplug', 'release_port']}
UNDONE = {'attach': ['plug', 'make_port'], 'detach': ['unplug']}


@pytest.mark.timeout(300)
@pytest.mark.parametrize('act', STEPS)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice'])
def test_card(makes: dict[str, Make], act: str, check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(makes[act], tmp_path)
    assert walked == (UNDONE if check == 'undo_twice' else STEPS)[act]


@pytest.mark.parametrize('late', [False, True])
def test_a_card_that_cannot_be_let_go_is_plugged_in_again(makes: dict[str, Make], late: bool, tmp_path: pathlib.Path) -> None:
    makes['detach'](tmp_path).close()
    world = CardWorld(tmp_path)
    try:
        operation = world.detach()

        def refused(step: Step) -> Step:
            do = step.do
            if step.name != 'release_port' or do is None:
                return step

            def fail(run: Run) -> NoReturn:
                if late:
                    do(run)
                raise InvalidInput('The network service does not want to.')

            return dataclasses.replace(step, do=fail)

        replace_steps(world.trial(), operation, refused)
        record = testing.drive(world.trial(), operation)
        found = world.inventory()
        assert (record.state, record.attention, found['the same'], found['cards']) == ('failed', False, True, 1 if late else 2)
    finally:
        world.close()
