"""What may be asked over AMQP of the image service."""

from __future__ import annotations

from common.messaging import Contract, cast


class ImageControl(Contract, topic='image.control'):
    """The service itself, wherever its conductors run. Long work is never asked here: see operations."""

    @cast
    def wake(self, operation: str) -> None:
        """There is a step to do. Losing this message delays, never loses."""
