"""The hypervisor compared with the database. Servers with a live operation are left alone: their operation knows better."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import PileusError
from compute.db import servers as queries
from compute.operations import recover
from compute.server_states import ACTIVE, DELETED, PAUSED, POWERING_ON, STOPPED
from compute.virt import base

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from compute.db.models import Server
    from compute.service import ComputeService
    from compute.worker import ComputeWorker
    from compute.worlds import HostWorld

LOG = logging.getLogger(__name__)
# What a server becomes when its guest is found in this power state. A suspended server's guest is off, so that state is not here.
_BECOMES = {base.SHUTDOWN: STOPPED, base.CRASHED: STOPPED, base.NOSTATE: STOPPED, base.PAUSED: PAUSED, base.RUNNING: ACTIVE}
# What nobody wanted: a guest that is shut down, from inside or outside, says so.
_LOST = frozenset({base.CRASHED, base.NOSTATE})
_WATCHED = frozenset({ACTIVE, STOPPED, PAUSED})


@dataclasses.dataclass
class _Found:
    """What a host has: power states of guests, and ids of servers with disks."""

    world: HostWorld
    guests: dict[str, int]
    disks: set[str]


def reconcile(worker: ComputeWorker) -> dict[str, int]:
    """One pass over all hosts of a worker; gives how many guests were removed and how many states corrected."""
    found = []
    for world in worker.worlds.values():
        try:
            # What is there is read before what should be: a guest made in between is in neither list.
            found.append(_Found(world, world.driver.list_servers(), world.driver.list_disks()))
        except PileusError as error:
            LOG.warning('host %s cannot be compared with the database now: %s', world.host, error.message)
    with worker.service.db.read() as session:
        rows = queries.on_hosts(session, [one.world.host for one in found])
        present = {server_id for one in found for server_id in (*one.guests, *one.disks)}
        known = queries.known(session, sorted(present))
        live = queries.with_live_operation(session, sorted(present | rows.keys()))
    done = {'removed': 0, 'corrected': 0}
    for one in found:
        done['removed'] += _remove_strays(one, known, live)
    by_host = {one.world.host: one for one in found}
    for server_id, row in rows.items():
        power_state = by_host[row.host].guests.get(server_id, base.NOSTATE)
        if server_id not in live and row.vm_state in _WATCHED and _BECOMES.get(power_state, row.vm_state) != row.vm_state:
            done['corrected'] += look(worker.service, by_host[row.host].world, server_id)
    return done


def _remove_strays(found: _Found, known: dict[str, Any], live: set[str]) -> int:
    """Remove guests and disks of servers that are deleted or elsewhere; those of servers that nobody knows are left alone."""
    removed, host = 0, found.world.host
    for server_id in {*found.guests, *found.disks} - live:
        row = known.get(server_id)
        if row is None:
            LOG.warning('server %s has a guest or disk on %s and no record; it is left alone', server_id, host)
        elif row.vm_state == DELETED or (row.host is not None and row.host != host):
            LOG.info('what is left of server %s on %s is removed', server_id, host)
            try:
                found.world.driver.destroy(server_id)
                found.world.driver.delete_disk(server_id)
            except PileusError as error:
                LOG.warning('what is left of server %s on %s cannot be removed now: %s', server_id, host, error.message)
                continue
            removed += 1
    return removed


def look(service: ComputeService, world: HostWorld, server_id: str) -> bool:
    """Compare one server with its guest as it is now; whether its state was corrected.

    The row is read before the guest and must be the same when it is written: nobody has done anything with the server meanwhile.
    """
    with service.db.read() as session:
        row = queries.known(session, [server_id]).get(server_id)
    if row is None or row.host != world.host or row.vm_state not in _WATCHED:
        return False
    power_state = world.driver.power_state(server_id)
    if _BECOMES.get(power_state, row.vm_state) == row.vm_state:
        return False
    with service.db.write() as session:
        server = queries.get(session, server_id)
        if server is None or server.updated_at != row.updated_at or service.ops.live(session, server_id, 'server') is not None:
            return False
        _correct(service, session, server, power_state)
        return True


def _correct(service: ComputeService, session: Session, server: Server, power_state: int) -> None:
    """Start a guest again that is lost; let the server be what its guest is in all other cases."""
    server.updated_at = now()
    if power_state in _LOST and server.vm_state == ACTIVE and service.options.recover_guests:
        LOG.warning('the guest of server %s was killed, crashed, or its host was off', server.id)
        server.task_state = POWERING_ON
        session.flush()
        recover.start(service, session, server)
        return
    server.vm_state, server.power_state = _BECOMES[power_state], power_state
    LOG.info('server %s is %s now: its guest changed by itself', server.id, server.vm_state)
