"""Taking the data of an image out of one of its stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, NotFound
from image import images, locations
from image.db import images as image_queries
from image.db import locations as queries
from image.records import ACTIVE

if TYPE_CHECKING:
    from image.service import ImageService


def remove_from_store(service: ImageService, ctx: Context, image_id: str, store_name: str) -> None:
    """Remove the data from one store; other stores keep theirs.

    :raises: NotFound (no such image or store, or the image is not there), Forbidden (also for the last store, a protected image),
        Conflict (the image is not active)
    """
    with service.db.write() as session:
        record = images.find_own(service, ctx, image_id, 'image:locations:delete', session)
        if service.stores.find(store_name) is None:
            raise NotFound('image store', store_name)
        if record.status != ACTIVE:
            raise Conflict(f'Image {image_id} is {record.status}; only an active image can be taken out of a store.')
        if record.protected:
            raise Forbidden(f'Image {image_id} is protected. Unset its "protected" attribute first.')
        chosen = [place for place in record.locations if place.store == store_name and place.status == queries.ACTIVE]
        if not chosen:
            raise NotFound('image data', image_id, message=f'Image {image_id} has no data in store {store_name}.')
        if len(chosen) == sum(place.status == queries.ACTIVE for place in record.locations):
            raise Forbidden(f'Store {store_name} has the only data of image {image_id}. Delete the image instead.')
        held = queries.drop(session, image_id, now(), [place.id for place in chosen])
        image_queries.set_columns(session, image_id, expect={}, updated_at=now())
    locations.purge(service, held)
