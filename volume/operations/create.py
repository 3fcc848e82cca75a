"""Making a volume: empty, or with what an image, a snapshot or another volume holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import NotFound, Refused
from common.operations import HOST, Operation, Step, minutes
from common.operations.faults import for_users
from volume.db import volumes as queries
from volume.drivers.base import ImageData
from volume.volume_states import AVAILABLE, CREATING, ERROR

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


def _make(run: Run) -> None:
    pool, size = run.world.pool, run.params['size']
    source = run.params.get('source') or {}
    if 'image' in source:
        pool.fill(run.resource_id, size, _image(run, source['image']), run.check)
    elif source:
        pool.copy(
            run.resource_id, size, snapshot_id=source.get('snapshot'), source_id=source.get('volume'), in_use=source.get('in_use', False),
            check=run.check,
        )  # fmt: skip
    else:
        pool.create(run.resource_id, size)


def _image(run: Run, image: dict[str, Any]) -> ImageData:
    client = run.world.image.with_context(run.ctx)

    def read() -> Iterator[bytes]:
        try:
            pieces: Iterator[bytes] = client.stream(f'/v2/images/{image["id"]}/file')
        except NotFound:
            raise Refused(f'Image {image["id"]} was deleted before the volume could be made from it.') from None
        return pieces

    known = image.get('os_hash_algo') in hashlib.algorithms_available and image.get('os_hash_value')
    digest = (image['os_hash_algo'], image['os_hash_value']) if known else None
    return ImageData(image['id'], image['disk_format'], image.get('size'), digest, read)


def _unmake(run: Run, output: dict[str, Any] | None) -> None:
    run.world.pool.delete(run.resource_id)


def _done(session: Session, run: Run) -> None:
    queries.set_status(session, run.resource_id, {CREATING}, AVAILABLE, now())


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_status(session, run.resource_id, {CREATING}, ERROR, now(), fault=for_users(fault))


CREATE = Operation(
    'volume.create',
    of='volume',
    deadline=minutes(120),
    steps=[Step('make', on=HOST, do=_make, undo=_unmake)],
    on_done=_done,
    on_failed=_failed,
)
