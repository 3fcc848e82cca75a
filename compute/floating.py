"""The floating addresses of a server's ports."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import PileusError
from compute import network_info
from compute.db.models import Server

if TYPE_CHECKING:
    from compute.service import ComputeService

LOG = logging.getLogger(__name__)


def current(service: ComputeService, ctx: Context, server: Server) -> list[dict[str, Any]]:
    """The server's ports with the floating addresses they have now; the remembered ones when the network service is away."""
    try:
        return of(service, ctx, server.network_info)
    except PileusError as error:
        LOG.warning('floating addresses of server %s are not known now: %s', server.id, error.message)
        return list(server.network_info)


def of(service: ComputeService, ctx: Context, info: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same ports with the floating addresses they have now. Raises PileusError when the network service is away."""
    ports = {entry['port_id'] for entry in info}
    if not ports:
        return list(info)
    query = '&'.join(f'port_id={port}' for port in sorted(ports))
    found = service.network.with_context(ctx).get(f'/v2.0/floatingips?{query}')['floatingips']
    by_fixed: dict[str, list[str]] = {}
    for entry in found:
        if entry['port_id'] in ports:
            by_fixed.setdefault(f'{entry["port_id"]}/{entry["fixed_ip_address"]}', []).append(entry['floating_ip_address'])
    return network_info.with_floating(info, by_fixed)
