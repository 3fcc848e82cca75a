"""Copies of image data on the disk of a host, for images whose own store is slow.

A copy is a file `<image id>.<beginning of the hash>` in the cache's directory. It gets this name when it is whole, verified
and on disk, so a file with such a name is always the image's data, whatever died when. The table says what is there, when
it was used and what waits; `clean` makes directory and table agree again. `cache_fetch` makes the copies.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from common.clock import now
from common.context import Context
from common.errors import InvalidInput, NotFound
from common.ids import is_uuid
from image import images
from image.db import cache as queries
from image.db import images as image_queries
from image.db.cache import CACHED, FETCHING, QUEUED, CacheEntry
from image.records import ACTIVE, ImageRecord

if TYPE_CHECKING:
    from image.service import ImageService

PART = '.part'
CLEARABLE = ('cache', 'queue', '')


@dataclasses.dataclass(slots=True)
class ImageCache:
    """The cache of one host.

    :param max_size: bytes that the copies may have together
    :param bell: called when something was queued, so that it is fetched soon
    """

    directory: pathlib.Path
    max_size: int
    host: str
    bell: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)

    def path(self, name: str) -> pathlib.Path:
        """Where a copy is or will be."""
        return self.directory / name

    def unlink(self, image_id: str) -> None:
        """Remove the copies of an image (a valid id), not those under construction: they have an owner."""
        for path in self.directory.glob(f'{image_id}.*'):
            if path.suffix != PART:
                path.unlink(missing_ok=True)


def file_name(record: ImageRecord) -> str:
    """The name of the copy of these data: another hash is another file."""
    return f'{record.id}.{(record.os_hash_value or record.checksum or f"{record.size}")[:16]}'


def the_cache(service: ImageService) -> ImageCache:
    """The cache of this host. Raises NotFound where the operator has none."""
    if service.cache is None:
        raise NotFound(message='There is no image cache on this host; see [image] cache_max_size.')
    return service.cache


# -- using it


def open_cached(service: ImageService, record: ImageRecord) -> BinaryIO | None:
    """The data of an image from the cache, opened; None when it is not there. Counts the use."""
    cache = service.cache
    if cache is None:
        return None
    try:
        file = cache.path(file_name(record)).open('rb')
    except FileNotFoundError:
        return None
    if os.fstat(file.fileno()).st_size != record.size:
        file.close()
        drop(service, [record.id])
        return None
    with service.db.write() as session:
        queries.count_hit(session, cache.host, record.id, now())
    return file


def queue(service: ImageService, ctx: Context, image_id: str) -> None:
    """Ask for a copy on this host. Raises NotFound, InvalidInput for an image without data or larger than the cache."""
    cache = the_cache(service)
    with service.db.write() as session:
        record = images.find(service, ctx, image_id, session)
        if record.status != ACTIVE:
            raise InvalidInput(f'Image {image_id} has the status {record.status}; only an active image can be cached.')
        if (record.size or 0) > cache.max_size:
            raise InvalidInput(f'Image {image_id} has {record.size} bytes, the cache holds {cache.max_size} at most.')
        queries.queue(session, cache.host, image_id, file_name(record), now())
    cache.bell()


def wish(service: ImageService, record: ImageRecord, source: BinaryIO) -> None:
    """Queue an image that is about to be read from a slow store, where it fits; quietly, since nobody asked for it.

    :param source: the opened data; a file of this host is not slow
    """
    cache = service.cache
    if cache is None or _is_local(source) or record.status != ACTIVE or (record.size or 0) > cache.max_size:
        return
    with service.db.read() as session:
        known = queries.get_entry(session, cache.host, record.id)
    if known is None or known.state == CACHED and known.file != file_name(record):
        with service.db.write() as session:
            if image_queries.get_image(session, record.id) is not None:
                queries.queue(session, cache.host, record.id, file_name(record), now())
        cache.bell()


def _is_local(source: BinaryIO) -> bool:
    try:
        return source.fileno() >= 0
    except (AttributeError, OSError):
        return False


def entries(service: ImageService) -> tuple[list[CacheEntry], list[str]]:
    """The copies of this host, and the ids of images that wait for one. Raises NotFound without a cache."""
    cache = the_cache(service)
    with service.db.read() as session:
        found = queries.list_entries(session, cache.host)
    waiting = sorted((entry for entry in found if entry.state != CACHED), key=lambda entry: entry.queued_at)
    return [entry for entry in found if entry.state == CACHED], [entry.image_id for entry in waiting]


def hosts(service: ImageService, ctx: Context, image_id: str) -> list[str]:
    """The hosts that have a copy of the image. Raises NotFound."""
    the_cache(service)
    with service.db.read() as session:
        images.find(service, ctx, image_id, session)
        return queries.hosts_of(session, image_id)


# -- forgetting


def delete(service: ImageService, image_id: str) -> None:
    """Forget one copy, or the wish for it. Raises NotFound when there is neither."""
    the_cache(service)
    if not is_uuid(image_id) or not drop(service, [image_id]):
        raise NotFound('cached image', image_id, message=f'Image {image_id[:255]} is neither cached nor queued on this host.')


def clear(service: ImageService, what: str) -> None:
    """Forget all copies ('cache'), all wishes ('queue'), or both ('')."""
    cache = the_cache(service)
    if what not in CLEARABLE:
        raise InvalidInput(
            "x-image-cache-clear-target is 'cache' or 'queue'; without it both are cleared.", field='x-image-cache-clear-target'
        )
    states = {'cache': (CACHED,), 'queue': (QUEUED, FETCHING), '': (CACHED, QUEUED, FETCHING)}[what]
    with service.db.read() as session:
        found = [entry.image_id for entry in queries.list_entries(session, cache.host, *states)]
    drop(service, found, *states)


def drop(service: ImageService, image_ids: list[str], *states: str) -> int:
    """Forget copies and wishes (in one of the states); row first, then the file. Returns how many there were."""
    cache = service.cache
    if cache is None or not image_ids:
        return 0
    dropped = 0
    for first in range(0, len(image_ids), 200):
        with service.db.write() as session:
            dropped += queries.remove(session, cache.host, image_ids[first : first + 200], *states)
    if not states or CACHED in states:
        for image_id in image_ids:
            cache.unlink(image_id)
    return dropped


# -- keeping house


def make_room(service: ImageService, wanted: int = 0) -> tuple[int, int]:
    """Forget the least recently used copies until `wanted` bytes more fit. Returns how many were forgotten, and their bytes."""
    cache = the_cache(service)
    with service.db.read() as session:
        found = queries.list_entries(session, cache.host, CACHED)
    too_much = sum(entry.size for entry in found) + wanted - cache.max_size
    files = freed = 0
    for entry in found:
        if freed >= too_much:
            break
        drop(service, [entry.image_id], CACHED)
        files, freed = files + 1, freed + entry.size
    return files, freed


def clean(service: ImageService) -> int:
    """Make directory and table agree: rows without their file go, and files that no row or fetch owns. Returns how many."""
    cache = the_cache(service)
    # The directory is read first: what appears in it afterwards is not judged.
    present = {entry.name for entry in os.scandir(cache.directory)}
    with service.db.read() as session:
        found = queries.list_entries(session, cache.host)
    owned = {entry.file for entry in found if entry.file} | {
        f'{entry.image_id}.{entry.lease_id}{PART}' for entry in found if entry.state == FETCHING
    }
    lost = [entry.image_id for entry in found if entry.state == CACHED and not (entry.file and cache.path(entry.file).exists())]
    drop(service, lost, CACHED)
    strays = sorted(present - owned)
    for name in strays:
        with contextlib.suppress(FileNotFoundError):
            cache.path(name).unlink()
    return len(lost) + len(strays)
