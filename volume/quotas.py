"""Limits of a project on volumes: which there are, what counts, and the one that `common.quota` does not know: the size of one volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import OverQuota
from volume.conf import VolumeOptions
from volume.db import snapshots as snapshot_queries
from volume.db import volumes as queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService

# Nothing of these can be made yet, so nothing of them is in use.
_FIXED = {'backups': 10, 'backup_gigabytes': 1000, 'groups': 10}


def defaults(options: VolumeOptions) -> dict[str, int]:
    """Limits of projects that have none of their own."""
    return {
        'volumes': options.quota_volumes,
        'snapshots': options.quota_snapshots,
        'gigabytes': options.quota_gigabytes,
        'per_volume_gigabytes': options.quota_per_volume_gigabytes,
        **_FIXED,
    }


def usage(session: Session, project_id: str) -> dict[str, int]:
    """What a project has, counted."""
    used = queries.usage(session, project_id)
    kept, room = snapshot_queries.usage(session, project_id)
    return {'volumes': used.volumes, 'snapshots': kept, 'gigabytes': int(used.gigabytes) + room}


def reserve_snapshot(service: VolumeService, session: Session, project_id: str, gigabytes: int) -> None:
    """Raise OverQuota when a snapshot of so much does not fit. To be called in the transaction that adds it."""
    service.quotas.reserve(session, project_id, {'snapshots': 1, 'gigabytes': gigabytes})


def reserve(service: VolumeService, session: Session, project_id: str, *, volumes: int, gigabytes: int, largest: int) -> None:
    """Raise OverQuota when so much more does not fit. To be called in the transaction that adds it."""
    limit = service.quotas.limits(session, project_id)['per_volume_gigabytes']
    if 0 <= limit < largest:
        raise OverQuota('per_volume_gigabytes', limit=limit, used=0, wanted=largest)
    service.quotas.reserve(session, project_id, {'volumes': volumes, 'gigabytes': gigabytes})


def show(service: VolumeService, project_id: str) -> dict[str, dict[str, int]]:
    """`limit` and `in_use` of every resource."""
    with service.db.read() as session:
        found = service.quotas.usages(session, project_id)
    return {name: {'limit': limit, 'in_use': used, 'reserved': 0} for name, (used, limit) in found.items()}


def set_limits(service: VolumeService, project_id: str, values: dict[str, int]) -> dict[str, int]:
    """Change limits of a project; gives all of them. Raises InvalidInput."""
    with service.db.write() as session:
        service.quotas.set_limits(session, project_id, values)
        return service.quotas.limits(session, project_id)


def reset(service: VolumeService, project_id: str) -> None:
    """Give a project the defaults again."""
    with service.db.write() as session:
        service.quotas.reset(session, project_id)
