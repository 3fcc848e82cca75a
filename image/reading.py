"""Opening the data of an image, at the first of its places that answers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, BinaryIO

from common.errors import NotFound, PileusError, Unavailable
from image.records import ImageRecord, LocationRecord

if TYPE_CHECKING:
    from image.service import ImageService

LOG = logging.getLogger(__name__)


def open_image(service: ImageService, record: ImageRecord) -> BinaryIO:
    """The data of an image as a binary file, seekable; places in heavier stores are tried first. Raises Unavailable."""
    for place in service.stores.in_order(record.locations):
        try:
            return open_place(service, place)
        except (PileusError, OSError) as error:
            LOG.warning('image %s cannot be read from store %s: %s', record.id, place.store, error)
    raise Unavailable(f'The data of image {record.id} cannot be read from any of its stores. Try again, or ask the operator.')


def open_place(service: ImageService, place: LocationRecord) -> BinaryIO:
    """The data at one place. Raises NotFound, Unavailable."""
    store = service.stores.find(place.store)
    if store is None:
        raise NotFound('image store', place.store)
    return store.open(place.image_id, place.url) if place.is_own else store.open_location(place.url)
