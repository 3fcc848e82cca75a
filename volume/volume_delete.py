"""Deleting a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.clock import now
from common.context import Context
from common.errors import InvalidInput
from volume import snapshots, volumes
from volume.db import snapshots as snapshot_queries
from volume.db import volumes as queries
from volume.operations.delete import DELETE
from volume.volume_states import DELETABLE, DELETING

if TYPE_CHECKING:
    from volume.service import VolumeService


def delete(service: VolumeService, ctx: Context, volume_id: str, *, force: bool = False, cascade: bool = False) -> None:
    """Start to delete. Supersedes work on the volume; refuses while a server uses it. Raises NotFound, InvalidInput.

    :param cascade: delete its snapshots too; without it a volume that has some stays
    """
    with service.db.write() as session:
        queries.hold(session, volume_id)
        volume = volumes.find(service, ctx, session, volume_id, 'volume:volumes:force_delete' if force else 'volume:volumes:delete')
        if volume.status == DELETING:
            return
        used = [a for a in queries.attachments_of(session, [volume.id])[volume.id] if a.status == 'attached']
        if used or (volume.status not in DELETABLE and not force):
            by = f' by server {used[0].instance_id}' if used else ''
            raise InvalidInput(
                f'Invalid volume: volume {volume_id} is {volume.status}{by} and cannot be deleted; '
                f'its status must be one of {", ".join(sorted(DELETABLE))}. Detach it first.',
                field='status',
            )
        kept = [one for one in snapshot_queries.of_volume(session, volume.id) if one.status != DELETING]
        if kept and not cascade:
            raise InvalidInput(
                f'Invalid volume: volume {volume_id} still has {len(kept)} dependent snapshots. Delete them first, or delete with cascade.',
                field='id',
            )
        for snapshot in kept:
            snapshots.begin_delete(service, ctx, session, snapshot)
        volume.status, volume.updated_at = DELETING, now()
        service.ops.start(session, ctx, DELETE, volume.id, params={}, host=volume.host, supersede=True)
