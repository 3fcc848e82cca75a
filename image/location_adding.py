"""Giving an image its data by telling where it is, and telling services where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from image import images, location_urls, quotas, tasks
from image.db import images as image_queries
from image.db import locations as queries
from image.location_urls import NamedPlace
from image.operations.add_location import ADD_LOCATION
from image.records import IMPORTING, QUEUED, ImageRecord

if TYPE_CHECKING:
    from common.db.session import Session
    from image.service import ImageService

_ADD = 'image:locations:add'


def add(service: ImageService, ctx: Context, image_id: str, url: str, validation_data: Any) -> None:
    """Begin to give a queued image the data at a URL; goes on after the request.

    :param validation_data: `os_hash_algo` and `os_hash_value`, perhaps `checksum`, or nothing
    :raises: NotFound, Forbidden, Conflict (not queued), InvalidInput, OverQuota
    """
    with service.db.read() as session:
        owner = _check_state(images.find_own(service, ctx, image_id, _ADD, session)).owner
    hashes = location_urls.hashes_of(validation_data)
    place = location_urls.look_at(service, url)
    wanted = quotas.UPLOAD | {quotas.SIZE: place.size or 0}
    quotas.enforced(service, owner, wanted, lambda session: _begin(service, session, ctx, image_id, place, hashes))


def _begin(service: ImageService, session: Session, ctx: Context, image_id: str, place: NamedPlace, hashes: dict[str, str]) -> None:
    """Everything of the beginning, in one transaction."""
    options = service.options
    _check_state(images.find_own(service, ctx, image_id, _ADD, session))
    queries.add(session, image_id, place.store, place.url, {}, now(), status=queries.UNVERIFIED)
    values = {'status': IMPORTING, 'size': place.size, 'reserved_size': place.size or 0, 'updated_at': now()}
    if not image_queries.set_columns(session, image_id, expect={'status': QUEUED}, **values):
        raise Conflict(f'Image {image_id} is being changed by somebody else. Try again.')
    given = {'image_id': image_id, 'loc_url': place.url, 'validation_data': hashes}
    task = tasks.begin(session, ctx, tasks.LOCATION_IMPORT, image_id, given)
    params = {
        'task': task.id, 'task_hours': options.task_hours, 'url': place.url, 'hashes': hashes, 'hash': options.do_secure_hash,
        'algorithm': options.hash_algorithm,
    }  # fmt: skip
    service.ops.start(session, ctx, ADD_LOCATION, image_id, params=params)


def _check_state(record: ImageRecord) -> ImageRecord:
    if record.status != QUEUED:
        raise Conflict(f'A location can be added to a queued image only; image {record.id} is {record.status}.')
    if not record.container_format or not record.disk_format:
        raise InvalidInput('Properties disk_format, container_format must be set prior to adding a location.', field='disk_format')
    return record


def places_of(service: ImageService, ctx: Context, image_id: str) -> list[dict[str, Any]]:
    """Where the data of an image is, with what is noted about it; for services and administrators. Raises NotFound, Forbidden."""
    with service.db.read() as session:
        record = image_queries.get_image(session, image_id) if len(image_id) <= 36 else None
        if record is None:
            raise NotFound('image', image_id, message=f'No image found with ID {image_id[:255]}')
    if not service.policy.check(ctx, 'image:locations:fetch', images.target(record)):
        raise Forbidden('You are not permitted to see where the data of this image is.')
    stores = service.stores
    return [
        {'url': stores.url_of(place), 'metadata': {**place.metadata, 'store': place.store}} for place in stores.in_order(record.locations)
    ]
