"""Deleting a server. It never gives up: whatever is away now is cleaned when it returns, and users do not see it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.clock import now
from common.errors import NotFound
from common.operations import HOST, SERVICE, Operation, Step
from compute.db import servers as queries
from compute.operations import ports, volumes
from compute.server_states import DELETED

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _has_host(run: Run) -> bool:
    return run.host is not None


def _destroy(run: Run) -> None:
    run.world.driver.destroy(run.resource_id)


def _delete_disk(run: Run) -> None:
    run.world.driver.delete_disk(run.resource_id)


def _release_volumes(run: Run) -> None:
    volumes.disconnect_all(run)
    client = run.world.volume.with_context(run.ctx)
    for volume_id in run.params.get('delete_volumes') or []:
        try:
            client.delete(f'/v3/volumes/{volume_id}')
        except NotFound:
            continue


def _delete_ports(run: Run) -> None:
    ports.delete(run.world.network.with_context(run.ctx), run.resource_id)


def _release_claim(run: Run) -> None:
    run.world.scheduler.release(run.ctx, consumer=run.resource_id)


def _gone(session: Session, run: Run) -> None:
    when = now()
    for volume in queries.volumes_of(session, [run.resource_id])[run.resource_id]:
        session.delete(volume)
    queries.set_state(
        session, run.resource_id, when, vm_state=DELETED, task_state=None, deleted=True, terminated_at=when, network_info=[], host=None
    )


def _hide(session: Session, run: Run) -> None:
    """The host does not answer: for the user the server is gone now, the rest follows when the host is back."""
    queries.set_state(session, run.resource_id, now(), deleted=True)


DELETE = Operation(
    'server.delete',
    of='server',
    deadline=None,
    never_gives_up=True,
    stall_after=10.0,
    steps=[
        Step('destroy', on=HOST, do=_destroy, when=_has_host),
        Step('delete_disk', on=HOST, do=_delete_disk, when=_has_host),
        Step('release_volumes', on=SERVICE, do=_release_volumes, when=lambda run: run.params.get('has_volumes', True)),
        Step('delete_ports', on=SERVICE, do=_delete_ports),
        Step('release_claim', on=SERVICE, do=_release_claim),
    ],
    on_done=_gone,
    on_stalled=_hide,
)
