"""What may be asked over messages of the network service and of its agents, and what they announce.

Pure: other services import it.
"""

from __future__ import annotations

from typing import Any

from common.messaging import Contract, call, cast, fanout


class NetworkControl(Contract, topic='network.control'):
    """The service itself, as the agents of the hosts see it."""

    @call(deadline=30)
    def desired(self, host: str, known_revision: int | None) -> dict[str, Any] | None:
        """What the host should look like (`network.desired.model.HostNetwork` by `to_message`); None: as at the known revision."""

    @call(deadline=30)
    def report(self, host: str, heartbeat: dict[str, Any], ports: dict[str, str], revision: int) -> None:
        """An agent lives, and how its ports are.

        heartbeat: `{tunnel_ip, availability_zone, serves_networks, configurations, started_at}`, each may be left out.
        ports: port id -> ACTIVE or DOWN. revision: of the state that was applied.
        """


class NetworkAgent(Contract, topic='network.agent'):
    """The agent of a host."""

    @cast
    def refresh(self) -> None:
        """What the host should look like has changed. Losing this message delays, never loses."""


class PortEvents(Contract, topic='network.ports'):
    """News about ports, for whoever waits for them. All of it can be read from the API as well."""

    @fanout
    def port_active(self, port: str, device: str) -> None:
        """The port is wired; `device`: the server it belongs to."""

    @fanout
    def addresses_changed(self, port: str, device: str) -> None:
        """The port's addresses (floating ones too) or its security groups changed, or it was deleted."""
