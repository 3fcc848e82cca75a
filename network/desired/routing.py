"""The routers of a host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from network.desired import ports
from network.desired.model import FloatingIp, Router, RouterPort
from network.desired.snapshot import Snapshot


def routers(snapshot: Snapshot, lengths: Mapping[str, int]) -> tuple[Router, ...]:
    """The routers, by id."""
    return tuple(_router(row, snapshot, lengths) for row in sorted(snapshot.routers, key=lambda row: row.id))


def _router(row: Any, snapshot: Snapshot, lengths: Mapping[str, int]) -> Router:
    own = sorted((port for port in snapshot.ports if port.device_id == row.id), key=lambda port: port.id)
    gateway = next((port for port in own if port.device_owner == ports.GATEWAY), None)
    return Router(
        id=row.id,
        admin_state_up=row.admin_state_up,
        interfaces=tuple(_port(port, snapshot, lengths) for port in own if port.device_owner == ports.INTERFACE),
        gateway=_port(gateway, snapshot, lengths) if gateway is not None else None,
        enable_snat=row.enable_snat,
        floating_ips=tuple(
            FloatingIp(floating.id, floating.floating_ip_address, floating.fixed_ip_address)
            for floating in sorted(snapshot.floating.get(row.id, ()), key=lambda floating: floating.id)
            if floating.fixed_ip_address
        ),
        routes=tuple(sorted((destination, next_hop) for destination, next_hop in row.routes or ())),
    )


def _port(row: Any, snapshot: Snapshot, lengths: Mapping[str, int]) -> RouterPort:
    return RouterPort(row.id, row.network_id, row.mac_address, ports.addresses_of(row.id, snapshot, lengths))
