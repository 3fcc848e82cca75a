"""Opening the data of an image, at the first of its places that answers."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, BinaryIO

from common.errors import NotFound, PileusError, Unavailable
from image.records import ImageRecord, LocationRecord

if TYPE_CHECKING:
    from image.service import ImageService

LOG = logging.getLogger(__name__)


def open_image(service: ImageService, record: ImageRecord, start: int = 0, stop: int | None = None) -> BinaryIO:
    """The data of an image as a binary file, seekable; places in heavier stores are tried first, and those that hold less or more are left.

    :param start: where the file stands; `stop` is as far as it will be read, None for the end
    :raises: Unavailable
    """
    for place in service.stores.in_order(record.locations):
        try:
            file = open_place(service, place, start, stop)
            if record.size is not None and (held := _size(file)) not in (None, record.size):
                file.close()
                raise Unavailable('The data there are not those of the image.', admin_detail=f'{held} bytes instead of {record.size}')
            return file
        except (PileusError, OSError) as error:
            LOG.warning('image %s cannot be read from store %s: %s', record.id, place.store, error)
    raise Unavailable(f'The data of image {record.id} cannot be read from any of its stores. Try again, or ask the operator.')


def _size(file: BinaryIO) -> int | None:
    """Bytes of the whole, where that is known."""
    size: int | None = file.size if hasattr(file, 'size') else os.fstat(file.fileno()).st_size
    return size


def open_place(service: ImageService, place: LocationRecord, start: int = 0, stop: int | None = None) -> BinaryIO:
    """The data at one place. Raises NotFound, Unavailable."""
    store = service.stores.find(place.store)
    if store is None:
        raise NotFound('image store', place.store)
    return store.open(place.image_id, place.url, start, stop) if place.is_own else store.open_location(place.url, start, stop)
