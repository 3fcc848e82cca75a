"""Plugging volumes into servers and out of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import Conflict, InvalidInput, NotFound
from common.operations import HOST, SERVICE, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.virt.base import VolumeSpec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from common.rest import RestClient

LOG = logging.getLogger(__name__)
_VERSION = '3.44'


def _client(run: Run) -> RestClient:
    client: RestClient = run.world.volume.with_context(run.ctx)
    return client


def _client_on_host(run: Run) -> RestClient:
    client: RestClient = run.world.service.volume.with_context(run.ctx)
    return client


def _connect(run: Run) -> dict[str, Any]:
    return {'attachment_id': connect(run, run.params['volume_id'], run.params['device'])}


def connect(run: Run, volume_id: str, device: str) -> str:
    """Reserve a volume for the server and let its host reach it; gives the attachment's id. Asked again, the volume service gives
    the same one."""
    connector = {'host': run.host, 'initiator': f'iqn.2026-11.org.pileus.host:{run.host}', 'mountpoint': device}
    body = {'attachment': {'volume_uuid': volume_id, 'instance_uuid': run.resource_id, 'connector': connector}}
    return str(_client(run).post('/v3/attachments', body, version=_VERSION)['attachment']['id'])


def disconnect_all(run: Run) -> None:
    """End every attachment of the server, also those that its row does not know because an answer was lost."""
    client = _client(run)
    for attachment in client.get(f'/v3/attachments?all_tenants=1&instance_id={run.resource_id}', version=_VERSION)['attachments']:
        _delete_attachment(client, attachment['id'])


def complete(run: Run, attachment_id: str) -> None:
    """Say that the server uses the volume now."""
    _client(run).post(f'/v3/attachments/{attachment_id}/action', {'os-complete': None}, version=_VERSION)


def _disconnect(run: Run, output: dict[str, Any] | None) -> None:
    client = _client(run)
    path = f'/v3/attachments?all_tenants=1&instance_id={run.resource_id}&volume_id={run.params["volume_id"]}'
    for attachment in client.get(path, version=_VERSION)['attachments']:
        _delete_attachment(client, attachment['id'])


def _delete_attachment(client: RestClient, attachment_id: str) -> None:
    try:
        client.delete(f'/v3/attachments/{attachment_id}', version=_VERSION)
    except NotFound:
        return


def connection_of(client: RestClient, attachment_id: str) -> dict[str, Any]:
    """How a volume is reached, with its credentials."""
    found = client.get(f'/v3/attachments/{attachment_id}', version=_VERSION)['attachment']
    return dict(found['connection_info'])


def _save_attachment(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    volume = queries.volume_of(session, run.resource_id, run.params['volume_id'])
    if volume is not None:
        volume.attachment_id = (output or {})['attachment_id']


def _plug(run: Run) -> dict[str, Any]:
    return {'device': _plug_in(run, (run.outputs['connect'] or {})['attachment_id'], run.params['device'])}


def _plug_in(run: Run, attachment_id: str, device: str | None) -> str:
    # The connection holds a secret: it is asked for where it is used and is in no record of the operation.
    connection = connection_of(_client_on_host(run), attachment_id)
    spec = VolumeSpec(run.params['volume_id'], attachment_id, device, connection=connection)
    return str(run.world.driver.attach_volume(run.resource_id, spec))


def _save_connection(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    volume = queries.volume_of(session, run.resource_id, run.params['volume_id'])
    if volume is not None:
        volume.device = (output or {}).get('device') or volume.device


def _unplug(run: Run, output: dict[str, Any] | None) -> None:
    run.world.driver.detach_volume(run.resource_id, run.params['volume_id'], run.params['timeout'])


def _complete(run: Run) -> None:
    complete(run, (run.outputs['connect'] or {})['attachment_id'])


def _attached(session: Session, run: Run) -> None:
    volume = queries.volume_of(session, run.resource_id, run.params['volume_id'])
    if volume is not None:
        volume.status = 'attached'
    queries.set_state(session, run.resource_id, now(), task_state=None)


def _not_attached(session: Session, run: Run, fault: dict[str, Any]) -> None:
    _forget(session, run)
    queries.set_state(session, run.resource_id, now(), task_state=None, fault=describe.fault(fault))


def _forget(session: Session, run: Run) -> None:
    volume = queries.volume_of(session, run.resource_id, run.params['volume_id'])
    if volume is not None:
        session.delete(volume)


ATTACH = Operation(
    'server.attach_volume',
    of='server',
    deadline=minutes(5),
    steps=[
        Step('connect', on=SERVICE, do=_connect, undo=_disconnect, save=_save_attachment),
        Step('plug', on=HOST, do=_plug, undo=_unplug, save=_save_connection),
        Step('complete', on=SERVICE, do=_complete),
    ],
    on_done=_attached,
    on_failed=_not_attached,
    on_superseded=_forget,
)


def _unplug_now(run: Run) -> None:
    run.world.driver.detach_volume(run.resource_id, run.params['volume_id'], run.remaining(run.params['timeout']))


def _plug_again(run: Run, output: dict[str, Any] | None) -> None:
    with run.world.service.db.read() as session:
        row = queries.volume_of(session, run.resource_id, run.params['volume_id'])
    if row is None:
        return  # somebody else has the volume by now
    _plug_in(run, str(row.attachment_id), row.device)
    _client_on_host(run).post(f'/v3/attachments/{row.attachment_id}/action', {'os-complete': None}, version=_VERSION)


def _end_attachment(run: Run) -> None:
    _disconnect(run, None)


def _connect_again(run: Run, output: dict[str, Any] | None) -> None:
    """Have the attachment that there was, or a new one in its place; where the volume cannot be had any more, the server has lost it."""
    volume_id = run.params['volume_id']
    with run.world.db.read() as session:
        row = queries.volume_of(session, run.resource_id, volume_id)
    if row is None:
        return
    try:
        attachment_id = connect(run, volume_id, row.device or '')
    except (NotFound, InvalidInput, Conflict) as error:
        LOG.warning('server %s does not get volume %s back: %s', run.resource_id, volume_id, error.message)
        attachment_id = None
    with run.world.db.write() as session:
        row = queries.volume_of(session, run.resource_id, volume_id)
        if row is not None and attachment_id is None:
            session.delete(row)
        elif row is not None:
            row.attachment_id = attachment_id


def _detached(session: Session, run: Run) -> None:
    _forget(session, run)
    queries.set_state(session, run.resource_id, now(), task_state=None)


def _still_attached(session: Session, run: Run, fault: dict[str, Any]) -> None:
    volume = queries.volume_of(session, run.resource_id, run.params['volume_id'])
    if volume is not None:
        volume.status = 'attached'
    queries.set_state(session, run.resource_id, now(), task_state=None, fault=describe.fault(fault))


DETACH = Operation(
    'server.detach_volume',
    of='server',
    deadline=minutes(5),
    steps=[
        Step('unplug', on=HOST, do=_unplug_now, undo=_plug_again),
        Step('disconnect', on=SERVICE, do=_end_attachment, undo=_connect_again),
    ],
    on_done=_detached,
    on_failed=_still_attached,
)
