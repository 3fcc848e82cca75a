"""What a project may have of images: counted from the rows, in the transaction that adds to them.

Sizes are limited in MiB. Data whose size is known before they come need room for all of it. Data of unknown size may come
while the rest is within the limit, and end above it, since that is how Glance takes them; what has come so far counts for
everybody else (`image/room.py`), and data larger than the whole limit are never taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from common.db.quotas import lock_project
from common.errors import OverQuota
from common.quota import UNLIMITED, Quotas
from image.db import usage as queries
from image.db.quota_models import TABLES

if TYPE_CHECKING:
    from common.db.session import Session
    from common.limits import IdentityLimits
    from image.conf import ImageOptions
    from image.service import ImageService

T = TypeVar('T')
MIB = 1 << 20
SIZE, STAGE, COUNT, UPLOADING = 'image_size_total', 'image_stage_total', 'image_count_total', 'image_count_uploading'
RESOURCES = (SIZE, STAGE, COUNT, UPLOADING)
IN_MIB = frozenset({SIZE, STAGE})

# What one more of each needs: resource -> how many, or bytes (0: the project must only not be above the limit already).
NEW_IMAGE = {COUNT: 1}
UPLOAD = {SIZE: 0, UPLOADING: 1}
STAGING = {STAGE: 0, UPLOADING: 1}
IMPORT = {SIZE: 0}


class ImageQuotas(Quotas):
    """Where the limits come from: the options, what `image-manage quota` sets for a project, and identity, which wins.

    :param identity: None where identity's limits do not hold
    """

    def __init__(self, options: ImageOptions, identity: IdentityLimits | None = None) -> None:
        super().__init__(TABLES, {name: getattr(options, name) for name in RESOURCES}, queries.usage)
        self.identity = identity

    def registered(self, project_id: str, *, fresh: bool = False) -> dict[str, int]:
        """What identity says, asked outside of any transaction. Raises Unavailable."""
        found = self.identity.of(project_id, fresh=fresh) if self.identity is not None else {}
        return {name: limit for name, limit in found.items() if name in RESOURCES}


def enforced(service: ImageService, project_id: str | None, wanted: Mapping[str, int], work: Callable[[Session], T]) -> T:
    """Do something in a write transaction that is undone if it brings the project above a limit.

    :param wanted: how much of each resource `work` takes (bytes of sizes); only these are looked at
    :returns: what `work` gives
    :raises: OverQuota, Unavailable, and what `work` raises
    """

    def judged(session: Session, limits: Mapping[str, int]) -> T:
        limited = {name: amount for name, amount in wanted.items() if limits[name] != UNLIMITED}
        if limited:
            lock_project(session, service.quotas.tables, str(project_id))
        result = work(session)
        if limited:
            used = service.quotas.usage(session, str(project_id))
            for name, amount in limited.items():
                check(name, limits[name], used[name], amount)
        return result

    if project_id is None:
        with service.db.write() as session:
            return work(session)
    registered = service.quotas.registered(project_id)
    try:
        return attempt(service, project_id, registered, judged)
    except OverQuota:
        fresh = service.quotas.registered(project_id, fresh=True)
        if fresh == registered:
            raise
    return attempt(service, project_id, fresh, judged)


def attempt(service: ImageService, project_id: str, registered: Mapping[str, int], work: Callable[[Session, Mapping[str, int]], T]) -> T:
    """Do something in a write transaction that knows the limit of each resource, given what identity says of them."""
    with service.db.write() as session:
        return work(session, {**service.quotas.limits(session, project_id), **registered})


def check(name: str, limit: int, used: int, amount: int) -> None:
    """Raise OverQuota when more is used than the limit.

    :param used: with what is wanted now; bytes of sizes
    :param amount: what is wanted now
    """
    unit = MIB if name in IN_MIB else 1
    if used > limit * unit:
        before = used - amount
        words = f'{limit}, in use {before}, wanted {amount}'
        if unit == MIB:
            words = f'{limit} MiB, in use {before / MIB:.1f} MiB' + (f', wanted {amount / MIB:.1f} MiB' if amount else '')
        raise OverQuota(name, limit=limit, used=before // unit, wanted=amount // unit, message=f'Quota exceeded for {name}: limit {words}.')


def usage(service: ImageService, project_id: str) -> dict[str, dict[str, int]]:
    """Limit and use of each resource, sizes in MiB."""
    limits = _limits(service, project_id)
    with service.db.read() as session:
        used = service.quotas.usage(session, project_id)
    return {name: {'limit': limits[name], 'usage': used[name] // (MIB if name in IN_MIB else 1)} for name in RESOURCES}


def _limits(service: ImageService, project_id: str) -> dict[str, int]:
    registered = service.quotas.registered(project_id)
    with service.db.read() as session:
        return service.quotas.limits(session, project_id) | registered
