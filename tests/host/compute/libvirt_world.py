"""A cloud of one process whose one host is a real libvirtd, and a process of it that is killed at a chosen instant.

`python -m tests.host.compute.libvirt_world FOLDER boot|snapshot|delete STEP [CALL]` starts the operation and dies of SIGKILL when the effect of
the step is there (or, with CALL, when libvirt has done what the driver calls so), before anything of it is recorded.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from common.context import Context
from common.operations import Step, testing
from common.operations.record import Record
from common.operations.testing import Trial
from common.operations.trial import definition_of, replace_steps
from compute import server_create, snapshots
from compute.virt.base import Driver
from compute.virt.libvirt.driver import LibvirtDriver
from tests.functional.compute.crash_world import CTX, World

URI = 'uri'
"""The file in the folder that says where libvirtd is."""


class LibvirtWorld(World):
    """The same cloud in the same folder; its host is what it was."""

    driver: LibvirtDriver

    def make_drivers(self, directory: pathlib.Path) -> dict[str, Driver]:
        """One host. KVM is not needed: no guest has to boot."""
        self.driver = LibvirtDriver('h', directory / 'virt', uri=(directory / URI).read_text(), virt_type='qemu')
        return {'h': self.driver}

    def make_port(self) -> str:
        """A port for the server; whoever calls makes its tap, which is the work of the network agent."""
        body = {'port': {'network_id': self.network, 'project_id': CTX.project_id}}
        return str(self.service.network.post('/v2.0/ports', body)['port']['id'])

    def boot(self) -> str:
        """Start to make a server with the port; the operation's id."""
        port = self.service.network.get(f'/v2.0/ports?network_id={self.network}')['ports'][0]['id']
        body = {'name': 'victim', 'flavorRef': '1', 'imageRef': self.image, 'networks': [{'port': port}], 'config_drive': True}
        made, _ = server_create.create(self.service, CTX, body, {})
        return self.live(made[0].id)

    def snapshot(self) -> str:
        """Start to make an image of the server; the operation's id."""
        return snapshots.create_image(self.service, CTX, self.the_server(), 'copy', {})[1]

    def record(self, operation_id: str) -> tuple[Record, str]:
        """An operation, and the name of the step that it is at."""
        record = self.service.ops.store.load(operation_id)
        assert record is not None
        return record, definition_of(self.trial(), operation_id).steps[record.position].name

    def go_on(self, operation_id: str) -> Record:
        """Carry an operation to its end."""
        return testing.drive(self.trial(), operation_id)

    def trial(self) -> Trial:
        """What drives operations in this world."""
        return Trial(ops=self.service.ops, worlds=self.worlds, start=self.boot, inventory=self.inventory)

    def inventory(self) -> dict[str, Any]:
        """What there is outside of compute's rows."""
        hosts = self.service.scheduler.hosts(Context.service('test'), kind='server')
        ports = self.service.network.get(f'/v2.0/ports?network_id={self.network}')['ports']
        return {
            'guests': len(self.driver.list_servers()),
            'disks': len(self.driver.list_disks()),
            'bound ports': len([port for port in ports if port['device_id']]),
            'claimed': sum(host['used_ram'] for host in hosts),
        }


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError('nobody survives that')


def _die_in(step_name: str) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        do = step.do
        if step.name != step_name or do is None:
            return step

        def last(run: Any) -> NoReturn:
            do(run)
            _die()

        return dataclasses.replace(step, do=last)

    return change


def _die_after(driver: LibvirtDriver, doing: str) -> None:
    for name in ('call', 'forgiving'):
        original = getattr(driver.hypervisor, name)

        def last(*words: Any, _original: Any = original, **named: Any) -> Any:
            value = _original(*words, **named)
            if named.get('doing') == doing:
                _die()
            return value

        setattr(driver.hypervisor, name, last)


def main() -> None:
    """Start the operation and die in it."""
    folder, act, step, *call = sys.argv[1:]
    world = LibvirtWorld(pathlib.Path(folder))
    operation = {'boot': world.boot, 'snapshot': world.snapshot, 'delete': world.delete}[act]()
    if call:
        _die_after(world.driver, call[0])
    else:
        replace_steps(world.trial(), operation, _die_in(step))
    world.go_on(operation)


if __name__ == '__main__':
    main()
