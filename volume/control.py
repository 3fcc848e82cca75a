"""The service's side of the contract with its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from volume.db import snapshots as snapshot_queries
from volume.db import volumes as queries

if TYPE_CHECKING:
    from common.operations import Runner
    from volume.service import VolumeService


class Control:
    """Answers the contract `VolumeControl`."""

    def __init__(self, service: VolumeService, runner: Runner | None = None) -> None:
        self.service = service
        self.runner = runner

    def wake(self, ctx: Context, operation: str) -> None:
        """There is a step for the service."""
        if self.runner is not None:
            self.runner.wake(operation)

    def report(self, ctx: Context, host: str, availability_zone: str, total_gib: float, free_gib: float, provisioned_gib: float) -> None:
        """A worker lives."""
        with self.service.db.write() as session:
            queries.report_host(
                session,
                host,
                now(),
                availability_zone=availability_zone,
                total_gib=total_gib,
                free_gib=free_gib,
                provisioned_gib=provisioned_gib,
            )

    def expected(self, ctx: Context, host: str) -> dict[str, Any]:
        """What should be on a host."""
        with self.service.db.read() as session:
            volumes, exports = queries.expected_on(session, host)
            snapshots = snapshot_queries.on_host(session, host)
        return {'volumes': volumes, 'exports': exports, 'snapshots': snapshots}
