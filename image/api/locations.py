"""Where the data of an image is: told by those who put it there, listed for services."""

from __future__ import annotations

from typing import Any

from common.api import GET, POST, Call, Reply, Resource
from common.api.answers import answer
from common.api.types import Raw
from image import images, location_adding
from image.api.images import full_view


def list_locations(call: Call) -> Reply:
    """Where it is."""
    return Reply(location_adding.places_of(call.service, call.ctx, call.params['id']), wrap=False)


def add_location(call: Call) -> Reply:
    """Give the image the data at a URL."""
    body: dict[str, Any] = call.body
    location_adding.add(call.service, call.ctx, call.params['id'], body['url'], body.get('validation_data'))
    return Reply(full_view(call, images.find(call.service, call.ctx, call.params['id'])), wrap=False)


_ADD = Raw(
    {
        'type': 'object',
        'properties': {'url': {'type': 'string', 'minLength': 1, 'maxLength': 2048}, 'validation_data': {'type': ['object', 'null']}},
        'required': ['url'],
    },
    'the URL of the data, and its hashes if they are known',
)
_PLACES = answer([{'url': str, 'metadata': dict}])

LOCATIONS = Resource(
    'locations',
    routes=[
        GET('/v2/images/{id}/locations', list_locations, policy='image:locations:fetch', listing=False, response=_PLACES),
        POST('/v2/images/{id}/locations', add_location, policy='image:locations:add', ok=202, body=_ADD, response=answer({'id': str})),
    ],
)
