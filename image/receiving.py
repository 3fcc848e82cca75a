"""One stream of image data into one store: hashed, inspected, bounded, and owned by a lease that is renewed while data flows."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from common.clock import monotonic, now
from common.errors import Conflict, Gone, InvalidInput, PileusError, TooLarge
from common.ids import new_id
from image import hashing, locations
from image.db import images as image_queries
from image.db import locations as queries
from image.inspect import Inspection
from image.records import SAVING, ImageRecord

if TYPE_CHECKING:
    from common.db.session import Session
    from image.drivers.base import Upload
    from image.service import ImageService

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class Lease:
    """The right to write the data of an image into a store. `of_image`: its status is `saving` on account of this."""

    service: ImageService
    image_id: str
    store: str
    upload_id: str = dataclasses.field(default_factory=new_id)
    of_image: bool = False
    renew_at: float = 0.0

    def until(self) -> datetime.datetime:
        """When it ends, if it began now; sets when it has to be renewed."""
        idle = self.service.options.upload_idle
        self.renew_at = monotonic() + idle / 4
        return now() + datetime.timedelta(seconds=idle)

    def begin(self, session: Session, owner: str | None = None) -> bool:
        """Take the place in the store; False when the data is there already. Raises Conflict while somebody else writes there.

        :param owner: on whose behalf; what a dead process has left behind for the same owner is taken over at once
        """
        found = queries.find_own(session, self.image_id, self.store)
        if found is None:
            queries.begin(session, self.image_id, self.store, upload_id=self.upload_id, owner=owner, when=now(), until=self.until())
            return True
        if found.status == queries.ACTIVE:
            return False
        # Where the status of the image belongs to this lease, no other writer can finish.
        if not queries.take_over(
            session, found, upload_id=self.upload_id, owner=owner, when=now(), until=self.until(), only_if_dead=not self.of_image
        ):
            raise Conflict(f'Store {self.store} is busy with data of image {self.image_id}. Try again in a moment.', code='store_busy')
        return True

    def renew(self) -> None:
        """Show a sign of life when it is time to. Raises Gone when the image was deleted or given up."""
        if monotonic() < self.renew_at:
            return
        until = self.until()
        with self.service.db.write() as session:
            # The image's row before that of the place, as everywhere: two orders would make a deadlock.
            if self.of_image and not image_queries.set_columns(session, self.image_id, expect=self.expected(), upload_until=until):
                raise lost(self.image_id)
            if not queries.renew(session, self.image_id, self.store, self.upload_id, until):
                raise lost(self.image_id)

    def expected(self) -> dict[str, Any]:
        """What the image's row holds while it is this upload's."""
        return {'status': SAVING, 'upload_id': self.upload_id} if self.of_image else {}

    def give_up(self, **values: Any) -> None:
        """Have removed what was written, and set columns of the image, if it is still this upload's."""
        with self.service.db.write() as session:
            if values:
                image_queries.set_columns(session, self.image_id, expect=self.expected(), **values)
            held = queries.give_up(session, self.image_id, self.store, self.upload_id, now())
            row = queries.find_own(session, self.image_id, self.store) if held else None
        if row is not None:
            locations.purge(self.service, [row])


def lost(image_id: str) -> Gone:
    """The error of an upload that is not the owner of its image any more."""
    return Gone(f'Image {image_id} could not be found after upload. The image may have been deleted during the upload.')


def receive(
    service: ImageService, record: ImageRecord, lease: Lease, read: Callable[[int], bytes], length: int | None, *, inspected: bool = True,
    arrived: Callable[[int], None] = lambda size: None,
) -> tuple[dict[str, Any], Upload]:  # fmt: skip
    """Take all data into the store of the lease, durably; nobody can read it before `finish`.

    :param read: gives up to so many bytes, b'' at the end
    :param length: bytes that were announced, or None
    :param inspected: whether data that is not what the image's disk format says is refused
    :param arrived: told how many bytes have come, before they are kept; may refuse them
    :returns: size, virtual size and hashes, by column; and the upload to finish
    :raises: InvalidInput (a lie about the format), TooLarge, OverQuota, Gone, Unavailable
    """
    declared = record.disk_format if inspected else None
    options = service.options
    inspection = Inspection(declared, record.container_format, enforce=options.check_formats, largest=options.max_virtual_size)
    algorithm = record.os_hash_algo or service.options.hash_algorithm
    upload = service.stores.get_writable(lease.store).begin(record.id, lease.upload_id, length or record.size)
    size = 0
    try:
        digests = hashing.Digests(algorithm)
        try:
            for chunk in inspection.watch(_chunks(service, lease, read)):
                size += len(chunk)
                if size > service.options.max_size:
                    raise TooLarge(f'An image has at most {service.options.max_size} bytes.')
                arrived(size)
                digests.update(chunk)
                upload.write(chunk)
            inspection.verdict()
        finally:
            hashes = digests.close()
        if length is not None and size != length:
            raise InvalidInput(f'The client announced {length} bytes and sent {size}. Send the data again.', field='content-length')
        upload.sync()
    except BaseException:
        _abort(upload, record.id)
        raise
    return {'size': size, 'virtual_size': inspection.virtual_size, 'os_hash_algo': algorithm, **hashes}, upload


def _abort(upload: Upload, image_id: str) -> None:
    """Abort without hiding the error that is the reason for it; the row of the place makes the sweeper remove what stays."""
    try:
        upload.abort()
    except (PileusError, OSError) as error:
        LOG.warning('what was written of image %s could not be removed yet: %s', image_id, error)


def _chunks(service: ImageService, lease: Lease, read: Callable[[int], bytes]) -> Iterator[bytes]:
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


def finish(service: ImageService, lease: Lease, upload: Upload, values: dict[str, Any]) -> None:
    """Let the data be read, and set columns of the image, in one transaction and only while the place is still this upload's.

    Raises Gone when it is not.
    """
    try:
        with service.db.write() as session:
            if not image_queries.set_columns(session, lease.image_id, expect=lease.expected(), **values, updated_at=now()):
                # The sweeper took the image away, another upload has it now, or it was deleted.
                raise lost(lease.image_id)
            if not queries.finish(session, lease.image_id, lease.store, lease.upload_id, upload.url, now()):
                raise lost(lease.image_id)
            upload.commit()
    except BaseException:
        _abort(upload, lease.image_id)
        raise
