"""Putting the network service together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.api import Application
from common.operations.timeline import RequestEvents
from common.policy import Policy
from common.runtime import ApiPart, ServiceParts, WorkerPart
from common.service.heartbeat import Periodic
from network import placement_of_agents, quotas
from network.api import RESOURCES
from network.conf import NetworkOptions
from network.control import Control
from network.db.models import OPERATION_TABLES
from network.rpc import NetworkControl
from network.service import NetworkService

if TYPE_CHECKING:
    from common.runtime import Runtime

CONTROL_WORKERS = 8


def build(runtime: Runtime) -> ServiceParts:
    """The service and its parts: API, conductor (what agents ask, and placement) and, where networks are real, the agent."""
    options = runtime.settings.get(NetworkOptions)
    db = runtime.database('network')
    rules = [rule for resource in RESOURCES for rule in resource.rules]
    policy = Policy(rules, runtime.policy_file('network'))
    service = NetworkService(options, db, policy, quotas.make(options), runtime.broker)
    workers = [_conductor(runtime, service)]
    if options.driver == 'agent':
        workers.append(_agent(runtime))
    return ServiceParts(
        'network',
        service,
        apis=[ApiPart('network', lambda: Application('network', RESOURCES, instance=service, policy=policy))],
        workers=workers,
        db=db,
        migrations='network.db',
        checks={'database': lambda: _ping(service)},
        request_events=RequestEvents(db, OPERATION_TABLES),
    )


def _ping(service: NetworkService) -> str | None:
    service.db.ping()
    return None


def _conductor(runtime: Runtime, service: NetworkService) -> WorkerPart:
    started: list[Any] = []

    def start() -> None:
        started.append(runtime.broker.serve(NetworkControl, Control(service), workers=CONTROL_WORKERS))
        if not service.simulated:
            sweeping = Periodic('network-placement', lambda: placement_of_agents.sweep(service), service.options.placement_interval)
            sweeping.start()
            started.append(sweeping)

    def stop(drain: float) -> None:
        for one in reversed(started):
            one.stop(drain)
        started.clear()

    return WorkerPart('conductor', start, stop)


def _agent(runtime: Runtime) -> WorkerPart:
    """Imported where it runs: an API process needs nothing of it."""
    running: list[WorkerPart] = []

    def start() -> None:
        from network.agent_part import agent_part

        running.append(agent_part(runtime))
        running[0].start()

    def stop(drain: float) -> None:
        while running:
            running.pop().stop(drain)

    return WorkerPart('agent', start, stop)
