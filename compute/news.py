"""What the network service tells of ports: boots that wait for one go on at once, and addresses are brought up to date.

All of it is a doorbell: what is missed here is found by the step that looks again, and by whoever asks for addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.context import Context
from compute import floating

if TYPE_CHECKING:
    from compute.service import ComputeService


class PortNews:
    """Answers `network.rpc.PortEvents`."""

    def __init__(self, service: ComputeService) -> None:
        self._service = service

    def port_active(self, ctx: Context, port: str, device: str) -> None:
        """Ring for the operation of a server that pauses until its port is wired."""
        ops = self._service.ops
        with self._service.db.read() as session:
            live = ops.live(session, device, 'server')
        if live is not None and live.lease_owner is None and live.waits_for is None and live.place:
            ops.ring(live.place, live.id)

    def addresses_changed(self, ctx: Context, port: str, device: str) -> None:
        """A floating address came or went."""
        floating.refresh(self._service, ctx, device)
