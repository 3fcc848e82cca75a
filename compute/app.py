"""Putting the compute service together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import clock
from common.api import Application
from common.context import Context
from common.operations import SERVICE, LocalBell, Operations, Runner, host_of
from common.operations.states import StateGuard
from common.operations.timeline import RequestEvents
from common.policy import Policy
from common.quota import Quotas
from common.runtime import ApiPart, ServiceParts, WorkerPart
from common.service.heartbeat import Periodic
from compute import describe
from compute.api import RESOURCES
from compute.api.versions import SPEC
from compute.conf import ComputeOptions
from compute.control import Control, PortListener
from compute.db import servers as queries
from compute.db.models import QUOTAS, TABLES, Server
from compute.hosts import Hosts
from compute.operations import DEFINITIONS
from compute.reconcile import reconcile
from compute.rpc import ComputeControl, ComputeHost, ComputeMetadata
from compute.server_states import BUILDING, ERROR, TASKS
from compute.service import ComputeService, quota_defaults
from compute.worker import ComputeWorker, HostEnd, make_drivers
from network.rpc import PortEvents
from scheduler.rpc import Scheduler

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.messaging import Broker
    from common.runtime import Runtime

_INVENTORY_EVERY = 60.0
_PRUNE_EVERY = 600.0


class _FarBell:
    """Rings at other processes, by message."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def ring(self, location: str, operation_id: str) -> None:
        """Wake whoever runs the operations of a place."""
        host = host_of(location)
        ctx = Context.service('compute')
        if host is None:
            self._broker.client(ComputeControl).wake(ctx, operation=operation_id)
        else:
            self._broker.client(ComputeHost, host=host).wake(ctx, operation=operation_id)


def build(runtime: Runtime) -> ServiceParts:
    """The service and its parts: API, conductor and, on a hypervisor host, the worker."""
    options = runtime.settings.get(ComputeOptions)
    db = runtime.database('compute')
    policy = Policy([rule for resource in RESOURCES for rule in resource.rules], runtime.policy_file('compute'))
    scheduler = runtime.broker.client(Scheduler)
    service = ComputeService(
        options=options,
        db=db,
        policy=policy,
        broker=runtime.broker,
        ops=Operations(db, DEFINITIONS, TABLES, LocalBell(_FarBell(runtime.broker))),
        quotas=Quotas(QUOTAS, quota_defaults(options), queries.usage),
        network=runtime.rest('compute', 'network'),
        image=runtime.rest('compute', 'image'),
        volume=runtime.rest('compute', 'volume'),
        scheduler=scheduler,
        hosts=Hosts(scheduler),
    )
    guard = _guard(service)
    return ServiceParts(
        'compute',
        service,
        apis=[ApiPart('compute', lambda: Application('compute', RESOURCES, instance=service, policy=policy, versions=SPEC))],
        workers=[_conductor(runtime, service, guard), _worker(runtime, service)],
        db=db,
        migrations='compute.db',
        checks={'database': lambda: _ping(service)},
        request_events=RequestEvents(db, TABLES),
    )


def _ping(service: ComputeService) -> str | None:
    service.db.ping()
    return None


def _guard(service: ComputeService) -> StateGuard:
    """No server stays in a transitional state that no operation stands behind."""
    guard = StateGuard(service.ops, Server, 'task_state', TASKS, of='server', repair=_orphaned)
    guard.install(service.db)
    return guard


def _orphaned(session: Session, server: Server, fault: dict[str, Any]) -> None:
    server.task_state, server.fault, server.updated_at = None, describe.fault(fault), clock.now()
    if server.vm_state == BUILDING:
        server.vm_state = ERROR


def _conductor(runtime: Runtime, service: ComputeService, guard: StateGuard) -> WorkerPart:
    runner = Runner(service.ops, at=SERVICE, world=service, workers=service.options.worker_threads)
    runner.periodic.append(guard.sweep)
    started: list[Any] = []

    def start() -> None:
        control = Control(service, runner)
        started.append(runtime.broker.serve(ComputeControl, control, workers=4))
        started.append(runtime.broker.serve(ComputeMetadata, control, workers=8))
        started.append(runtime.broker.serve(PortEvents, PortListener(service), host=f'compute.{runtime.host}.{id(service):x}', workers=2))
        runner.start()
        service.runner = runner

    def stop(drain: float) -> None:
        runner.stop(drain)
        for server in started:
            server.stop(drain)

    return WorkerPart('conductor', start, stop)


def _worker(runtime: Runtime, service: ComputeService) -> WorkerPart:
    started: list[Any] = []

    def start() -> None:
        options = service.options
        worker = service.worker = ComputeWorker(service, make_drivers(options, runtime.host, runtime.state))
        for host in worker.drivers:
            started.append(runtime.broker.serve(ComputeHost, HostEnd(worker, host), host=host, workers=4))
        worker.start()
        started.append(worker)
        for periodic in (
            Periodic('compute-report', worker.report, options.report_interval, at_once=False),
            Periodic('compute-inventory', worker.report_inventory, _INVENTORY_EVERY, at_once=False),
            Periodic('compute-images', worker.prune_images, _PRUNE_EVERY, at_once=False),
            Periodic('compute-reconcile', lambda: reconcile(worker), options.reconcile_interval),
        ):
            periodic.start()
            started.append(periodic)

    def stop(drain: float) -> None:
        for one in reversed(started):
            one.stop(drain)
        started.clear()

    return WorkerPart('worker', start, stop)
