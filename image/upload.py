"""Taking and giving image data: streamed in constant memory, hashed and inspected on the way.

An upload owns its image by `upload_id` and shows signs of life while data flows. When its process dies the sweeper puts
the image back to `queued`; an upload that has lost its image that way cannot finish it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, TooLarge
from image import caching, images, locations, quotas, reading, receiving
from image.db import images as queries
from image.db import locations as location_queries
from image.receiving import Lease
from image.records import ACTIVE, DEACTIVATED, QUEUED, SAVING, ImageRecord
from image.room import Room

if TYPE_CHECKING:
    from common.db.session import Session
    from image.service import ImageService


def store_data(
    service: ImageService, ctx: Context, image_id: str, read: Callable[[int], bytes], length: int | None, store: str = ''
) -> None:
    """Take the data of a queued image.

    :param read: gives up to so many bytes, b'' at the end
    :param length: bytes that the client announced, or None
    :param store: name of the store it goes to; '' for the default
    :raises: NotFound, Forbidden, Conflict, InvalidInput (a lie about the format, an unknown store), TooLarge, OverQuota, Gone, Unavailable
    """
    store = service.stores.get_writable(store or service.stores.default).name
    if length is not None and length > service.options.max_size:
        raise TooLarge(f'An image has at most {service.options.max_size} bytes, this one has {length}.')
    record, lease = _begin(service, ctx, image_id, store, length or 0)
    try:
        room = Room(service, record.owner, image_id, quotas.SIZE, lease.expected, held=length or 0)
        values, upload = receiving.receive(service, record, lease, read, length, arrived=room.cover)
        done = {'status': ACTIVE, 'upload_id': None, 'upload_until': None, 'reserved_size': 0}
        receiving.finish(service, lease, upload, {**values, **done})
    except BaseException:
        lease.give_up(status=QUEUED, upload_id=None, upload_until=None)
        raise


def _begin(service: ImageService, ctx: Context, image_id: str, store: str, size: int = 0) -> tuple[ImageRecord, Lease]:
    lease = Lease(service, image_id, store, of_image=True)

    def work(session: Session) -> ImageRecord:
        record = images.find_own(service, ctx, image_id, 'image:data:upload', session)
        images.check_data_allowed(record)
        values = {'status': SAVING, 'upload_id': lease.upload_id, 'upload_until': lease.until(), 'reserved_size': size}
        # The format decides what the data is inspected for: it has to be the one that was read.
        expect = {'status': QUEUED, 'disk_format': record.disk_format, 'container_format': record.container_format}
        if not queries.set_columns(session, image_id, expect=expect, **values):
            raise Conflict(f'Image {image_id} is being changed by somebody else. Try again.')
        lease.begin(session)
        return record

    owner = images.find(service, ctx, image_id).owner
    return quotas.enforced(service, owner, quotas.UPLOAD | {quotas.SIZE: size}, work), lease


def open_data(service: ImageService, record: ImageRecord, start: int = 0, stop: int | None = None) -> BinaryIO:
    """The data of an image that `readable` gave: a file that stands at `start` and is read up to `stop`, or the end. Raises Unavailable."""
    if (cached := caching.open_cached(service, record)) is not None:
        cached.seek(start)
        return cached
    source = reading.open_image(service, record, start, stop)
    caching.wish(service, record, source)
    return source


def readable(service: ImageService, ctx: Context, image_id: str) -> ImageRecord:
    """The image, if the caller may have its data, whether it has any yet or not. Raises NotFound, Forbidden."""
    record = images.find(service, ctx, image_id)
    if not service.policy.check(ctx, 'image:data:download', images.target(record)):
        raise Forbidden('You are not permitted to download this image.')
    if record.status == DEACTIVATED and not ctx.is_admin:
        raise Forbidden('The requested image has been deactivated. Image data download is forbidden.')
    return record


def sweep(service: ImageService) -> dict[str, int]:
    """Free images whose upload died, and remove data that no image owns. Returns how many of each."""
    with service.db.read() as session:
        stale = queries.stale_uploads(session, now())
    if stale:
        with service.db.write() as session:
            stale = queries.stale_uploads(session, now())
            for image_id, upload_id in stale:
                freed = {'status': QUEUED, 'upload_id': None, 'upload_until': None}
                queries.set_columns(session, image_id, expect={'status': SAVING, 'upload_id': upload_id or None}, **freed)
                location_queries.give_up_upload(session, image_id, upload_id, now())
    found = locations.sweep(service)
    return {'stale_uploads': len(stale), **found}
