"""What may be asked over AMQP of the compute service."""

from __future__ import annotations

from typing import Any

from common.messaging import Contract, call, cast


class ComputeHost(Contract, topic='compute.host'):
    """A host's worker. Long work is never asked here: see operations."""

    @cast
    def wake(self, operation: str) -> None:
        """There is a step for this host. Losing this message delays, never loses."""

    @call(deadline=15)
    def console_log(self, server: str, lines: int | None) -> str:
        """The end of a guest's serial console."""

    @call(deadline=15)
    def diagnostics(self, server: str) -> dict[str, Any]:
        """Figures of a running guest."""

    @call(deadline=15)
    def uptime(self) -> str:
        """How long the host runs, in the words of uptime(1)."""


class ComputeControl(Contract, topic='compute.control'):
    """The service itself, as its workers and others see it."""

    @cast
    def wake(self, operation: str) -> None:
        """There is a step for the service."""


class ComputeMetadata(Contract, topic='compute.metadata'):
    """What a server may learn about itself; asked by the metadata service."""

    @call(deadline=10)
    def describe(self, server_id: str) -> dict[str, Any]:
        """The server as `common.instance_metadata.Description`. Raises NotFound."""
