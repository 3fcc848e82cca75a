"""A cloud of one process with simulated hosts that outlive it, driven step by step: for tests that break and kill it."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable
from typing import Any, TypeVar

from common.clock import now
from common.config import Settings
from common.context import Context
from common.operations import SERVICE, host_location
from common.operations.testing import Make, Trial
from common.runtime import SERVICES
from compute import server_create, servers
from compute.db import servers as queries
from compute.db.models import Flavor, Server
from compute.virt.base import Driver
from compute.worker import make_drivers
from compute.worlds import HostWorld
from pileus import settings as state_files
from pileus.cloud import embedded, simulated_overrides
from tests.ports import free_ports

CTX = Context.service('test').but(project_id='p' * 32, user_id='u' * 32, system_scope=None)
_PARTS = [
    *((service, 'api') for service in SERVICES), ('scheduler', 'conductor'), ('network', 'conductor'), ('volume', 'conductor'), ('volume', 'worker'),
]  # fmt: skip


W = TypeVar('W', bound='World')


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
        self.drivers = self.make_drivers(directory)
        inventory = [{'name': host, 'kind': 'server', 'vcpus': 8, 'ram': 8192, 'disk': 100} for host in self.drivers]
        self.service.scheduler.report(CTX, hosts=inventory)
        self.worlds: dict[str, Any] = {SERVICE: self.service}
        self.worlds |= {host_location(host): HostWorld(host, driver, self.service) for host, driver in self.drivers.items()}
        self.image, self.network = self._furnish()

    def make_drivers(self, directory: pathlib.Path) -> dict[str, Driver]:
        """The hypervisors by host, with their state in the folder."""
        return make_drivers(self.service.options, 'h', directory / 'state')

    def _furnish(self) -> tuple[str, str]:
        with self.service.db.write() as session:
            if session.get(Flavor, '1') is None:
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
        """The id of the one server that is not deleted."""
        with self.service.db.read() as session:
            return str(queries.list_servers(session, [Server.deleted.is_(False)], [('id', 'asc')], None, None)[0].id)

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
        self.runtime.stop()


def from_copies(template: pathlib.Path, world_in: Callable[[pathlib.Path], W], trial_of: Callable[[W], Trial]) -> Make:
    """Worlds that can be tried; one in an empty folder is a copy of the template, which costs less than making it."""

    def make(directory: pathlib.Path) -> Trial:
        if not any(directory.iterdir()):
            shutil.copytree(template, directory, dirs_exist_ok=True)
        return trial_of(world_in(directory))

    return make
