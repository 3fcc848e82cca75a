"""The scheduler, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scheduler.conf import SchedulerOptions
from scheduler.rpc import Scheduler
from scheduler.service import SchedulerService
from scheduler.worker import SchedulerWorker

if TYPE_CHECKING:
    from common.runtime import Runtime, ServiceParts

WORKERS = 8
PRUNE_EVERY = 3600.0


def build(runtime: Runtime) -> ServiceParts:
    """Called by the runtime. The part `conductor` answers the contract; the API has health, metrics and the timeline."""
    from common.runtime import ApiPart, ServiceParts, WorkerPart
    from common.service.heartbeat import Periodic

    service = SchedulerService(runtime.database('scheduler'), runtime.settings.get(SchedulerOptions))

    def application() -> Any:
        from common.api import Application
        from scheduler.api.events import EVENTS

        return Application('scheduler', [EVENTS], instance=service, policy_overrides=runtime.policy_file('scheduler'))

    pruning = Periodic('scheduler-prune', service.prune, PRUNE_EVERY, at_once=False)
    serving: list[Any] = []

    def start() -> None:
        serving.append(runtime.broker.serve(Scheduler, SchedulerWorker(service), workers=WORKERS))
        pruning.start()

    def stop(drain: float) -> None:
        for server in serving:
            server.stop(drain)
        pruning.stop(drain)
        service.hosts.write_heartbeats()

    return ServiceParts(
        'scheduler',
        service,
        apis=[ApiPart('scheduler', application)],
        workers=[WorkerPart('conductor', start, stop)],
        db=service.db,
        migrations='scheduler.db',
        checks={'counts': service.check_counts},
    )
