"""Floating addresses in a server's own row, refreshed when the network service says that one changed, and when asked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import PileusError
from compute import network_info
from compute.db import servers as queries
from compute.db.models import Server

if TYPE_CHECKING:
    from compute.service import ComputeService

LOG = logging.getLogger(__name__)


def current(service: ComputeService, ctx: Context, server: Server) -> list[dict[str, Any]]:
    """The server's ports with the floating addresses they have now; the remembered ones when the network service is away."""
    ports = {entry['port_id'] for entry in server.network_info}
    if not ports:
        return list(server.network_info)
    try:
        query = '&'.join(f'port_id={port}' for port in sorted(ports))
        found = service.network.with_context(ctx).get(f'/v2.0/floatingips?{query}')['floatingips']
    except PileusError as error:
        LOG.warning('floating addresses of server %s are not known now: %s', server.id, error.message)
        return list(server.network_info)
    by_fixed: dict[str, list[str]] = {}
    for entry in found:
        if entry['port_id'] in ports:
            by_fixed.setdefault(f'{entry["port_id"]}/{entry["fixed_ip_address"]}', []).append(entry['floating_ip_address'])
    return network_info.with_floating(server.network_info, by_fixed)


def refresh(service: ComputeService, ctx: Context, server_id: str) -> None:
    """Write the addresses that a server has now into its row."""
    with service.db.read() as session:
        server = queries.get(session, server_id)
    if server is None:
        return
    info = current(service, ctx, server)
    with service.db.write() as session:
        live = queries.get(session, server_id)
        if live is not None and {e['port_id'] for e in live.network_info} == {e['port_id'] for e in info}:
            queries.set_state(session, server_id, now(), network_info=info)
