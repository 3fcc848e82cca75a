"""Attachments: which server uses a volume, and how it reaches it.

An attachment is made in two steps, as clients know it from the API's version 3.27 on: it reserves the volume, then gets a
connector and with it the connection. The row comes before the export and goes after it, so that an export without a row can
be seen as a leak. Both calls to the host may be repeated; a caller that died in between simply asks again.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound
from common.ids import new_id
from volume import volumes
from volume.db import attachments as queries
from volume.db import volumes as volume_queries
from volume.db.models import Attachment, Volume
from volume.volume_states import ATTACHABLE, DETACHING, IN_USE, after_attachments

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService


_LONGEST_COPY = datetime.timedelta(hours=3)  # longer than the deadline of `volume.create`


def find(service: VolumeService, ctx: Context, session: Session, attachment_id: str) -> tuple[Attachment, Volume]:
    """The attachment and its volume, if the caller may see them. Raises NotFound."""
    found = session.get(Attachment, attachment_id) if len(attachment_id) <= 36 else None
    if found is None:
        raise NotFound(
            'volume attachment',
            attachment_id,
            message=f'Volume attachment could not be found with filter: attachment_id = {attachment_id}.',
        )
    try:
        return found, volumes.find(service, ctx, session, found.volume_id)
    except NotFound:
        raise NotFound('volume attachment', attachment_id) from None


def create(service: VolumeService, ctx: Context, body: dict[str, Any]) -> Attachment:
    """Reserve a volume for a server, and connect at once when a connector is given.

    Asking again for the same volume and server gives the same attachment. Raises NotFound, InvalidInput, Conflict.
    """
    volume_id, instance_id = body['volume_uuid'], body.get('instance_uuid')
    with service.db.write() as session:
        volume_queries.hold(session, volume_id)
        volume = volumes.find(service, ctx, session, volume_id, 'volume:attachments:create')
        existing = queries.of_volume(session, volume_id)
        mine = next((a for a in existing if a.instance_id == instance_id and instance_id is not None), None)
        if mine is None:
            _check_attachable(session, volume, existing)
            mine = Attachment(
                id=new_id(),
                volume_id=volume_id,
                instance_id=instance_id,
                status='reserved',
                mode=_mode(volume, body.get('mode')),
                created_at=now(),
            )
            session.add(mine)
            volume.status, volume.updated_at = after_attachments([mine.status]), now()
    if body.get('connector'):
        return connect(service, ctx, mine.id, body['connector'])
    return mine


def _mode(volume: Volume, wanted: str | None) -> str:
    """How a volume is attached: `ro` or `rw`. Raises InvalidInput for writing to one that is only read."""
    if not volumes.is_read_only(volume):
        return wanted or 'rw'
    if wanted == 'rw':
        raise InvalidInput(f'Volume {volume.id} is only read; attach it with mode ro.', field='mode')
    return 'ro'


def _check_attachable(session: Session, volume: Volume, existing: list[Attachment]) -> None:
    if existing:
        raise InvalidInput(
            f'Invalid volume: volume {volume.id} is in use by server {existing[0].instance_id}; detach it there first.', field='status'
        )
    if volume.status not in ATTACHABLE:
        raise InvalidInput(f'Invalid volume: volume {volume.id} is {volume.status}; it must be available to be attached.', field='status')
    # What is copied piece by piece would be of no one moment if somebody wrote to it meanwhile.
    if volume_queries.is_copied(session, volume.id, now() - _LONGEST_COPY):
        raise InvalidInput(f'Invalid volume: volume {volume.id} is being copied; wait until its snapshot or copy is there.', field='status')


def connect(service: VolumeService, ctx: Context, attachment_id: str, connector: dict[str, Any]) -> Attachment:
    """Export the volume and say how to reach it. Raises NotFound, Unavailable, DeadlineExceeded."""
    with service.db.write() as session:
        attachment, volume = find(service, ctx, session, attachment_id)
        service.policy.authorize(ctx, 'volume:attachments:update', volumes.target(volume))
        attachment.connector, attachment.host_name = connector, connector.get('host')
        if attachment.status == 'reserved':
            attachment.status = 'attaching'
            volume.status = after_attachments([a.status for a in queries.of_volume(session, volume.id)])
        host, secret = volume.host, volume.export_secret
    connection = service.host_client(host).export(ctx, volume=volume.id, secret=secret)
    with service.db.write() as session:
        attachment, volume = find(service, ctx, session, attachment_id)
        attachment.connection_info = connection
        if connector.get('mountpoint'):
            attachment.mountpoint = connector['mountpoint']
    return attachment


def complete(service: VolumeService, ctx: Context, attachment_id: str) -> None:
    """The server uses the volume now. Raises NotFound, InvalidInput."""
    with service.db.write() as session:
        attachment, volume = find(service, ctx, session, attachment_id)
        service.policy.authorize(ctx, 'volume:attachments:complete', volumes.target(volume))
        if attachment.connection_info is None:
            raise InvalidInput(f'Attachment {attachment_id} has no connection yet; update it with a connector first.', field='connector')
        if attachment.status != 'attached':
            attachment.status, attachment.attached_at = 'attached', now()
        volume.status, volume.updated_at = IN_USE, now()


def delete(service: VolumeService, ctx: Context, attachment_id: str) -> list[Attachment]:
    """End the use: first the export, then the row. Gives what remains on the volume. Raises NotFound, Unavailable."""
    with service.db.write() as session:
        attachment, volume = find(service, ctx, session, attachment_id)
        service.policy.authorize(ctx, 'volume:attachments:delete', volumes.target(volume))
        if attachment.status == 'attached' and attachment.instance_id is not None and not ctx.is_service:
            # A guest that loses its disk under its feet keeps writing to where another's data may be by then.
            raise Conflict(f'Server {attachment.instance_id} uses volume {volume.id}; detach it from the server instead.')
        if attachment.status == 'attached':
            volume.status, volume.updated_at = DETACHING, now()
        connected, host, volume_id = attachment.connector is not None, volume.host, volume.id
    if connected:
        service.host_client(host).unexport(ctx, volume=volume_id)
    with service.db.write() as session:
        queries.remove(session, attachment_id)
        remaining = queries.of_volume(session, volume_id)
        current = volume_queries.get(session, volume_id)
        if current is not None and service.ops.live(session, volume_id) is None:
            current.status, current.updated_at = after_attachments([a.status for a in remaining]), now()
    return remaining


def begin_detaching(service: VolumeService, ctx: Context, volume_id: str) -> None:
    """Compute says that it starts to take the volume away. Raises NotFound, InvalidInput."""
    with service.db.write() as session:
        volume = volumes.find(service, ctx, session, volume_id, 'volume:attachments:update')
        if volume.status not in (IN_USE, DETACHING):
            raise InvalidInput(f'Volume {volume_id} is {volume.status}; only one in use can be detached.', field='status')
        volume.status, volume.updated_at = DETACHING, now()


def roll_detaching(service: VolumeService, ctx: Context, volume_id: str) -> None:
    """Compute could not take the volume away: it stays in use. Raises NotFound."""
    with service.db.write() as session:
        volume = volumes.find(service, ctx, session, volume_id, 'volume:attachments:update')
        if volume.status == DETACHING:
            volume.status, volume.updated_at = IN_USE, now()


def list_attachments(service: VolumeService, ctx: Context, project_id: str | None, filters: dict[str, Any]) -> list[Attachment]:
    """Attachments of a project's volumes, or (None) of all."""
    with service.db.read() as session:
        return queries.list_attachments(session, project_id, filters)


def show(service: VolumeService, ctx: Context, attachment_id: str) -> tuple[Attachment, Volume]:
    """One attachment and its volume. Raises NotFound."""
    with service.db.read() as session:
        return find(service, ctx, session, attachment_id)
