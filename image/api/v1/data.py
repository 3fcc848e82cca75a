"""The data of an image in version 1: in the body of the request, at a URL to copy it from, or at a URL where it stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from common.api import Call
from common.errors import InvalidInput
from image import importing, location_adding, upload
from image.api import image_data
from image.api.v1.headers import Meta


def body(call: Call, meta: Meta) -> Callable[[int], bytes] | None:
    """A function that reads the data of the request; None where it has none. Raises InvalidInput where it has two sources."""
    read: Callable[[int], bytes] | None = image_data.reader(call)
    if call.content_length is None:
        chunked = 'chunked' in call.environ.get('HTTP_TRANSFER_ENCODING', '').lower()
        read = _peeked(image_data.reader(call), call.service.options.chunk) if chunked else None
    elif call.content_length == 0:
        read = None
    named = [what for what in ('copy_from', 'location') if meta.rest.get(what)]
    if len(named) + (read is not None) > 1:
        raise InvalidInput('Send data, or name where to copy it from, or where it is: one of them.', field=named[0])
    if read is not None and meta.rest.get('checksum'):
        return _checked(read, meta.rest['checksum'])
    return read


def _peeked(read: Callable[[int], bytes], size: int) -> Callable[[int], bytes] | None:
    """The same stream; None where it is empty, which a body without announced length may be."""
    first = read(size)
    if not first:
        return None
    pending = [first]

    def whole(size: int) -> bytes:
        if not pending:
            return read(size)
        held = pending.pop()
        if len(held) > size:
            pending.append(held[size:])
        return held[:size]

    return whole


def _checked(read: Callable[[int], bytes], wanted: str) -> Callable[[int], bytes]:
    """The same stream, which fails at its end where its MD5 is another than the client said."""
    digest = hashlib.md5(usedforsecurity=False)

    def checked(size: int) -> bytes:
        piece = read(size)
        digest.update(piece)
        if not piece and digest.hexdigest() != wanted.strip().lower():
            raise InvalidInput(f'The data has the checksum {digest.hexdigest()}, not {wanted[:64]}.', field='checksum')
        return piece

    return checked


def fill(call: Call, image_id: str, meta: Meta, read: Callable[[int], bytes] | None) -> None:
    """Take the data, or begin to fetch it, or note where it is."""
    service, ctx, store = call.service, call.ctx, meta.rest.get('store', '')
    if read is not None:
        length = call.content_length if call.content_length is not None else meta.size
        if meta.size is not None and meta.size != length:
            raise InvalidInput(f'The body has {length} bytes, x-image-meta-size says {meta.size}.', field='size')
        upload.store_data(service, ctx, image_id, read, length, store)
    elif meta.rest.get('copy_from'):
        importing.start(service, ctx, image_id, {'method': {'name': 'web-download', 'uri': meta.rest['copy_from']}}, store or None)
    elif meta.rest.get('location'):
        location_adding.add(service, ctx, image_id, meta.rest['location'], None)
