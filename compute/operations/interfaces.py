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
    from common.rest import RestClient


def _client(run: Run) -> RestClient:
    client: RestClient = run.world.network.with_context(run.ctx)
    return client


def _entry(run: Run) -> dict[str, Any]:
    """The card as the server's row keeps it."""
    return dict((run.outputs['make_port'] or {})['entry'])


def _make_port(run: Run) -> dict[str, Any]:
    """Bind the user's port, or make one; its name tells a second attempt that it is there."""
    client = _client(run)
    port = ports.make_one(run, client, run.params['request'], str(run.operation_id))
    return {'entry': ports.entry(run, client, port, run.params['request']), 'active': port['status'] == 'ACTIVE'}


def _release_port(run: Run, output: dict[str, Any] | None) -> None:
    client = _client(run)
    wanted = run.params['request'].get('port')
    for port in client.get(f'/v2.0/ports?device_id={run.resource_id}')['ports']:
        if port['id'] == wanted or ports.mark_of(port) == str(run.operation_id):
            ports.release(client, port)


def _wait(run: Run) -> None:
    port = _client(run).get(f'/v2.0/ports/{_entry(run)["port_id"]}')['port']
    if port['status'] != 'ACTIVE':
        raise NotYet('The network of the host has not made the port yet.', after=0.1)


def _plug(run: Run) -> None:
    entry = _entry(run)
    run.world.driver.attach_interface(run.resource_id, InterfaceSpec(entry['port_id'], entry['mac'], entry['mtu'], entry['network_id']))


def _unplug(run: Run, output: dict[str, Any] | None) -> None:
    run.world.driver.detach_interface(run.resource_id, _entry(run)['port_id'], run.params['timeout'])


def _save_entry(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    entry = (output or {})['entry']
    info = [other for other in queries.network_info(session, run.resource_id) if other['port_id'] != entry['port_id']]
    queries.set_state(session, run.resource_id, now(), network_info=[*info, entry])


def _drop_entry(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    if output is not None:
        _drop(session, run, output['entry']['port_id'])


def _drop(session: Session, run: Run, port_id: str) -> None:
    info = [entry for entry in queries.network_info(session, run.resource_id) if entry['port_id'] != port_id]
    queries.set_state(session, run.resource_id, now(), network_info=info)


def _done(session: Session, run: Run) -> None:
    queries.set_state(session, run.resource_id, now(), task_state=None)


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_state(session, run.resource_id, now(), task_state=None, fault=describe.fault(fault))


ATTACH_INTERFACE = Operation(
    'server.attach_interface',
    of='server',
    deadline=minutes(5),
    steps=[
        Step('make_port', on=SERVICE, do=_make_port, undo=_release_port, save=_save_entry, undo_save=_drop_entry),
        Step(
            'wait_for_network',
            on=SERVICE,
            do=_wait,
            timeout=minutes(2),
            when=lambda run: not (run.outputs['make_port'] or {}).get('active'),
        ),
        Step('plug', on=HOST, do=_plug, undo=_unplug),
    ],
    on_done=_done,
    on_failed=_failed,
)


def _unplug_now(run: Run) -> None:
    run.world.driver.detach_interface(run.resource_id, run.params['port_id'], run.remaining(run.params['timeout']))


def _plug_again(run: Run, output: dict[str, Any] | None) -> None:
    """The card as it was; where its port is gone or somebody else's by now, the server has lost it."""
    port_id, service = run.params['port_id'], run.world.service
    with service.db.read() as session:
        held = next((entry for entry in queries.network_info(session, run.resource_id) if entry['port_id'] == port_id), None)
    if held is None:
        return
    try:
        port = service.network.with_context(run.ctx).get(f'/v2.0/ports/{port_id}')['port']
    except NotFound:
        port = None
    if port is not None and port['device_id'] == run.resource_id:
        run.world.driver.attach_interface(run.resource_id, InterfaceSpec(port_id, held['mac'], held['mtu'], held['network_id']))
        return
    with service.db.write() as session:
        _drop(session, run, port_id)


def _let_go(run: Run) -> None:
    client = _client(run)
    try:
        port = client.get(f'/v2.0/ports/{run.params["port_id"]}')['port']
    except NotFound:
        return
    if port['device_id'] == run.resource_id:
        ports.release(client, port)


def _removed(session: Session, run: Run) -> None:
    _drop(session, run, run.params['port_id'])
    _done(session, run)


DETACH_INTERFACE = Operation(
    'server.detach_interface',
    of='server',
    deadline=minutes(5),
    steps=[
        Step('unplug', on=HOST, do=_unplug_now, undo=_plug_again),
        Step('release_port', on=SERVICE, do=_let_go),
    ],
    on_done=_removed,
    on_failed=_failed,
)
