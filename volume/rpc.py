"""What may be asked over AMQP of the volume service."""

from __future__ import annotations

from typing import Any

from common.messaging import Contract, call, cast


class VolumeHost(Contract, topic='volume.host'):
    """A host's volume worker. Long work is never asked here: see operations."""

    @cast
    def wake(self, operation: str) -> None:
        """There is a step for this host. Losing this message delays, never loses."""

    @call(deadline=30)
    def export(self, volume: str, secret: str) -> dict[str, Any]:
        """Make a volume reachable; gives the connection without the secret. May be asked again at any time."""

    @call(deadline=30)
    def unexport(self, volume: str) -> None:
        """End the export of a volume and all its sessions. May be asked again at any time."""


class VolumeControl(Contract, topic='volume.control'):
    """The service itself, as its workers see it."""

    @cast
    def wake(self, operation: str) -> None:
        """There is a step for the service."""

    @cast
    def report(self, host: str, availability_zone: str, total_gib: float, free_gib: float, provisioned_gib: float) -> None:
        """A worker lives, and how much room its pool has."""

    @call(deadline=20)
    def expected(self, host: str) -> dict[str, Any]:
        """What should be on a host: `volumes` (id -> size in GiB) and `exports` (id -> secret)."""
