"""The compute worker: plays one host, or (simulated) many in one process."""

from __future__ import annotations

import logging
import pathlib
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.drivers import load
from common.errors import PileusError
from common.operations import Runner, host_location
from compute import machine, reconcile
from compute.conf import ComputeOptions
from compute.guest_events import GuestEvents
from compute.virt.base import CacheLimits, Driver
from compute.worlds import HostWorld

if TYPE_CHECKING:
    from compute.service import ComputeService

LOG = logging.getLogger(__name__)


def make_drivers(options: ComputeOptions, host: str, state: pathlib.Path) -> dict[str, Driver]:
    """Drivers by host name: one of the real hypervisor, or as many simulated hosts as the options say."""
    kind = load('compute.virt', options.driver)
    if options.driver != 'simulated':
        limits = CacheLimits(options.image_cache_max_bytes, options.image_cache_max_idle * 3600.0)
        return {host: kind.from_state(host, state, limits)}
    names = [host] if options.simulated_hosts == 1 else [f'{host}-{number:04d}' for number in range(1, options.simulated_hosts + 1)]
    directory = pathlib.Path(options.simulated_state) if options.simulated_state else None
    failures, checks = _failures(options), _image_checks()
    return {
        name: kind(
            name,
            vcpus=options.simulated_vcpus,
            memory_mib=options.simulated_memory_mib,
            disk_gib=options.simulated_disk_gib,
            state=directory / name if directory else None,
            faults=failures,
            checks=checks,
        )
        for name in names
    }


def _failures(options: ComputeOptions) -> Any:
    """The table of failures to come, shared by the simulated hosts of this process."""
    from compute.virt.simulated import FaultTable

    return FaultTable.from_file(pathlib.Path(options.simulated_faults)) if options.simulated_faults else FaultTable()


def _image_checks() -> Any:
    """What is known of images, shared likewise."""
    from compute.virt.simulated import ImageChecks

    return ImageChecks()


class HostEnd:
    """Answers the contract `ComputeHost` for one host."""

    def __init__(self, worker: ComputeWorker, host: str) -> None:
        self._worker, self._driver = worker, worker.drivers[host]

    def wake(self, ctx: Context, operation: str) -> None:
        """There is a step to run."""
        self._worker.runner.wake(operation)

    def console_log(self, ctx: Context, server: str, lines: int | None) -> str:
        """The end of a guest's serial console."""
        return self._driver.console_log(server, lines)

    def diagnostics(self, ctx: Context, server: str) -> dict[str, Any]:
        """Figures of a running guest."""
        return self._driver.diagnostics(server)

    def uptime(self, ctx: Context) -> str:
        """How long the machine of this worker runs, in the words of uptime(1)."""
        return machine.uptime()


class ComputeWorker:
    """The hosts of this process: their drivers, one runner for all of them, and their heartbeats."""

    def __init__(self, service: ComputeService, drivers: dict[str, Driver]) -> None:
        self.service = service
        self.drivers = drivers
        self.worlds = {host: HostWorld(host, driver, service) for host, driver in drivers.items()}
        # A conductor in this process goes on with the steps of the hosts itself, instead of handing each operation over.
        self.runner = service.runner or Runner(service.ops, at={}, workers=0)
        self.events = GuestEvents(lambda host, server_id: reconcile.look(service, self.worlds[host], server_id))
        self._reported = False

    def start(self) -> None:
        """Connect to the hypervisors and begin to run steps."""
        for host, driver in self.drivers.items():
            driver.start(lambda server_id, state, host=host: self.events.tell(host, server_id))
        self.events.start()
        self.report()
        self.runner.take_on({host_location(host): world for host, world in self.worlds.items()}, self.service.options.worker_threads)
        if not self.runner.is_started:
            self.runner.start()

    def stop(self, drain: float) -> None:
        """Let steps in hand end, and let go of the hypervisors; guests run on."""
        self.runner.stop(drain)
        self.events.stop()
        for driver in self.drivers.values():
            driver.stop()

    def report(self) -> None:
        """Tell the scheduler that the hosts live; what they have, the first time and whenever the scheduler does not know them."""
        ctx = Context.service('compute')
        if self._reported:
            self.service.scheduler.beat(ctx, kind='server', names=list(self.drivers))
            return
        try:
            self.service.scheduler.report(ctx, hosts=[self._inventory(host, driver) for host, driver in self.drivers.items()])
            self._reported = True
        except PileusError as error:
            LOG.warning('the scheduler could not be told of this host and will be again: %s', error.message)

    def report_inventory(self) -> None:
        """Tell it all anew at the next report: the scheduler may have lost its database, the host may have grown."""
        self._reported = False
        self.report()

    def prune_images(self) -> None:
        """Let the hosts forget images that no server uses."""
        for host, driver in self.drivers.items():
            try:
                removed = driver.prune_images()
            except (PileusError, OSError) as error:
                LOG.warning('the images kept on host %s could not be looked through: %s', host, error)
                continue
            if removed:
                LOG.info('host %s no longer keeps %d images: %s', host, len(removed), ', '.join(removed))

    def _inventory(self, host: str, driver: Driver) -> dict[str, Any]:
        found = driver.inventory()
        return {
            'name': host,
            'kind': 'server',
            'vcpus': found.vcpus,
            'ram': found.memory_mib,
            'disk': found.disk_gib,
            'zone': self.service.options.availability_zone,
            'hypervisor': found.hypervisor_type,
            'architecture': found.cpu_info.get('arch', 'x86_64'),
            'capabilities': {
                'hypervisor_version': found.hypervisor_version,
                'host_ip': self.service.options.host_ip or machine.address(),
            },
        }
