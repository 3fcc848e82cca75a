"""Putting the volume service together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.api import Application
from common.operations import SERVICE, LocalBell, Operations, Runner, host_location, host_of
from common.operations.timeline import RequestEvents
from common.policy import Policy
from common.quota import Quotas
from common.runtime import ApiPart, ServiceParts, WorkerPart
from common.service.heartbeat import Periodic
from volume import quotas
from volume.api import RESOURCES
from volume.api.versions import SPEC
from volume.conf import VolumeOptions
from volume.control import Control
from volume.db.models import QUOTAS, TABLES
from volume.operations import DEFINITIONS
from volume.rpc import VolumeControl, VolumeHost
from volume.service import VolumeService, directory_of
from volume.worker import HostWorld, VolumeWorker, load_pool, load_target

if TYPE_CHECKING:
    from common.context import Context
    from common.messaging import Broker
    from common.messaging.server import Server
    from common.runtime import Runtime


class _FarBell:
    """Rings at other processes, by message."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def ring(self, location: str, operation_id: str) -> None:
        """Wake whoever runs the operations of a place."""
        from common.context import Context

        host = host_of(location)
        ctx: Context = Context.service('volume')
        if host is None:
            self._broker.client(VolumeControl).wake(ctx, operation=operation_id)
        else:
            self._broker.client(VolumeHost, host=host).wake(ctx, operation=operation_id)


def build(runtime: Runtime) -> ServiceParts:
    """The service and its parts: API, conductor and, on a host with volumes, the worker."""
    options = runtime.settings.get(VolumeOptions)
    db = runtime.database('volume')
    policy = Policy([rule for resource in RESOURCES for rule in resource.rules], runtime.policy_file('volume'))
    ops = Operations(db, DEFINITIONS, TABLES, LocalBell(_FarBell(runtime.broker)))
    counted = Quotas(QUOTAS, quotas.defaults(options), quotas.usage)
    service = VolumeService(options, db, policy, runtime.broker, ops, counted, runtime.rest('volume', 'image'))
    return ServiceParts(
        'volume',
        service,
        apis=[ApiPart('volume', lambda: Application('volume', RESOURCES, instance=service, policy=policy, versions=SPEC))],
        workers=[_conductor(runtime, service), _worker(runtime, service)],
        db=db,
        migrations='volume.db',
        prepare=service.prepare,
        checks={'database': lambda: _ping(service)},
        request_events=RequestEvents(db, TABLES),
    )


def _ping(service: VolumeService) -> str | None:
    service.db.ping()
    return None


def _conductor(runtime: Runtime, service: VolumeService) -> WorkerPart:
    runner = Runner(service.ops, at=SERVICE, world=service, workers=2)
    servers: list[Server] = []

    def start() -> None:
        servers.append(runtime.broker.serve(VolumeControl, Control(service, runner), workers=4))
        runner.start()

    def stop(drain: float) -> None:
        runner.stop(drain)
        for server in servers:
            server.stop(drain)

    return WorkerPart('conductor', start, stop)


def _worker(runtime: Runtime, service: VolumeService) -> WorkerPart:
    options = service.options
    started: list[Server | Runner | Periodic] = []

    def start() -> None:
        world = HostWorld(load_pool(options, directory_of(options, str(runtime.state))), load_target(options), service.image)
        worker = VolumeWorker(runtime.host, options, world, runtime.broker)
        worker.runner = Runner(service.ops, at=host_location(runtime.host), world=world, workers=4)
        started.append(runtime.broker.serve(VolumeHost, worker, host=runtime.host, workers=4))
        worker.runner.start()
        started.append(worker.runner)
        for periodic in (
            Periodic('volume-report', worker.report, options.report_interval),
            Periodic('volume-reconcile', worker.reconcile, options.reconcile_interval),
        ):
            periodic.start()
            started.append(periodic)

    def stop(drain: float) -> None:
        for one in reversed(started):
            one.stop(drain)
        started.clear()

    return WorkerPart('worker', start, stop)
