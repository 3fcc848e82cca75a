"""Version 1 of the API, for clients that know no other: metadata in headers, data in the body of the same request.

The rules are those of version 2, by the same functions: what is public, `is_public` says; what is not is `shared`, with members.
"""

from __future__ import annotations

from common.api import DELETE, GET, HEAD, POST, PUT, Call, Reply, Resource
from common.api.answers import answer
from common.api.schema import Validator
from common.errors import NotFound, PileusError
from image import fetching, images, patch
from image.api import image_data
from image.api.images import CREATE
from image.api.transferring import transfer
from image.api.v1 import data, headers, lists, views
from image.api.v1.headers import Meta
from image.patch import Change
from image.records import ACTIVE, DEACTIVATED, RESERVED_PREFIX, ImageRecord

_OCTETS = 'application/octet-stream'
_CHECK = Validator(CREATE.schema(), 'image')


def show_image(call: Call) -> Reply:
    """The metadata of an image, as headers."""
    record = images.find(call.service, call.ctx, call.params['id'])
    return Reply(headers=_headers(record))


def get_data(call: Call) -> Reply:
    """The data of an image, with its metadata as headers."""
    record = images.find(call.service, call.ctx, call.params['id'])
    if record.status not in (ACTIVE, DEACTIVATED):
        raise NotFound('image', record.id, message=f'Image {record.id} is not active: it has no data yet.')
    more = _headers(record)
    reply = image_data.get_data(call)
    reply.headers += more
    return reply


def _headers(record: ImageRecord) -> list[tuple[str, str]]:
    tag = [('ETag', record.checksum)] if record.checksum else []
    return [*headers.write(views.view(record)), *tag]


@transfer
def create_image(call: Call) -> Reply:
    """Register an image, with its data where the request has some or says where it is."""
    meta = headers.read(call.environ)
    body = {**meta.attributes, 'visibility': 'public' if meta.public else 'shared', **meta.properties}
    _CHECK({name: value for name, value in body.items() if value is not None or name not in ('id', 'owner')})
    body = {name: value for name, value in body.items() if value is not None}
    read = data.body(call, meta)
    if meta.rest.get('copy_from'):
        fetching.check_url(call.service, meta.rest['copy_from'])
    # What cannot be begun leaves nothing; a protected image could not be taken back.
    protect = read is None and body.pop('protected', False)
    record = images.create(call.service, call.ctx, body)
    try:
        data.fill(call, record.id, meta, read)
        if protect:
            patch.apply(call.service, call.ctx, record.id, [Change('replace', ('protected',), True)])
    except PileusError:
        if read is None:
            images.delete(call.service, call.ctx, record.id)
        raise
    return _answer(call, record.id, {'Location': call.url(f'/v1/images/{record.id}')})


@transfer
def update_image(call: Call) -> Reply:
    """Change metadata; and give a queued image its data."""
    meta = headers.read(call.environ)
    read = data.body(call, meta)
    image_id = call.params['id']
    record = images.find(call.service, call.ctx, image_id)
    if read is not None or meta.rest.get('copy_from') or meta.rest.get('location'):
        images.check_data_allowed(_with(record, meta))
    purge = read is None and headers.truth('x-glance-registry-purge-props', call.header('X-Glance-Registry-Purge-Props') or 'true')
    patch.apply(call.service, call.ctx, image_id, _changes(record, meta, purge))
    data.fill(call, image_id, meta, read)
    return _answer(call, image_id)


def _with(record: ImageRecord, meta: Meta) -> ImageRecord:
    """The image as it will be, as far as it matters for data."""
    for name in ('disk_format', 'container_format'):
        setattr(record, name, meta.attributes.get(name) or getattr(record, name))
    return record


def _changes(record: ImageRecord, meta: Meta, purge: bool) -> list[Change]:
    """The headers as the patch that they ask for; what is as it should be is left out."""
    found = [
        Change('replace', (name,), value)
        for name, value in meta.attributes.items()
        if name != 'id' and value is not None and value != getattr(record, name)
    ]
    if meta.public is not None and meta.public != (record.visibility == 'public'):
        found.append(Change('replace', ('visibility',), 'public' if meta.public else 'shared'))
    found += [Change('add', (name,), value) for name, value in meta.properties.items()]
    if purge:
        gone = [name for name in record.properties if name not in meta.properties and not name.startswith(RESERVED_PREFIX)]
        found += [Change('remove', (name,), None) for name in gone]
    return found


def _answer(call: Call, image_id: str, more: dict[str, str] | None = None) -> Reply:
    record = images.find(call.service, call.ctx, image_id)
    tag = {'ETag': record.checksum} if record.checksum else {}
    return Reply({'image': views.view(record)}, headers={**(more or {}), **tag}, wrap=False)


def delete_image(call: Call) -> Reply:
    """Remove it."""
    images.delete(call.service, call.ctx, call.params['id'])
    return Reply(raw=b'')


_BRIEF = {'id': str, 'name': (str, None), 'disk_format': (str, None), 'container_format': (str, None), 'size': int, 'checksum': (str, None)}
_WHOLE = {
    **_BRIEF, 'status': str, 'virtual_size': (int, None), 'is_public': bool, 'protected': bool, 'owner': (str, None), 'min_disk': int,
    'min_ram': int, 'created_at': str, 'updated_at': str, 'deleted': bool, 'deleted_at': None, 'properties': {str: str},
}  # fmt: skip
_ONE = answer({'image': _WHOLE})
IMAGES_V1 = Resource(
    'images',
    'image',
    sort=lists.SORT,
    routes=[
        GET('/v1/images', lists.list_images, policy='image:images:list', paging=True, response=answer({'images': [_BRIEF]})),
        GET('/v1/images/detail', lists.list_details, policy='image:images:list', paging=True, response=answer({'images': [_WHOLE]})),
        POST(
            '/v1/images',
            create_image,
            policy='image:images:create',
            ok=201,
            body=None,
            stream=True,
            content_types=(_OCTETS,),
            response=_ONE,
        ),
        PUT('/v1/images/{id}', update_image, policy='image:images:update', body=None, stream=True, content_types=(_OCTETS,), response=_ONE),
        DELETE('/v1/images/{id}', delete_image, policy='image:images:delete', ok=200),
    ],
)
# Answers without JSON.
DATA_V1 = Resource(
    'images',
    routes=[
        HEAD('/v1/images/{id}', show_image, policy='image:images:show'),
        GET('/v1/images/{id}', get_data, policy='image:data:try', body=None, listing=False, also=(206,)),
    ],
)
