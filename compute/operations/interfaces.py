"""Plugging network cards into servers and out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import NotFound
from common.operations import HOST, SERVICE, NotYet, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.operations import ports
from compute.virt.base import InterfaceSpec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _bind_port(run: Run) -> dict[str, Any]:
    """The port is the user's own or was made by the request: only bound here."""
    client = run.world.network.with_context(run.ctx)
    body = {'device_id': run.resource_id, 'device_owner': f'{ports.OWNER}nova', 'binding:host_id': run.params['host']}
    port = client.put(f'/v2.0/ports/{run.params["port_id"]}', {'port': body})['port']
    return {'entry': ports._entry(client, port, ours=run.params['ours'])}


def _release_port(run: Run, output: dict[str, Any] | None) -> None:
    client = run.world.network.with_context(run.ctx)
    try:
        port = client.get(f'/v2.0/ports/{run.params["port_id"]}')['port']
    except NotFound:
        return
    ports.release(client, port)


def _wait(run: Run) -> None:
    port = run.world.network.with_context(run.ctx).get(f'/v2.0/ports/{run.params["port_id"]}')['port']
    if port['status'] != 'ACTIVE':
        raise NotYet('The network of the host has not made the port yet.', after=0.1)


def _plug(run: Run) -> None:
    entry = (run.outputs['bind_port'] or {})['entry']
    run.world.driver.attach_interface(run.resource_id, InterfaceSpec(entry['port_id'], entry['mac'], entry['mtu'], entry['network_id']))


def _unplug(run: Run, output: dict[str, Any] | None = None) -> None:
    run.world.driver.detach_interface(run.resource_id, run.params['port_id'], run.params['timeout'])


def _save_entry(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    info = [entry for entry in queries.by_port(session, run.resource_id) if entry['port_id'] != run.params['port_id']]
    queries.set_state(session, run.resource_id, now(), network_info=[*info, (output or {})['entry']])


def _drop_entry(session: Session, run: Run, output: dict[str, Any] | None = None) -> None:
    info = [entry for entry in queries.by_port(session, run.resource_id) if entry['port_id'] != run.params['port_id']]
    queries.set_state(session, run.resource_id, now(), network_info=info)


def _done(session: Session, run: Run) -> None:
    queries.set_state(session, run.resource_id, now(), task_state=None)


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_state(session, run.resource_id, now(), task_state=None, fault=describe.fault(fault))


def _removed(session: Session, run: Run) -> None:
    _drop_entry(session, run)
    _done(session, run)


ATTACH_INTERFACE = Operation(
    'server.attach_interface',
    of='server',
    deadline=minutes(5),
    steps=[
        Step('bind_port', on=SERVICE, do=_bind_port, undo=_release_port, save=_save_entry, undo_save=_drop_entry),
        Step('wait_for_network', on=SERVICE, do=_wait, timeout=minutes(2)),
        Step('plug', on=HOST, do=_plug, undo=_unplug),
    ],
    on_done=_done,
    on_failed=_failed,
)

DETACH_INTERFACE = Operation(
    'server.detach_interface',
    of='server',
    deadline=minutes(5),
    steps=[
        Step('unplug', on=HOST, do=_unplug),
        Step('release_port', on=SERVICE, do=lambda run: _release_port(run, None)),
    ],
    on_done=_removed,
    on_failed=_failed,
)
