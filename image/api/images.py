"""Images: create, list, show, change, delete, activate."""

from __future__ import annotations

import datetime
from typing import Any

from common import clock
from common.api import DELETE, GET, PATCH, POST, Call, Reply, Resource
from common.api.types import Raw
from common.errors import InvalidInput
from common.policy import ADMIN, MEMBER, READER, SERVICE, Rule
from image import images, patch
from image.api import places
from image.api.schemas import IMAGE_PROPERTIES, NULL
from image.records import MEMBER_STATUSES, READ_ONLY, VISIBILITIES, ImageFilter, ImageRecord

RULES = [
    Rule('image:images:list', READER, 'List images'),
    Rule('image:images:show', READER, 'Show an image'),
    Rule('image:images:create', MEMBER, 'Register an image'),
    Rule('image:images:update', MEMBER, 'Change an image'),
    Rule('image:images:delete', MEMBER, 'Delete an image'),
    Rule('image:images:publicize', ADMIN, 'Make an image public'),
    Rule('image:images:communitize', MEMBER, 'Make an image visible to everybody who asks for it'),
    Rule('image:images:deactivate', MEMBER, 'Take the data of an image out of use'),
    Rule('image:images:reactivate', MEMBER, 'Put the data of an image into use again'),
    Rule('image:locations:show', READER, 'See where the data of an image is'),
    Rule('image:locations:set', MEMBER, 'Tell where the data of an image is'),
    Rule('image:locations:add', MEMBER, 'Give an image its data by telling where it is'),
    Rule('image:locations:delete', ADMIN, 'Take the data of an image out of one of its places'),
    Rule('image:locations:fetch', SERVICE, 'List where the data of an image is, for services'),
    Rule('image:data:upload', MEMBER, 'Upload the data of an image'),
    Rule(
        'image:data:download', f'{READER} or "public":%(visibility)s or "community":%(visibility)s or "shared":%(visibility)s', 'Download'
    ),
    Rule('image:members:list', READER, 'List whom an image is shared with'),
    Rule('image:members:add', MEMBER, 'Share an image'),
    Rule('image:members:remove', MEMBER, 'Take a shared image back'),
    Rule('image:members:update', MEMBER, 'Accept or reject a shared image'),
]
_PATCH_TYPES = ('application/openstack-images-v2.1-json-patch', 'application/openstack-images-v2.0-json-patch')
_SORT = ('name', 'status', 'container_format', 'disk_format', 'size', 'id', 'created_at', 'updated_at')
_MATCHES = {
    'name': str,
    'status': str,
    'id': str,
    'owner': str,
    'container_format': str,
    'disk_format': str,
    'checksum': str,
    'os_hash_value': str,
}
_NUMBERS = ('size', 'min_disk', 'min_ram')
_MOST = 1000
_PAGE = 25


def view(record: ImageRecord) -> dict[str, Any]:
    """An image as clients see it: custom properties stand next to the attributes."""
    base = f'/v2/images/{record.id}'
    return {
        **record.properties,
        'name': record.name,
        'disk_format': record.disk_format,
        'container_format': record.container_format,
        'visibility': record.visibility,
        'size': record.size,
        'virtual_size': record.virtual_size,
        'status': record.status,
        'checksum': record.checksum,
        'protected': record.protected,
        'min_ram': record.min_ram,
        'min_disk': record.min_disk,
        'owner': record.owner,
        'os_hidden': record.os_hidden,
        'os_hash_algo': record.os_hash_algo,
        'os_hash_value': record.os_hash_value,
        'id': record.id,
        'created_at': clock.iso(record.created_at),
        'updated_at': clock.iso(record.updated_at),
        'tags': record.tags,
        'self': base,
        'file': f'{base}/file',
        'schema': '/v2/schemas/image',
    }


def full_view(call: Call, record: ImageRecord) -> dict[str, Any]:
    """An image with where its data is, as far as this caller may know."""
    return view(record) | places.shown(call, record)


def list_images(call: Call) -> Reply:
    """A page of images."""
    page = call.paging('created_at:desc,id:desc')
    sort = list(page.sort)
    if 'id' not in dict(sort):
        sort.append(('id', sort[-1][1]))
    limit = page.given if page.given is not None else _PAGE
    found = images.list_page(call.service, call.ctx, _filter(call.query), sort, min(limit, _MOST), page.marker) if limit else []
    answer: dict[str, Any] = {
        'images': [full_view(call, record) for record in found],
        'first': _link(call, None),
        'schema': '/v2/schemas/images',
    }
    if found and len(found) == min(limit, _MOST):
        answer['next'] = _link(call, found[-1].id)
    return Reply(answer, wrap=False)


def _link(call: Call, marker: str | None) -> str:
    import urllib.parse

    pairs = [(k, v) for k, v in urllib.parse.parse_qsl(call.environ.get('QUERY_STRING', ''), keep_blank_values=True) if k != 'marker']
    if marker is not None:
        pairs.append(('marker', marker))
    return '/v2/images' + (f'?{urllib.parse.urlencode(pairs)}' if pairs else '')


def _filter(query: dict[str, Any]) -> ImageFilter:
    """What the query narrows the list to; what is no attribute is a custom property."""
    columns: dict[str, list[object]] = {}
    properties: dict[str, str] = {}
    rest: dict[str, Any] = {}
    times: list[tuple[str, str, datetime.datetime]] = []
    tags: list[str] = []
    for name, value in query.items():
        text = str(value)
        if name in _MATCHES:
            columns[name] = list(text[3:].strip('"').split(',')) if text.startswith('in:') else [text]
        elif name in _NUMBERS or name in ('size_min', 'size_max'):
            number = _number(name, text)
            if name in _NUMBERS:
                columns[name] = [number]
            else:
                rest[name] = number
        elif name == 'protected':
            columns[name] = [_boolean(name, text)]
        elif name == 'os_hidden':
            rest[name] = _boolean(name, text)
        elif name == 'visibility':
            rest[name] = _choice(name, text, (*VISIBILITIES, 'all'))
        elif name == 'member_status':
            rest[name] = _choice(name, text, (*MEMBER_STATUSES, 'all'))
        elif name in ('created_at', 'updated_at'):
            times.append(_time(name, text))
        elif name == 'tag':
            tags += value if isinstance(value, list) else [text]
        else:
            properties[name] = text
    return ImageFilter(columns=columns, properties=properties, tags=tuple(tags), times=tuple(times), **rest)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise InvalidInput(f'{name} is a whole number of bytes, not {text[:40]!r}.', field=name)
    return int(text)


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ('true', 'false'):
        raise InvalidInput(f'{name} is true or false, not {text[:40]!r}.', field=name)
    return text.lower() == 'true'


def _choice(name: str, text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise InvalidInput(f'{name} is one of {", ".join(known)}, not {text[:40]!r}.', field=name)
    return text


def _time(name: str, text: str) -> tuple[str, str, datetime.datetime]:
    compare, colon, moment = text.partition(':')
    if not colon or compare not in ('gt', 'gte', 'lt', 'lte', 'eq', 'neq'):
        compare, moment = 'eq', text
    try:
        found = datetime.datetime.fromisoformat(moment.replace('Z', '+00:00'))
    except ValueError:
        raise InvalidInput(f'{name} is a time like gte:2026-01-31T10:00:00Z, not {text[:40]!r}.', field=name) from None
    if found.tzinfo is not None:
        found = found.astimezone(datetime.UTC).replace(tzinfo=None)
    return name, compare, found


def create_image(call: Call) -> Reply:
    """Register an image."""
    record = images.create(call.service, call.ctx, call.body)
    headers = {'Location': call.url(f'/v2/images/{record.id}')}
    if call.service.options.import_methods:
        headers['OpenStack-image-import-methods'] = ','.join(call.service.options.import_methods)
    if call.service.stores.chosen:
        headers['OpenStack-image-store-ids'] = ','.join(call.service.stores.writable)
    return Reply(full_view(call, record), headers=headers)


def show_image(call: Call) -> dict[str, Any]:
    """One image."""
    return full_view(call, images.find(call.service, call.ctx, call.params['id']))


def update_image(call: Call) -> dict[str, Any]:
    """Apply a JSON patch."""
    return full_view(call, patch.apply(call.service, call.ctx, call.params['id'], patch.parse(call.body)))


def delete_image(call: Call) -> None:
    """Remove it."""
    images.delete(call.service, call.ctx, call.params['id'])


def deactivate(call: Call) -> None:
    """Take its data out of use."""
    images.set_activity(call.service, call.ctx, call.params['id'], active=False)


def reactivate(call: Call) -> None:
    """Put its data into use again."""
    images.set_activity(call.service, call.ctx, call.params['id'], active=True)


_WRITABLE = {name: schema for name, schema in IMAGE_PROPERTIES.items() if name not in READ_ONLY}
CREATE = Raw(
    {'type': 'object', 'properties': {**_WRITABLE, **{name: {} for name in READ_ONLY}}, 'additionalProperties': {'type': 'string'}},
    'an object of image attributes; custom properties are texts',
)
_PATCH = Raw(
    {
        'type': 'array',
        'maxItems': 1000,
        'items': {
            'type': 'object',
            'properties': {name: {'type': 'string', 'maxLength': 600} for name in ('op', 'path', 'add', 'replace', 'remove')}
            | {'value': {}},
            'additionalProperties': False,
        },
    },
    'a list of changes',
)
_RESPONSE = {'type': 'object', 'properties': IMAGE_PROPERTIES, 'additionalProperties': {'type': NULL}}

IMAGES = Resource(
    'images',
    'image',
    sort=_SORT,
    rules=RULES,
    routes=[
        GET('/v2/images', list_images, policy='image:images:list', paging=True),
        POST('/v2/images', create_image, policy='image:images:create', ok=201, body=CREATE, response=_RESPONSE),
        GET('/v2/images/{id}', show_image, policy='image:images:show', response=_RESPONSE),
        PATCH('/v2/images/{id}', update_image, policy='image:images:update', body=_PATCH, content_types=_PATCH_TYPES, response=_RESPONSE),
        DELETE('/v2/images/{id}', delete_image, policy='image:images:delete'),
        POST('/v2/images/{id}/actions/deactivate', deactivate, policy='image:images:deactivate', ok=204, body=None),
        POST('/v2/images/{id}/actions/reactivate', reactivate, policy='image:images:reactivate', ok=204, body=None),
    ],
)
