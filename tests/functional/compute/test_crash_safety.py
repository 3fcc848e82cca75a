"""Boot and delete, broken and killed at each of their steps, with the real services and simulated hosts that outlive a killed worker."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from common.config import Settings
from common.context import Context
from common.operations import SERVICE, host_location, testing
from common.operations.testing import Trial
from common.runtime import SERVICES
from compute import server_create, servers
from compute.db.models import Flavor
from compute.worker import make_drivers
from compute.worlds import HostWorld
from pileus import settings as state_files
from pileus.cloud import embedded, simulated_overrides
from tests.functional.cloud import free_ports

CTX = Context.service('test').but(project_id='p' * 32, user_id='u' * 32, system_scope=None)
_PARTS = [(service, 'api') for service in SERVICES] + [('scheduler', 'conductor'), ('network', 'conductor')]


class World:
    """A cloud in a folder; made again in the same folder it is the same cloud, after a crash."""

    def __init__(self, directory: pathlib.Path) -> None:
        state = directory / 'state'
        state_files.make_secrets(state)
        names = ('identity', 'compute', 'image', 'volume', 'network', 'metadata', 'scheduler')
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        compute = {'simulated_state': str(directory / 'hosts'), 'simulated_hosts': 2}
        self.runtime = embedded(Settings.load(overrides=simulated_overrides(state, ports, compute=compute)))
        self.runtime.start(_PARTS)
        self.service = self.runtime.parts['compute'].service
        self.drivers = make_drivers(self.service.options, 'h', state)
        inventory = [{'name': host, 'kind': 'server', 'vcpus': 8, 'ram': 8192, 'disk': 100} for host in self.drivers]
        self.service.scheduler.report(CTX, hosts=inventory)
        self.worlds: dict[str, Any] = {SERVICE: self.service}
        self.worlds |= {host_location(host): HostWorld(host, driver, self.service) for host, driver in self.drivers.items()}
        self.image, self.network = self._furnish()

    def _furnish(self) -> tuple[str, str]:
        with self.service.db.write() as session:
            if session.get(Flavor, '1') is None:
                from common.clock import now

                session.add(Flavor(id='1', name='f', vcpus=1, memory_mib=512, root_gib=1, extra_specs={}, created_at=now()))
        networks = self.service.network.get('/v2.0/networks?name=crash')['networks']
        if networks:
            return self.service.image.get('/v2/images?name=crash')['images'][0]['id'], networks[0]['id']
        body = {'name': 'crash', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public'}
        image = self.service.image.post('/v2/images', body)['id']
        self.service.image.request('PUT', f'/v2/images/{image}/file', data=bytes(512), headers={'Content-Type': 'application/octet-stream'})
        network = self.service.network.post('/v2.0/networks', {'network': {'name': 'crash', 'project_id': CTX.project_id}})['network']['id']
        subnet = {'network_id': network, 'ip_version': 4, 'cidr': '10.7.0.0/24', 'project_id': CTX.project_id}
        self.service.network.post('/v2.0/subnets', {'subnet': subnet})
        return image, network

    def boot(self) -> str:
        """Start to make a server; the operation's id."""
        body = {
            'name': 'victim', 'flavorRef': '1', 'imageRef': self.image, 'networks': [{'uuid': self.network}], 'config_drive': True,
        }  # fmt: skip
        made, _ = server_create.create(self.service, CTX, body, {})
        return self.live(made[0].id)

    def live(self, server: str) -> str:
        """The id of the operation that owns a server."""
        with self.service.db.read() as session:
            return str(self.service.ops.live(session, server).id)

    def the_server(self) -> str:
        """The id of the one server there is."""
        from compute.db import servers as queries

        with self.service.db.read() as session:
            return str(queries.list_servers(session, [], [('id', 'asc')], None, None)[0].id)

    def delete(self) -> str:
        """Start to delete the server; the operation's id."""
        server = self.the_server()
        servers.delete(self.service, CTX, server)
        return self.live(server)

    def inventory(self) -> dict[str, Any]:
        """What exists outside of compute's rows, without the names of hosts, which may differ."""
        contents = [driver.contents() for driver in self.drivers.values()]
        ports = self.service.network.get('/v2.0/ports?network_id=' + self.network)['ports']
        hosts = self.service.scheduler.hosts(CTX, kind='server')
        return {
            'guests': sum(len(host['guests']) for host in contents),
            'disks': sum(len(host['disks']) for host in contents),
            'ports': len([port for port in ports if port['device_owner'].startswith('compute:')]),
            'claimed': sum(host['used_ram'] for host in hosts),
        }

    def close(self) -> None:
        """End it."""
        self.runtime.stop(0.5)


def make_boot(directory: pathlib.Path) -> Trial:
    world = World(directory)
    return Trial(
        ops=world.service.ops, worlds=world.worlds, start=world.boot, delete=world.delete, inventory=world.inventory, close=world.close
    )


def make_delete(directory: pathlib.Path) -> Trial:
    world = World(directory)

    def start() -> str:
        trial = Trial(ops=world.service.ops, worlds=world.worlds, start=world.boot, inventory=world.inventory)
        record = testing.drive(trial, world.boot())
        assert record.state == 'done', record.fault
        return world.delete()

    return Trial(ops=world.service.ops, worlds=world.worlds, start=start, inventory=world.inventory, close=world.close)


@pytest.mark.timeout(600)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice', 'delete_at_every_step'])
def test_boot(check: str, tmp_path: pathlib.Path) -> None:
    getattr(testing, check)(make_boot, tmp_path)


@pytest.mark.timeout(600)
def test_boot_ends_active_after_kill_at_every_record(tmp_path: pathlib.Path) -> None:
    testing.crash_before_and_after_every_record(make_boot, tmp_path)


@pytest.mark.timeout(600)
def test_delete_ends_gone_after_kill_at_every_record(tmp_path: pathlib.Path) -> None:
    testing.crash_before_and_after_every_record(make_delete, tmp_path)


@pytest.mark.timeout(600)
def test_delete_done_twice_is_done_once(tmp_path: pathlib.Path) -> None:
    testing.every_step_twice(make_delete, tmp_path)
