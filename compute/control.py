"""The service's side of its contracts with workers and with the metadata service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import NotFound
from compute import describe, floating, port_changes
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

    def describe(self, ctx: Context, server_id: str) -> dict[str, Any]:
        """What a server may learn about itself."""
        with self.service.db.read() as session:
            server = queries.get(session, server_id)
            volumes = queries.volumes_of(session, [server_id])[server_id]
        if server is None:
            raise NotFound('instance', server_id)
        server.network_info = floating.current(self.service, ctx, server)
        return dict(describe.description(server, volumes))


class PortListener:
    """Hears of ports from the network service: answers `PortEvents`. What is missed is found by looking, a little later."""

    def __init__(self, service: ComputeService) -> None:
        self.service = service

    def port_active(self, ctx: Context, port: str, device: str) -> None:
        """A port is wired: let the operation that may wait for it look again."""
        with self.service.db.read() as session:
            live = self.service.ops.live(session, device, 'server') if device else None
        if live is not None and live.place is not None and live.lease_owner is None and live.waits_for is None:
            self.service.ops.ring(live.place, live.id)

    def addresses_changed(self, ctx: Context, port: str, device: str) -> None:
        """A port is not what it was: the server's row shows it."""
        if device:
            port_changes.refresh(self.service, ctx, device)
