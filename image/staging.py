"""Taking data that is to be imported: it waits in the staging area until its owner says how it goes on.

The image is `uploading` from the first byte until the import begins. It is owned by its stage (`upload_id`); while data arrives,
`upload_until` is renewed, and is empty once the data is whole. A process that dies leaves an image that the sweep gives back.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.clock import monotonic, now
from common.context import Context
from common.errors import Conflict, Gone, InvalidInput, PileusError, TooLarge
from common.ids import new_id
from image import images, quotas
from image.db import images as image_queries
from image.db import staging as queries
from image.records import QUEUED, UPLOADING
from image.room import Room

if TYPE_CHECKING:
    from common.db.session import Session
    from image.drivers.filesystem import FileUpload
    from image.service import ImageService

_BATCH = 500


def stage(service: ImageService, ctx: Context, image_id: str, read: Callable[[int], bytes], length: int | None) -> None:
    """Take data for a queued image into the staging area.

    :param read: gives up to so many bytes, b'' at the end
    :param length: bytes that the client announced, or None
    :raises: NotFound, Forbidden, Conflict (not queued), InvalidInput, TooLarge, Gone (deleted meanwhile), Unavailable
    """
    if length is not None and length > service.options.max_size:
        raise TooLarge(f'An image has at most {service.options.max_size} bytes, this one has {length}.')
    stage_id = new_id()
    owner = _begin(service, ctx, image_id, stage_id, length or 0)
    room = Room(service, owner, image_id, quotas.STAGE, lambda: _mine(stage_id), held=length or 0)
    try:
        upload = service.staging.begin(image_id, stage_id)
        try:
            size = _receive(service, image_id, stage_id, upload, read, length, room)
            _keep(service, image_id, stage_id, upload, size)
        except BaseException:
            upload.abort()
            service.staging.remove(image_id, stage_id)
            raise
    except BaseException:
        _give_back(service, image_id, stage_id)
        raise


def _mine(stage_id: str) -> dict[str, Any]:
    """What the image's row holds while data is staged for it."""
    return {'status': UPLOADING, 'upload_id': stage_id}


def _begin(service: ImageService, ctx: Context, image_id: str, stage_id: str, size: int) -> str | None:
    """Make the image the stage's; gives the project that it belongs to."""
    with service.db.read() as session:
        owner = images.find_own(service, ctx, image_id, 'image:data:upload', session).owner

    def work(session: Session) -> None:
        record = images.find_own(service, ctx, image_id, 'image:data:upload', session)
        if record.status != QUEUED:
            raise Conflict(f'Data can be staged for a queued image only; image {image_id} is {record.status}.')
        until = now() + datetime.timedelta(seconds=service.options.upload_idle)
        values = {**_mine(stage_id), 'upload_until': until, 'reserved_stage': size, 'updated_at': now()}
        if not image_queries.set_columns(session, image_id, expect={'status': QUEUED}, **values):
            raise Conflict(f'Image {image_id} is being changed by somebody else. Try again.')

    quotas.enforced(service, owner, quotas.STAGING | {quotas.STAGE: size}, work)
    return owner


def _receive(
    service: ImageService, image_id: str, stage_id: str, upload: FileUpload, read: Callable[[int], bytes], length: int | None, room: Room
) -> int:
    """Take all data, durably; gives how many bytes."""
    size, renew_at = 0, monotonic() + service.options.upload_idle / 4
    while chunk := _read(service, read):
        size += len(chunk)
        if size > service.options.max_size:
            raise TooLarge(f'An image has at most {service.options.max_size} bytes.')
        room.cover(size)
        if monotonic() >= renew_at:
            renew_at = monotonic() + service.options.upload_idle / 4
            until = now() + datetime.timedelta(seconds=service.options.upload_idle)
            _set(service, image_id, stage_id, upload_until=until)
        upload.write(chunk)
    if length is not None and size != length:
        raise InvalidInput(f'The client announced {length} bytes and sent {size}. Send the data again.', field='content-length')
    upload.sync()
    return size


def _read(service: ImageService, read: Callable[[int], bytes]) -> bytes:
    try:
        return read(service.options.chunk)
    except PileusError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidInput('The connection broke before all data had arrived. Send the data again.', admin_detail=str(error)) from error


def _keep(service: ImageService, image_id: str, stage_id: str, upload: FileUpload, size: int) -> None:
    """The file first: data that is whole and not said to be is thrown away later, the reverse would be a lie."""
    upload.commit()
    _set(service, image_id, stage_id, upload_until=None, size=size, reserved_stage=0, updated_at=now())


def _set(service: ImageService, image_id: str, stage_id: str, **values: Any) -> None:
    with service.db.write() as session:
        if not image_queries.set_columns(session, image_id, expect=_mine(stage_id), **values):
            raise Gone(f'Image {image_id} could not be found after upload. The image may have been deleted during the upload.')


def _give_back(service: ImageService, image_id: str, stage_id: str, **expect: datetime.datetime) -> None:
    with service.db.write() as session:
        image_queries.set_columns(session, image_id, expect={**_mine(stage_id), **expect}, status=QUEUED, upload_id=None, upload_until=None)


def sweep(service: ImageService) -> dict[str, int]:
    """Give back images whose data has stopped to arrive, and remove staged data that no image owns. Returns how many of each."""
    with service.db.read() as session:
        stale = queries.stale_stages(session, now())
    for image_id, stage_id, until in stale:
        _give_back(service, image_id, stage_id, upload_until=until)  # unless it has shown a sign of life just now
    orphans = 0
    found = list(service.staging.stages())
    for first in range(0, len(found), _BATCH):
        batch = found[first : first + _BATCH]
        # The rows are read after the directory: a stage that begins in between is not in the list.
        with service.db.read() as session:
            owned = queries.stages_of(session, [image_id for image_id, _ in batch])
        for image_id, stage_id in batch:
            if owned.get(image_id) != stage_id:
                service.staging.remove(image_id, stage_id)
                orphans += 1
    return {'stale_stages': len(stale), 'orphaned_stages': orphans}
