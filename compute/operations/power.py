"""Turning servers off and on: one step each on the host, and a state at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.operations import HOST, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.server_states import ACTIVE, PAUSED, STOPPED, SUSPENDED
from compute.virt import base

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _ends_in(vm_state: str, power_state: int) -> Callable[[Session, Run], None]:
    def done(session: Session, run: Run) -> None:
        queries.set_state(session, run.resource_id, now(), vm_state=vm_state, power_state=power_state, task_state=None, fault=None)

    return done


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    """The server stays what it was; the fault says why. The reconciler corrects the state if the guest is in another."""
    queries.set_state(session, run.resource_id, now(), task_state=None, fault=describe.fault(fault))


def _operation(verb: str, do: Callable[[Run], None], vm_state: str, power_state: int) -> Operation:
    return Operation(
        f'server.{verb}',
        of='server',
        deadline=minutes(10),
        steps=[Step(verb, on=HOST, do=do)],
        on_done=_ends_in(vm_state, power_state),
        on_failed=_failed,
    )


def _stop(run: Run) -> None:
    run.world.driver.power_off(run.resource_id, run.remaining(run.params['timeout']))


def _start(run: Run) -> None:
    run.world.driver.power_on(run.world.spec(run.resource_id))


def _reboot(run: Run) -> None:
    run.world.driver.reboot(run.world.spec(run.resource_id), run.params['hard'], run.remaining(run.params['timeout']))


def _pause(run: Run) -> None:
    run.world.driver.pause(run.resource_id)


def _unpause(run: Run) -> None:
    run.world.driver.unpause(run.resource_id)


def _suspend(run: Run) -> None:
    run.world.driver.suspend(run.resource_id)


def _resume(run: Run) -> None:
    run.world.driver.resume(run.world.spec(run.resource_id))


STOP = _operation('stop', _stop, STOPPED, base.SHUTDOWN)
START = _operation('start', _start, ACTIVE, base.RUNNING)
REBOOT = _operation('reboot', _reboot, ACTIVE, base.RUNNING)
PAUSE = _operation('pause', _pause, PAUSED, base.PAUSED)
UNPAUSE = _operation('unpause', _unpause, ACTIVE, base.RUNNING)
SUSPEND = _operation('suspend', _suspend, SUSPENDED, base.SHUTDOWN)
RESUME = _operation('resume', _resume, ACTIVE, base.RUNNING)
