"""Where an image's data is, as far as clients are told."""

from __future__ import annotations

from typing import Any

from common.api import Call
from image import images
from image.records import ImageRecord


def shown(call: Call, record: ImageRecord) -> dict[str, Any]:
    """The attributes `stores`, `direct_url` and `locations`, those of them that the options let this caller see."""
    service = call.service
    options, stores = service.options, service.stores
    view: dict[str, Any] = {}
    if stores.chosen and record.locations:
        view['stores'] = ','.join(stores.names_of(record.locations))
    if not (options.show_direct_url or options.show_multiple_locations):
        return view
    if not service.policy.check(call.ctx, 'image:locations:show', images.target(record)):
        return view
    places = stores.in_order(record.locations)
    if options.show_multiple_locations:
        view['locations'] = [{'url': stores.url_of(place), 'metadata': _metadata(stores.chosen, place)} for place in places]
    if options.show_direct_url and places:
        view['direct_url'] = stores.url_of(places[0])
    return view


def _metadata(chosen: bool, place: Any) -> dict[str, Any]:
    """What was noted about the place; with the store's name, where stores have names."""
    return {**place.metadata, **({'store': place.store} if chosen else {})}
