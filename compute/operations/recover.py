"""Starting a guest again that ended without anybody's will: its process was killed, it crashed, or its host was off."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Refused, Transient
from common.operations import HOST, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.server_states import ACTIVE, STOPPED
from compute.virt import base

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from compute.db.models import Server
    from compute.service import ComputeService

TIMES, WITHIN = 3, datetime.timedelta(hours=1)
"""How often a guest is started again before it stays off: one that dies of what it does would be started for ever."""


def _start_again(run: Run) -> None:
    if not run.params['again']:
        raise Refused(f'The guest ended by itself {TIMES} times within an hour and stays off. Its console log may say why; then start it.')
    driver = run.world.driver
    if driver.power_state(run.resource_id) in (base.RUNNING, base.PAUSED):
        return
    try:
        driver.power_on(run.world.spec(run.resource_id))
    except Refused as error:
        # After a host was off, the devices and targets that the guest needs come back one by one.
        raise Transient(error.message, admin_detail=error.admin_detail) from None


def _runs(session: Session, run: Run) -> None:
    queries.set_state(session, run.resource_id, now(), vm_state=ACTIVE, power_state=base.RUNNING, task_state=None, fault=None)


def _stays_off(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_state(
        session, run.resource_id, now(), vm_state=STOPPED, power_state=base.SHUTDOWN, task_state=None, fault=describe.fault(fault)
    )


def start(service: ComputeService, session: Session, server: Server) -> None:
    """Start the operation in the caller's transaction; one too many within an hour says why the guest stays off, and that is all it does."""
    earlier = service.ops.store.find(session, kind=RECOVER.kind, resource_id=server.id, limit=TIMES)
    again = sum(record.created_at > now() - WITHIN for record in earlier) < TIMES
    service.ops.start(session, Context.service('compute'), RECOVER, server.id, params={'again': again}, host=server.host)


RECOVER = Operation(
    'server.recover',
    of='server',
    deadline=minutes(10),
    steps=[Step('start', on=HOST, do=_start_again)],
    on_done=_runs,
    on_failed=_stays_off,
)
