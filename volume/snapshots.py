"""The rules of snapshots. One that the caller may not see does not exist for it (404)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound
from common.ids import new_id
from volume import quotas, volumes
from volume.db import snapshots as queries
from volume.db import volumes as volume_queries
from volume.db.models import Snapshot
from volume.operations.snapshot import CREATE_SNAPSHOT, DELETE_SNAPSHOT
from volume.volume_states import AVAILABLE, CREATING, DELETING, ERROR, ERROR_DELETING, IN_USE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService

DELETABLE = frozenset({CREATING, AVAILABLE, ERROR, ERROR_DELETING})
RESETTABLE = frozenset({AVAILABLE, ERROR, ERROR_DELETING})


def target(snapshot: Snapshot) -> dict[str, Any]:
    """What a policy rule may look at."""
    return {'project_id': snapshot.project_id, 'user_id': snapshot.user_id}


def find(service: VolumeService, ctx: Context, session: Session, snapshot_id: str, policy: str = 'volume:snapshots:show') -> Snapshot:
    """The snapshot, if the caller may see it and do what the policy names. Raises NotFound, Forbidden."""
    snapshot = queries.get(session, snapshot_id) if len(snapshot_id) <= 36 else None
    if snapshot is None or not service.policy.check(ctx, 'volume:snapshots:show', target(snapshot)):
        raise NotFound('snapshot', snapshot_id)
    if policy != 'volume:snapshots:show':
        service.policy.authorize(ctx, policy, target(snapshot))
    return snapshot


def create(service: VolumeService, ctx: Context, body: dict[str, Any], force: bool) -> Snapshot:
    """Start to keep a volume as it is. Raises NotFound, InvalidInput (in use without `force`), OverQuota."""
    with service.db.write() as session:
        volume_queries.hold(session, body['volume_id'])
        volume = volumes.find(service, ctx, session, body['volume_id'])
        if volume.status not in ((AVAILABLE, IN_USE) if force else (AVAILABLE,)):
            raise InvalidInput(
                f'Invalid volume: volume {volume.id} is {volume.status}; '
                f'a snapshot is made of an available one{"" if volume.status != IN_USE else ", or of one in use where force says so"}.',
                field='volume_id',
            )
        quotas.reserve_snapshot(service, session, volume.project_id, volume.size)
        snapshot = Snapshot(
            id=new_id(), project_id=volume.project_id, user_id=ctx.user_id, volume_id=volume.id, name=body.get('name'),
            description=body.get('description'), volume_size=volume.size, status=CREATING, host=volume.host,
            snapshot_metadata=dict(body.get('metadata') or {}), created_at=now(),
        )  # fmt: skip
        session.add(snapshot)
        params = {'volume': volume.id, 'in_use': volume.status == IN_USE}
        service.ops.start(session, ctx, CREATE_SNAPSHOT, snapshot.id, params=params, host=volume.host)
    return snapshot


def show(service: VolumeService, ctx: Context, snapshot_id: str) -> Snapshot:
    """The snapshot. Raises NotFound."""
    with service.db.read() as session:
        return find(service, ctx, session, snapshot_id)


def update(service: VolumeService, ctx: Context, snapshot_id: str, body: dict[str, Any]) -> Snapshot:
    """Change name or description. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        snapshot = find(service, ctx, session, snapshot_id, 'volume:snapshots:update')
        for name in ('name', 'description'):
            if name in body:
                setattr(snapshot, name, body[name])
        snapshot.updated_at = now()
        return snapshot


def change_metadata(
    service: VolumeService, ctx: Context, snapshot_id: str, changes: dict[str, str], *, replace: bool = False, remove: str | None = None
) -> dict[str, str]:
    """Add to, replace, or remove one key of the metadata; gives what results. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        snapshot = find(service, ctx, session, snapshot_id, 'volume:snapshots:update')
        current = {} if replace else dict(snapshot.snapshot_metadata)
        if remove is not None and current.pop(remove, None) is None:
            raise NotFound('metadata item', remove)
        current.update(changes)
        snapshot.snapshot_metadata, snapshot.updated_at = current, now()
        return current


def delete(service: VolumeService, ctx: Context, snapshot_id: str, *, force: bool = False) -> None:
    """Start to delete; supersedes its making. Raises NotFound, InvalidInput."""
    with service.db.write() as session:
        snapshot = find(service, ctx, session, snapshot_id, 'volume:snapshots:force_delete' if force else 'volume:snapshots:delete')
        if snapshot.status not in DELETABLE and snapshot.status != DELETING and not force:
            raise InvalidInput(f'Invalid snapshot: snapshot {snapshot_id} is {snapshot.status}.', field='status')
        begin_delete(service, ctx, session, snapshot)


def begin_delete(service: VolumeService, ctx: Context, session: Session, snapshot: Snapshot) -> None:
    """Within the caller's transaction: start to delete, unless that has been done."""
    if snapshot.status == DELETING:
        return
    snapshot.status, snapshot.updated_at = DELETING, now()
    service.ops.start(session, ctx, DELETE_SNAPSHOT, snapshot.id, params={}, host=snapshot.host, supersede=True)


def reset_status(service: VolumeService, ctx: Context, snapshot_id: str, status: str) -> None:
    """Set the status by hand. Refused while an operation owns the snapshot. Raises NotFound, InvalidInput, Conflict."""
    if status not in RESETTABLE:
        raise InvalidInput(f'status is one of {", ".join(sorted(RESETTABLE))}.', field='status')
    with service.db.write() as session:
        snapshot = find(service, ctx, session, snapshot_id, 'volume:snapshots:reset_status')
        if service.ops.live(session, snapshot.id, 'snapshot') is not None:
            raise Conflict(f'An operation is at work on snapshot {snapshot_id}; it ends by itself. Wait, or delete the snapshot.')
        snapshot.status, snapshot.updated_at = status, now()
