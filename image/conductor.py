"""The part of the image service that works by itself: imports, and what has to be looked after now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.operations import SERVICE, Runner
from common.operations.states import StateGuard
from common.runtime import WorkerPart
from common.service.heartbeat import Periodic
from image import staging, tasks
from image.db.models import Image
from image.records import IMPORTING, QUEUED
from image.rpc import ImageControl

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.messaging import Broker
    from common.messaging.server import Server
    from image.service import ImageService

_SWEEP = 10.0


class FarBell:
    """Rings at the conductors of other processes, by message."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def ring(self, location: str, operation_id: str) -> None:
        """Wake whoever runs operations."""
        ctx: Context = Context.service('image')
        self._broker.client(ImageControl).wake(ctx, operation=operation_id)


class _Control:
    """Answers the contract `ImageControl`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def wake(self, ctx: Context, operation: str) -> None:
        """There is a step to do."""
        self._runner.wake(operation)


def _repair(session: Session, image: Any, fault: dict[str, Any]) -> None:
    image.status, image.upload_id, image.upload_until, image.size, image.updated_at = QUEUED, None, None, None, now()


def sweep(service: ImageService) -> None:
    """Give back what dead processes held, and forget what is over."""
    staging.sweep(service)
    tasks.sweep(service)
    StateGuard(service.ops, Image, 'status', {IMPORTING}, of='image', repair=_repair).sweep()


def conductor(broker: Broker, service: ImageService) -> WorkerPart:
    """The part that runs operations and sweeps."""
    runner = Runner(service.ops, at=SERVICE, world=service, workers=service.options.import_workers)
    sweeper = Periodic('image-staging-sweep', lambda: sweep(service), _SWEEP)
    servers: list[Server] = []

    def start() -> None:
        servers.append(broker.serve(ImageControl, _Control(runner), workers=1))
        runner.start()
        sweeper.start()

    def stop(drain: float) -> None:
        sweeper.stop(drain)
        runner.stop(drain)
        for server in servers:
            server.stop(drain)
        servers.clear()

    return WorkerPart('conductor', start, stop)
