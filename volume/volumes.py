"""The rules of volumes.

Functions take the service, the caller's context and plain values. Each is one transaction, which also starts the operation
that does the long part. A volume that the caller may not see does not exist for it (404).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound
from volume import quotas
from volume.db import volumes as queries
from volume.db.models import Volume
from volume.operations.extend import EXTEND
from volume.volume_states import AVAILABLE, EXTENDABLE, EXTENDING, RESETTABLE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService

READ_ONLY = 'readonly'
"""The key of the metadata under which clients look whether a volume is only read."""


def target(volume: Volume) -> dict[str, Any]:
    """What a policy rule may look at."""
    return {'project_id': volume.project_id, 'user_id': volume.user_id}


def find(service: VolumeService, ctx: Context, session: Session, volume_id: str, policy: str = 'volume:volumes:show') -> Volume:
    """The volume, if the caller may see it and do what the policy names. Raises NotFound, Forbidden."""
    volume = queries.get(session, volume_id) if len(volume_id) <= 36 else None
    if volume is None or not service.policy.check(ctx, 'volume:volumes:show', target(volume)):
        raise NotFound('volume', volume_id)
    if policy != 'volume:volumes:show':
        service.policy.authorize(ctx, policy, target(volume))
    return volume


def show(service: VolumeService, ctx: Context, volume_id: str) -> tuple[Any, list[Any], dict[str, str]]:
    """The volume and its attachments, to be read only, and the names of all types by id. Raises NotFound."""
    with service.db.read() as session:
        volume = queries.shown(session, volume_id) if len(volume_id) <= 36 else None
        if volume is None or not service.policy.check(ctx, 'volume:volumes:show', target(volume)):
            raise NotFound('volume', volume_id)
        return volume, queries.attachments_shown(session, volume_id), queries.type_names(session)


def update(service: VolumeService, ctx: Context, volume_id: str, body: dict[str, Any]) -> tuple[Volume, list[Any]]:
    """Change name, description or metadata. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:update')
        if 'name' in body:
            volume.name = body['name']
        if 'description' in body:
            volume.description = body['description']
        if 'metadata' in body:
            volume.volume_metadata = dict(body['metadata'])
        volume.updated_at = now()
        return volume, queries.attachments_of(session, [volume.id])[volume.id]


def change_metadata(
    service: VolumeService, ctx: Context, volume_id: str, changes: dict[str, str], *, replace: bool = False, remove: str | None = None
) -> dict[str, str]:
    """Add to, replace, or remove one key of the metadata; gives what results. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:update')
        current = {} if replace else dict(volume.volume_metadata)
        if remove is not None and current.pop(remove, None) is None:
            raise NotFound('metadata item', remove)
        current.update(changes)
        volume.volume_metadata, volume.updated_at = current, now()
        return current


def extend(service: VolumeService, ctx: Context, volume_id: str, size: int) -> None:
    """Start to grow to `size` GiB. Raises NotFound, InvalidInput, Conflict, OverQuota."""
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:extend')
        if volume.status not in EXTENDABLE:
            raise InvalidInput(f'Volume {volume_id} is {volume.status}; only an available volume can be extended.', field='status')
        if size <= volume.size:
            raise InvalidInput(f'New size for extend must be greater than current size ({volume.size} GiB).', field='new_size')
        quotas.reserve(service, session, volume.project_id, volumes=0, gigabytes=size - volume.size, largest=size)
        volume.status, volume.updated_at = EXTENDING, now()
        service.ops.start(session, ctx, EXTEND, volume.id, params={'size': size}, host=volume.host)


def reset_status(service: VolumeService, ctx: Context, volume_id: str, status: str) -> None:
    """Set the status by hand. Refused while an operation owns the volume. Raises NotFound, InvalidInput, Conflict."""
    if status not in RESETTABLE:
        raise InvalidInput(f'status is one of {", ".join(sorted(RESETTABLE))}.', field='status')
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:reset_status')
        if service.ops.live(session, volume.id) is not None:
            raise Conflict(f'An operation is at work on volume {volume_id}; it ends by itself. Wait, or delete the volume.')
        volume.status, volume.updated_at = status, now()
        if 'error' not in status:
            volume.fault = None


def set_bootable(service: VolumeService, ctx: Context, volume_id: str, bootable: bool) -> None:
    """Say whether servers may boot from it. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:update')
        volume.bootable, volume.updated_at = bootable, now()


def set_read_only(service: VolumeService, ctx: Context, volume_id: str, read_only: bool) -> None:
    """Say whether servers that get it from now on may write to it. Raises NotFound, Forbidden, InvalidInput."""
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:update')
        if volume.status != AVAILABLE:
            raise InvalidInput(f'Volume {volume_id} is {volume.status}; it must be available for this.', field='status')
        volume.volume_metadata, volume.updated_at = {**volume.volume_metadata, READ_ONLY: str(read_only)}, now()


def is_read_only(volume: Volume) -> bool:
    """Whether servers may only read it."""
    return str(volume.volume_metadata.get(READ_ONLY)).lower() == 'true'


def image_metadata(service: VolumeService, ctx: Context, volume_id: str) -> dict[str, str]:
    """What is known of the image that it begins with. Raises NotFound."""
    return dict(show(service, ctx, volume_id)[0].image_metadata or {})


def change_image_metadata(
    service: VolumeService, ctx: Context, volume_id: str, changes: dict[str, str], remove: str | None = None
) -> dict[str, str]:
    """Add to what is known of the image, or remove one item; gives what results. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        volume = find(service, ctx, session, volume_id, 'volume:volumes:update')
        current = {**(volume.image_metadata or {}), **changes}
        if remove is not None and current.pop(remove, None) is None:
            raise NotFound('metadata item', remove)
        volume.image_metadata, volume.updated_at = current or None, now()
        return current


def summary(service: VolumeService, ctx: Context, everywhere: bool) -> tuple[int, int, dict[str, list[str]]]:
    """(number, GiB, values of each key of the metadata) of the volumes of the caller's project, or of all."""
    with service.db.read() as session:
        number, size, found = queries.summary(session, None if everywhere else str(ctx.project_id))
    values: dict[str, set[str]] = {}
    for metadata in found:
        for key, value in metadata.items():
            values.setdefault(key, set()).add(value)
    return number, size, {key: sorted(known) for key, known in values.items()}
