"""Images through the compute API, as clients of microversions up to 2.35 see them. The image service decides who may do what:
it is asked with the caller's own token."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, NotFound
from compute.image_properties import ATTRIBUTES, metadata_of

if TYPE_CHECKING:
    from common.context import Context
    from common.rest import RestClient
    from compute.service import ComputeService

MOST = 1000
_PATCH = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}
_SHOWN = {'active': 'ACTIVE', 'queued': 'SAVING', 'saving': 'SAVING', 'uploading': 'SAVING', 'importing': 'SAVING', 'killed': 'ERROR'}
_MEANT = {'ACTIVE': 'active', 'SAVING': 'in:queued,saving,uploading,importing', 'ERROR': 'killed', 'DELETED': 'deleted'}
_PROGRESS = {'active': 100, 'queued': 25, 'saving': 50}
_FILTERS = {'name': 'name', 'minDisk': 'min_disk', 'minRam': 'min_ram', 'type': 'image_type', 'limit': 'limit', 'marker': 'marker'}


def client(service: ComputeService, ctx: Context, token: str | None) -> RestClient:
    """The image API in the name of the caller."""
    return service.image.acting_as(token or '').with_context(ctx)


def find(images: RestClient, image_id: str) -> dict[str, Any]:
    """An image as the image service shows it. Raises NotFound."""
    try:
        return dict(images.get(f'/v2/images/{_quoted(image_id)}'))
    except NotFound:
        raise NotFound(message='Image not found.') from None


def delete(images: RestClient, image_id: str) -> None:
    """Remove it. Raises NotFound, Forbidden."""
    try:
        images.delete(f'/v2/images/{_quoted(image_id)}')
    except NotFound:
        raise NotFound(message='Image not found.') from None


def list_images(images: RestClient, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A page of images. `asked` are filters as this API names them. Raises InvalidInput."""
    query: dict[str, Any] = {'limit': MOST}
    for name, value in asked.items():
        if name in _FILTERS:
            query[_FILTERS[name]] = value
        elif name == 'status':
            query['status'] = _MEANT.get(str(value).upper(), str(value).lower())
        elif name == 'server':
            query['instance_uuid'] = str(value).rstrip('/').rpartition('/')[2]
        elif name == 'changes-since':
            query['updated_at'] = f'gte:{value}'
        elif name.startswith('property-'):
            query[name.removeprefix('property-')] = value
    return list(images.get(f'/v2/images?{urllib.parse.urlencode(query)}')['images'])


def shown_status(image: Mapping[str, Any]) -> tuple[str, int]:
    """(status, progress) in the words of this API."""
    return _SHOWN.get(image['status'], 'UNKNOWN'), _PROGRESS.get(image['status'], 0)


def change_metadata(images: RestClient, image_id: str, changes: Mapping[str, str], *, replace: bool = False) -> dict[str, str]:
    """Add to the metadata, or replace it; gives what results. Raises NotFound, Forbidden, InvalidInput, TooLarge."""
    taken = sorted(ATTRIBUTES & set(changes))
    if taken:
        raise InvalidInput(f'{taken[0]} is an attribute of images and cannot be a key of their metadata.', field='metadata')
    current = metadata_of(find(images, image_id))
    gone = [name for name in current if name not in changes] if replace else []
    patch = [{'op': 'remove', 'path': _pointer(name)} for name in gone]
    patch += [{'op': 'replace' if name in current else 'add', 'path': _pointer(name), 'value': value} for name, value in changes.items()]
    return _patched(images, image_id, patch)


def remove_item(images: RestClient, image_id: str, key: str) -> dict[str, str]:
    """Remove one item; gives what is left. Raises NotFound, also for one that is not there."""
    if key not in metadata_of(find(images, image_id)):
        raise NotFound('metadata item', key)
    return _patched(images, image_id, [{'op': 'remove', 'path': _pointer(key)}])


def _patched(images: RestClient, image_id: str, patch: list[dict[str, Any]]) -> dict[str, str]:
    if not patch:
        return metadata_of(find(images, image_id))
    image = images.request('PATCH', f'/v2/images/{_quoted(image_id)}', data=json.dumps(patch).encode(), headers=_PATCH)
    return metadata_of(image)


def _pointer(name: str) -> str:
    """A key as RFC 6901 writes it."""
    return '/' + name.replace('~', '~0').replace('/', '~1')


def _quoted(image_id: str) -> str:
    return urllib.parse.quote(image_id[:255], safe='')
