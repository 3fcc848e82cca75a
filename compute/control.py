"""The service's side of its contracts with workers and with the metadata service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import NotFound
from compute import describe, floating, reconcile
from compute.db import servers as queries

if TYPE_CHECKING:
    from common.operations import Runner
    from compute.service import ComputeService


class Control:
    """Answers `ComputeControl` and `ComputeMetadata`."""

    def __init__(self, service: ComputeService, runner: Runner | None = None) -> None:
        self.service = service
        self.runner = runner

    def wake(self, ctx: Context, operation: str) -> None:
        """There is a step for the service."""
        if self.runner is not None:
            self.runner.wake(operation)

    def power_changed(self, ctx: Context, host: str, server: str, power_state: int) -> None:
        """A guest changed its power state by itself."""
        reconcile.set_power(self.service, server, power_state)

    def describe(self, ctx: Context, server_id: str) -> dict[str, Any]:
        """What a server may learn about itself."""
        with self.service.db.read() as session:
            server = queries.get(session, server_id)
        if server is None:
            raise NotFound('instance', server_id)
        server.network_info = floating.current(self.service, ctx, server)
        return dict(describe.description(server))
