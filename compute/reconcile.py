"""The hypervisor compared with the database. Servers with a live operation are left alone: their operation knows better."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import PileusError
from compute.db import servers as queries
from compute.server_states import ACTIVE, PAUSED, STOPPED
from compute.virt import base

if TYPE_CHECKING:
    from compute.service import ComputeService
    from compute.worker import ComputeWorker
    from compute.worlds import HostWorld

LOG = logging.getLogger(__name__)
# What a server becomes when its guest is found in another power state.
_SHOULD_BE = {ACTIVE: base.RUNNING, PAUSED: base.PAUSED}
_BECOMES = {base.SHUTDOWN: STOPPED, base.CRASHED: STOPPED, base.NOSTATE: STOPPED, base.PAUSED: PAUSED, base.RUNNING: ACTIVE}


def reconcile(worker: ComputeWorker) -> dict[str, int]:
    """One pass over all hosts of a worker; gives how many of what was put right."""
    done = {'removed': 0, 'corrected': 0}
    for world in worker.worlds.values():
        try:
            for name, count in _host(worker.service, world).items():
                done[name] += count
        except PileusError as error:
            LOG.warning('host %s cannot be compared with the database now: %s', world.host, error.message)
    return done


def _host(service: ComputeService, world: HostWorld) -> dict[str, int]:
    # What is there is read before what should be: a guest made in between is in neither list.
    guests = world.driver.list_servers()
    disks = world.driver.list_disks()
    with service.db.read() as session:
        known = queries.known(session, sorted({*guests, *disks}))
        rows = {row.id: row for row in queries.on_host(session, world.host)}
        live = {server_id for server_id in {*guests, *disks, *rows} if service.ops.live(session, server_id) is not None}
    removed = 0
    for server_id in {*guests, *disks} - live:
        row = known.get(server_id)
        if row is None:
            LOG.warning('server %s has a guest or disk on %s and no record; it is left alone', server_id, world.host)
        elif row.deleted or row.host != world.host:
            world.driver.destroy(server_id)
            world.driver.delete_disk(server_id)
            removed += 1
    return {'removed': removed, 'corrected': _states(service, rows, guests, live)}


def _states(service: ComputeService, rows: dict[str, Any], guests: dict[str, int], live: set[str]) -> int:
    """Guests that are in another state than their server's are told of; gives how many."""
    corrected = 0
    for server_id, row in rows.items():
        wanted = _SHOULD_BE.get(row.vm_state)
        if wanted is None or row.deleted or server_id in live or guests.get(server_id, base.NOSTATE) == wanted:
            continue
        corrected += set_power(service, server_id, guests.get(server_id, base.NOSTATE))
    return corrected


def set_power(service: ComputeService, server_id: str, power_state: int) -> bool:
    """Note the power state that a guest took by itself; whether anything changed."""
    with service.db.write() as session:
        server = queries.get(session, server_id)
        if server is None or server.task_state is not None or service.ops.live(session, server_id) is not None:
            return False
        becomes = _BECOMES.get(power_state)
        if becomes is None or server.vm_state not in (ACTIVE, STOPPED, PAUSED) or server.vm_state == becomes:
            return False
        LOG.info('server %s is %s now: its guest changed by itself', server_id, becomes)
        server.vm_state, server.power_state, server.updated_at = becomes, power_state, now()
        return True
