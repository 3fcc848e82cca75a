"""Making the copies of the cache: one at a time per process, verified by hash, put off and tried again when it fails."""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import threading
from typing import TYPE_CHECKING

from common.clock import monotonic, now
from common.errors import PileusError, Unavailable
from common.ids import new_id
from common.service.heartbeat import Periodic
from image import caching, reading
from image.caching import PART, ImageCache
from image.db import cache as queries
from image.db import images as image_queries
from image.db.cache import CACHED, QUEUED, CacheEntry
from image.drivers.sparse import SparseFile
from image.records import ACTIVE, ImageRecord

if TYPE_CHECKING:
    from image.service import ImageService

LOG = logging.getLogger(__name__)
_TURN = 2.0
_CLEAN = 60.0
_LEASE = 60.0
_MOST_IN_A_TURN = 100
_MOST_ATTEMPTS = 6
_CHUNK = 1 << 20


class Stopped(PileusError):
    """The process ends; the image waits for the next one."""


class CacheWorker:
    """Fetches what is queued on this host, prunes and cleans. Part of the conductor."""

    def __init__(self, service: ImageService) -> None:
        self._service = service
        self._stopping = threading.Event()
        self._clean_at = 0.0
        self._periodic = Periodic('image-cache', self.turn, _TURN)
        caching.the_cache(service).bell = self._periodic.poke

    def start(self) -> None:
        """Begin."""
        self._periodic.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End; a fetch in hand is given up and stays queued."""
        self._stopping.set()
        self._periodic.stop(seconds)

    def turn(self) -> None:
        """What is done again and again."""
        if monotonic() >= self._clean_at:
            self._clean_at = monotonic() + _CLEAN
            caching.clean(self._service)
            caching.make_room(self._service)
        for _ in range(_MOST_IN_A_TURN):
            if self._stopping.is_set() or not fetch_next(self._service, self._stopping):
                return


def fetch_next(service: ImageService, stopping: threading.Event) -> bool:
    """Fetch the first image of the queue; False when none may be fetched now. Failures put it off, they are not raised."""
    cache, lease_id = caching.the_cache(service), new_id()
    with service.db.write() as session:
        entry = queries.claim(session, cache.host, lease_id, now(), _until())
        record = image_queries.get_image(session, entry.image_id) if entry else None
        if entry is not None and not _wanted(cache, record):
            queries.remove(session, cache.host, [entry.image_id])
            return True
        if entry is not None and record is not None:
            queries.change(session, cache.host, record.id, lease_id=lease_id, file=caching.file_name(record))
    if entry is None or record is None:
        return False
    try:
        _fetch(service, cache, record, lease_id, stopping)
    except (PileusError, OSError) as error:
        _put_off(service, entry, lease_id, error)
    return True


def _until() -> datetime.datetime:
    return now() + datetime.timedelta(seconds=_LEASE)


def _wanted(cache: ImageCache, record: ImageRecord | None) -> bool:
    return record is not None and record.status == ACTIVE and record.size is not None and record.size <= cache.max_size


def _fetch(service: ImageService, cache: ImageCache, record: ImageRecord, lease_id: str, stopping: threading.Event) -> None:
    caching.make_room(service, record.size or 0)
    part, name = cache.path(f'{record.id}.{lease_id}{PART}'), caching.file_name(record)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), 'wb', buffering=0) as file:
            _copy(service, cache, record, lease_id, file.fileno(), stopping)
            os.fsync(file.fileno())
        with service.db.write() as session:
            values = {
                'state': CACHED,
                'file': name,
                'size': record.size,
                'last_modified': now(),
                'last_accessed': now(),
                'lease_until': None,
            }
            if not queries.change(session, cache.host, record.id, expect_lease=lease_id, attempts=0, **values):
                raise _lost(record.id)
            part.replace(cache.path(name))
    finally:
        part.unlink(missing_ok=True)


def _lost(image_id: str) -> Unavailable:
    return Unavailable(f'The wish to cache image {image_id} was taken back.')


def _copy(service: ImageService, cache: ImageCache, record: ImageRecord, lease_id: str, file: int, stopping: threading.Event) -> None:
    """Write the data of an image to a file. Raises Unavailable when they are not what the image says, or the lease is lost."""
    digest = hashlib.new(record.os_hash_algo) if record.os_hash_algo and record.os_hash_value else None
    size, renew_at, copy = 0, monotonic() + _LEASE / 4, SparseFile(file)
    with reading.open_image(service, record) as source:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if stopping.is_set():
                raise Stopped('The process ends.')
            if size > (record.size or 0):
                break
            if digest is not None:
                digest.update(chunk)
            copy.write(chunk)
            if monotonic() >= renew_at:
                renew_at = monotonic() + _LEASE / 4
                with service.db.write() as session:
                    if not queries.renew(session, cache.host, record.id, lease_id, _until()):
                        raise _lost(record.id)
    copy.end()
    if size != record.size or (digest is not None and digest.hexdigest() != record.os_hash_value):
        raise Unavailable(f'The store gives other data for image {record.id} than were uploaded.')


def _put_off(service: ImageService, entry: CacheEntry, lease_id: str, error: Exception) -> None:
    """Queue the image again, later each time; after some attempts forget the wish."""
    stopped = isinstance(error, Stopped)
    attempts = entry.attempts + (0 if stopped else 1)
    wait = 0 if stopped else min(300, 5 * 2**attempts)
    with service.db.write() as session:
        held = queries.change(
            session, entry.host, entry.image_id, expect_lease=lease_id, state=QUEUED, attempts=attempts, lease_until=None,
            retry_at=now() + datetime.timedelta(seconds=wait),
        )  # fmt: skip
        if held and attempts >= _MOST_ATTEMPTS:
            queries.remove(session, entry.host, [entry.image_id])
    if held and not stopped:
        LOG.warning('image %s could not be cached (attempt %d of %d): %s', entry.image_id, attempts, _MOST_ATTEMPTS, error)
