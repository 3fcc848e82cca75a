"""A server's own row follows its ports: addresses, floating addresses, groups, and ports that are gone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, PileusError
from compute import floating, servers
from compute.db import servers as queries
from compute.operations import ports
from compute.operations.interfaces import DETACH_INTERFACE
from compute.server_states import BUILDING, DELETING

if TYPE_CHECKING:
    from compute.db.models import Server
    from compute.service import ComputeService

LOG = logging.getLogger(__name__)
_TRIES = 5


def refresh(service: ComputeService, ctx: Context, server_id: str) -> None:
    """Write what the server's ports are now into its row; a card whose port is gone is unplugged.

    Several may look at once, and what one saw may be older than what another wrote: whoever finds another row than the one it
    began with looks again.
    """
    for _ in range(_TRIES):
        with service.db.read() as session:
            server = queries.get(session, server_id)
        if server is None or not server.network_info or server.vm_state == BUILDING or server.task_state == DELETING:
            return
        before = list(server.network_info)
        try:
            found = floating.of(service, ctx, _as_they_are(service, ctx, server))
        except PileusError as error:
            LOG.warning('the ports of server %s are not known now: %s', server_id, error.message)
            return
        if found == before:
            return
        if _write(service, server_id, before, found):
            for port_id in {entry['port_id'] for entry in before} - {entry['port_id'] for entry in found}:
                _unplug(service, ctx, server_id, port_id)
            return


def _as_they_are(service: ComputeService, ctx: Context, server: Server) -> list[dict[str, Any]]:
    network = service.network.with_context(ctx)
    present = {port['id']: port for port in network.get(f'/v2.0/ports?device_id={server.id}')['ports']}
    return [ports.renewed(network, entry, present[entry['port_id']]) for entry in server.network_info if entry['port_id'] in present]


def _write(service: ComputeService, server_id: str, before: list[dict[str, Any]], found: list[dict[str, Any]]) -> bool:
    with service.db.write() as session:
        if queries.network_info(session, server_id) != before:
            return False
        queries.set_state(session, server_id, now(), network_info=found)
    return True


def _unplug(service: ComputeService, ctx: Context, server_id: str, port_id: str) -> None:
    params = {'port_id': port_id, 'timeout': service.options.detach_timeout}
    try:
        with service.db.write() as session:
            server = queries.get(session, server_id)
            if server is not None:
                servers.begin(service, ctx, session, server, 'detach_interface', DETACH_INTERFACE, None, params)
    except Conflict as error:
        LOG.warning('server %s keeps the card of its deleted port %s until it is started anew: %s', server_id, port_id, error.message)
