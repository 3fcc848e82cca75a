"""Images, up to microversion 2.35 (their metadata up to 2.38): proxies of the image service's API."""

from __future__ import annotations

import urllib.parse
from typing import Any

from common.api import DELETE, GET, Call, Reply, Resource
from common.api.metadata import metadata_routes
from common.api.types import Raw
from common.policy import ANYONE, Rule
from compute import image_proxy
from compute.api import answers
from compute.api.server_schemas import METADATA
from compute.api.server_view import links
from compute.image_properties import metadata_of

# Whether the caller may is the image service's to say, which gets the caller's token.
_ASK = Rule('compute:images:proxy', ANYONE, 'Ask for images through compute; the image service decides')
_LAST, _LAST_METADATA = '2.35', '2.38'


def _images(call: Call) -> Any:
    return image_proxy.client(call.service, call.ctx, call.token)


def _brief(call: Call, image: dict[str, Any]) -> dict[str, Any]:
    alternate = {'rel': 'alternate', 'type': 'application/vnd.openstack.image', 'href': call.url(f'/images/{image["id"]}')}
    return {'id': image['id'], 'name': image['name'], 'links': [*links(call, 'images', image['id']), alternate]}


def view(call: Call, image: dict[str, Any]) -> dict[str, Any]:
    """An image as clients of this API see it."""
    status, progress = image_proxy.shown_status(image)
    metadata = metadata_of(image)
    body = {
        **_brief(call, image),
        'status': status,
        'progress': progress,
        'minDisk': image['min_disk'],
        'minRam': image['min_ram'],
        'created': image['created_at'],
        'updated': image['updated_at'],
        'metadata': metadata,
        'OS-EXT-IMG-SIZE:size': image['size'] or 0,
    }
    if metadata.get('auto_disk_config'):
        body['OS-DCF:diskConfig'] = 'AUTO' if metadata['auto_disk_config'].lower() == 'true' else 'MANUAL'
    if metadata.get('instance_uuid'):
        server = metadata['instance_uuid']
        body['server'] = {'id': server, 'links': links(call, 'servers', server)}
    return body


def _page(call: Call, make: Any, path: str) -> Reply:
    found = image_proxy.list_images(_images(call), call.query)
    body: dict[str, Any] = {'images': [make(call, image) for image in found]}
    limit = call.query.get('limit')
    if limit is not None and found and len(found) == int(limit):
        query = urllib.parse.urlencode({**call.query, 'marker': found[-1]['id']})
        body['images_links'] = [{'rel': 'next', 'href': call.url(f'{path}?{query}')}]
    return Reply(body, wrap=False)


def list_images(call: Call) -> Reply:
    """Ids and names."""
    return _page(call, _brief, '/v2.1/images')


def list_details(call: Call) -> Reply:
    """All that is said of them."""
    return _page(call, view, '/v2.1/images/detail')


def show_image(call: Call) -> Reply:
    """One image."""
    return Reply({'image': view(call, image_proxy.find(_images(call), call.params['id']))}, wrap=False)


def delete_image(call: Call) -> None:
    """Remove it."""
    image_proxy.delete(_images(call), call.params['id'])


def show_metadata(call: Call) -> dict[str, str]:
    """Its properties."""
    return metadata_of(image_proxy.find(_images(call), call.params['id']))


def change_metadata(call: Call, changes: dict[str, str], *, replace: bool = False, remove: str | None = None) -> dict[str, str]:
    """Add to them, replace them, or remove one."""
    images, image_id = _images(call), call.params['id']
    if remove is not None:
        return image_proxy.remove_item(images, image_id, remove)
    return image_proxy.change_metadata(images, image_id, changes, replace=replace)


_COUNT = {'type': 'string', 'pattern': '^[0-9]{1,18}$', 'x-says': 'a whole number'}
_QUERY = {
    'type': 'object',
    'properties': {'limit': _COUNT, 'minDisk': _COUNT, 'minRam': _COUNT},
    'additionalProperties': True,
}
_TEXTS = Raw(METADATA, 'an object of texts')
_IMAGES, _ONE = '/v2.1/{project}/images', '/v2.1/{project}/images/{id}'
_SHARED = {'policy': _ASK, 'until': _LAST}

IMAGES = Resource(
    'images',
    'image',
    rules=[_ASK],
    routes=[
        GET(_IMAGES, list_images, query=_QUERY, paging=False, response=answers.IMAGES, **_SHARED),
        GET(f'{_IMAGES}/detail', list_details, query=_QUERY, paging=False, response=answers.IMAGES, **_SHARED),
        GET(_ONE, show_image, response=answers.IMAGE, **_SHARED),
        DELETE(_ONE, delete_image, **_SHARED),
        *metadata_routes(
            f'{_ONE}/metadata',
            show=show_metadata,
            change=change_metadata,
            read=_ASK.name,
            write=_ASK.name,
            values=_TEXTS,
            until=_LAST_METADATA,
        ),
    ],
)
