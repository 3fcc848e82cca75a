"""Taking and giving image data: streamed in constant memory, hashed and inspected on the way.

An upload owns its image by `upload_id` and shows signs of life while data flows. When its process dies the sweeper puts
the image back to `queued`; an upload that has lost its image that way cannot finish it any more.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from common.clock import monotonic, now
from common.context import Context
from common.errors import Forbidden, Gone, InvalidInput, NotFound, PileusError, TooLarge, Unavailable
from common.ids import new_id
from image import images
from image.db import images as queries
from image.drivers.base import Upload
from image.inspect import Inspection
from image.records import ACTIVE, DEACTIVATED, QUEUED, SAVING, ImageRecord

if TYPE_CHECKING:
    from image.service import ImageService

HASH_ALGORITHM = 'sha512'


class _Digests:
    """MD5 and SHA-512 of a stream, each on a thread of its own: hashlib lets go of the interpreter while it works."""

    def __init__(self) -> None:
        # MD5 is what the API calls `checksum`; it protects against accidents only.
        self._hashes = {'checksum': hashlib.md5(usedforsecurity=False), 'os_hash_value': hashlib.new(HASH_ALGORITHM)}
        self._queues: list[queue.Queue[bytes | None]] = []
        self._threads = []
        for digest in self._hashes.values():
            chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
            thread = threading.Thread(target=self._work, args=(digest.update, chunks), name='image-hash', daemon=True)
            self._queues.append(chunks)
            self._threads.append(thread)
            thread.start()

    @staticmethod
    def _work(update: Callable[[bytes], None], chunks: queue.Queue[bytes | None]) -> None:
        while (chunk := chunks.get()) is not None:
            update(chunk)

    def update(self, chunk: bytes) -> None:
        """Add a chunk; waits when a hash is four chunks behind, so memory stays bounded."""
        for chunks in self._queues:
            chunks.put(chunk)

    def close(self) -> dict[str, str]:
        """Wait for the rest and give the hex digests by column name."""
        for chunks in self._queues:
            chunks.put(None)
        for thread in self._threads:
            thread.join()
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}


@dataclasses.dataclass(slots=True)
class _Lease:
    """The right to write the image's data, renewed while data flows."""

    service: ImageService
    image_id: str
    upload_id: str
    renew_at: float

    def renew(self) -> None:
        """Show a sign of life when it is time to. Raises Gone when the image was deleted or given up."""
        if monotonic() < self.renew_at:
            return
        idle = self.service.options.upload_idle
        self.renew_at = monotonic() + idle / 4
        with self.service.db.write() as session:
            until = now() + datetime.timedelta(seconds=idle)
            if not queries.set_columns(session, self.image_id, expect={'upload_id': self.upload_id}, upload_until=until):
                raise _lost(self.image_id)


def _lost(image_id: str) -> Gone:
    return Gone(f'Image {image_id} could not be found after upload. The image may have been deleted during the upload.')


def store_data(service: ImageService, ctx: Context, image_id: str, read: Callable[[int], bytes], length: int | None) -> None:
    """Take the data of a queued image.

    :param read: gives up to so many bytes, b'' at the end
    :param length: bytes that the client announced, or None
    :raises: NotFound, Forbidden, Conflict, InvalidInput (a lie about the format), TooLarge, Gone, Unavailable
    """
    if length is not None and length > service.options.max_size:
        raise TooLarge(f'An image has at most {service.options.max_size} bytes, this one has {length}.')
    record, lease = _begin(service, ctx, image_id)
    try:
        values, upload = _receive(service, record, lease, read, length)
        _finish(service, image_id, lease, values, upload)
    except BaseException:
        _give_up(service, image_id, lease.upload_id)
        raise


def _begin(service: ImageService, ctx: Context, image_id: str) -> tuple[ImageRecord, _Lease]:
    idle = service.options.upload_idle
    upload_id = new_id()
    with service.db.write() as session:
        record = images.find_own(service, ctx, image_id, 'image:data:upload', session)
        images.check_data_allowed(record)
        until = now() + datetime.timedelta(seconds=idle)
        queries.set_columns(session, image_id, expect={'status': QUEUED}, status=SAVING, upload_id=upload_id, upload_until=until)
    return record, _Lease(service, image_id, upload_id, monotonic() + idle / 4)


def _receive(
    service: ImageService, record: ImageRecord, lease: _Lease, read: Callable[[int], bytes], length: int | None
) -> tuple[dict[str, Any], Upload]:
    inspection = Inspection(record.disk_format, record.container_format)
    digests = _Digests()
    upload = service.store.begin(record.id, lease.upload_id)
    size = 0
    try:
        for chunk in inspection.watch(_chunks(service, lease, read)):
            size += len(chunk)
            if size > service.options.max_size:
                raise TooLarge(f'An image has at most {service.options.max_size} bytes.')
            digests.update(chunk)
            upload.write(chunk)
        inspection.verdict()
        if length is not None and size != length:
            raise InvalidInput(f'The client announced {length} bytes and sent {size}. Send the data again.', field='content-length')
        upload.sync()
    except BaseException:
        upload.abort()
        raise
    finally:
        hashes = digests.close()
    return {'size': size, 'virtual_size': inspection.virtual_size, 'os_hash_algo': HASH_ALGORITHM, **hashes}, upload


def _chunks(service: ImageService, lease: _Lease, read: Callable[[int], bytes]) -> Iterator[bytes]:
    while True:
        try:
            chunk = read(service.options.chunk)
        except PileusError:
            raise
        except (OSError, ValueError) as error:
            raise InvalidInput('The connection broke before all data had arrived. Send the data again.', admin_detail=str(error)) from error
        if not chunk:
            return
        lease.renew()
        yield chunk


def _finish(service: ImageService, image_id: str, lease: _Lease, values: dict[str, Any], upload: Upload) -> None:
    """Let the data be read and say so, in one transaction and only while the image is still this upload's."""
    try:
        with service.db.write() as session:
            values |= {'status': ACTIVE, 'upload_id': None, 'upload_until': None, 'updated_at': now()}
            if not queries.set_columns(session, image_id, expect={'status': SAVING, 'upload_id': lease.upload_id}, **values):
                # The sweeper took the image away, another upload has it now, or it was deleted.
                raise _lost(image_id)
            upload.commit()
    except BaseException:
        upload.abort()
        raise


def _give_up(service: ImageService, image_id: str, upload_id: str) -> None:
    """Put the image back to `queued`, if it is still this upload's."""
    with service.db.write() as session:
        queries.set_columns(
            session, image_id, expect={'status': SAVING, 'upload_id': upload_id}, status=QUEUED, upload_id=None, upload_until=None
        )


def open_data(service: ImageService, ctx: Context, image_id: str) -> tuple[ImageRecord, BinaryIO | None]:
    """The image and its data, opened; no data for an image that has none yet. Raises NotFound, Forbidden, Unavailable."""
    record = images.find(service, ctx, image_id)
    if not service.policy.check(ctx, 'image:data:download', images.target(record)):
        raise Forbidden('You are not permitted to download this image.')
    if record.status == DEACTIVATED and not ctx.is_admin:
        raise Forbidden('The requested image has been deactivated. Image data download is forbidden.')
    if record.status not in (ACTIVE, DEACTIVATED):
        return record, None
    try:
        return record, service.store.open(image_id)
    except NotFound:
        raise Unavailable(f'The data of image {image_id} is missing from the store. Ask the operator.') from None


def sweep(service: ImageService) -> dict[str, int]:
    """Free images whose upload died, and remove data that no image owns. Returns how many of each."""
    with service.db.write() as session:
        stale = queries.stale_uploads(session, now())
        for image_id, upload_id in stale:
            queries.set_columns(
                session, image_id, expect={'status': SAVING, 'upload_id': upload_id or None},
                status=QUEUED, upload_id=None, upload_until=None,
            )  # fmt: skip
    for image_id, upload_id in stale:
        service.store.discard(image_id, upload_id)
    orphans = 0
    stored = list(service.store.inventory())
    for first in range(0, len(stored), 500):
        batch = stored[first : first + 500]
        with service.db.read() as session:
            known = queries.known_ids(session, [entry.image_id for entry in batch])
        for entry in batch:
            if entry.image_id not in known:
                service.store.delete(entry.image_id)
                orphans += 1
    return {'stale_uploads': len(stale), 'orphans': orphans}
