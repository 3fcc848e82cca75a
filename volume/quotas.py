"""Limits of a project, and their check inside the transaction that allocates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, OverQuota
from volume.db import volumes as queries
from volume.db.models import QuotaLimit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService

RESOURCES = ('volumes', 'gigabytes', 'per_volume_gigabytes', 'snapshots', 'backups', 'backup_gigabytes', 'groups')
# Nothing of these can be made yet, so nothing of them is in use.
_FIXED = {'snapshots': 10, 'backups': 10, 'backup_gigabytes': 1000, 'groups': 10}


def defaults(service: VolumeService) -> dict[str, int]:
    """Limits of projects that have none of their own."""
    options = service.options
    return {
        'volumes': options.quota_volumes,
        'gigabytes': options.quota_gigabytes,
        'per_volume_gigabytes': options.quota_per_volume_gigabytes,
        **_FIXED,
    }


def limits(service: VolumeService, session: Session, project_id: str) -> dict[str, int]:
    """Limits of a project."""
    return defaults(service) | queries.limits(session, project_id)


def check(service: VolumeService, session: Session, project_id: str, *, volumes: int, gigabytes: int, largest: int) -> None:
    """Raise OverQuota when so much more does not fit. To be called in the transaction that adds it."""
    limit = limits(service, session, project_id)
    used = queries.usage(session, project_id)
    per_volume = limit['per_volume_gigabytes']
    if 0 <= per_volume < largest:
        raise OverQuota('per_volume_gigabytes', limit=per_volume, used=0, wanted=largest)
    for name, wanted, have in (('volumes', volumes, used.volumes), ('gigabytes', gigabytes, int(used.gigabytes))):
        if 0 <= limit[name] < have + wanted and wanted > 0:
            raise OverQuota(name, limit=limit[name], used=have, wanted=wanted)


def show(service: VolumeService, project_id: str) -> dict[str, dict[str, int]]:
    """`limit` and `in_use` of every resource."""
    with service.db.read() as session:
        limit = limits(service, session, project_id)
        used = queries.usage(session, project_id)
    in_use = {'volumes': used.volumes, 'gigabytes': int(used.gigabytes)}
    return {name: {'limit': value, 'in_use': in_use.get(name, 0), 'reserved': 0} for name, value in limit.items()}


def set_limits(service: VolumeService, project_id: str, values: dict[str, Any]) -> dict[str, int]:
    """Change limits of a project. Raises InvalidInput."""
    for name, value in values.items():
        if name not in defaults(service):
            raise InvalidInput(f'There is no limit of the name {name!r}; known: {", ".join(defaults(service))}.', field=name)
        if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value < 2**31:
            raise InvalidInput('A limit is a whole number from -1 (no limit) to 2147483647.', field=name)
    with service.db.write() as session:
        for name, value in values.items():
            session.merge(QuotaLimit(project_id=project_id, resource=name, limit=value))
        session.flush()
        return limits(service, session, project_id)


def reset(service: VolumeService, project_id: str) -> None:
    """Give a project the defaults again."""
    with service.db.write() as session:
        for name in queries.limits(session, project_id):
            session.delete(session.get(QuotaLimit, (project_id, name)))
