"""The data of an image: upload and download, streamed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from common.api import GET, PUT, Call, Reply, Resource
from common.errors import InvalidInput, RangeNotSatisfiable
from common.policy import ANYONE, Rule
from common.service.wsgi import FileBody
from image import upload
from image.api import transferring
from image.api.transferring import transfer
from image.records import ACTIVE, DEACTIVATED, ImageRecord

_RANGE = re.compile(r'bytes=(\d{0,40})-(\d{0,40})\Z', re.ASCII)
_CONTENT_RANGE = re.compile(r'bytes (\d{1,40})-(\d{1,40})/', re.ASCII)
_OCTETS = 'application/octet-stream'
_SOON = 2.0  # seconds; far less than `[image] upload_idle`, 5 at least
# The image's own rule is asked on the record, since public and shared images belong to others.
_TRY = Rule('image:data:try', ANYONE, 'Ask for the data of an image; image:data:download decides')


def reader(call: Call) -> Callable[[int], bytes]:
    """A function that reads up to so many bytes of the request's body, b'' at its end.

    It gives what has come after a second or two, since each piece is a sign of life of the upload: who sends slowly is not dead.
    """
    source = call.environ['wsgi.input']
    soon = getattr(source, 'read_soon', None)  # requests within the process come from files
    take = source.read if soon is None else lambda size: soon(size, _SOON)
    left = call.content_length

    def read(size: int) -> bytes:
        nonlocal left
        if left == 0:
            return b''
        piece = bytes(take(size if left is None else min(size, left)))
        if left is not None:
            left -= len(piece)
        return piece

    return read


def announced(call: Call) -> int | None:
    """The bytes that the client says it sends: of the body, or where that is in pieces, in a header of its own. Raises InvalidInput."""
    told = call.header('X-OpenStack-Image-Size')
    if not told:
        return call.content_length
    if not (told.isascii() and told.isdigit() and len(told) < 20) or call.content_length not in (None, int(told)):
        raise InvalidInput(
            f'X-OpenStack-Image-Size is the number of bytes of the image, not {told[:40]!r}.', field='x-openstack-image-size'
        )
    return int(told)


@transfer
def put_data(call: Call) -> None:
    """Take the data."""
    upload.store_data(call.service, call.ctx, call.params['id'], reader(call), announced(call), call.header('X-Image-Meta-Store') or '')


class _Given(FileBody):
    """Data on their way to a client."""

    def __init__(self, file: BinaryIO, left: int | None, end: Callable[[], None]) -> None:
        super().__init__(file, left)
        self._end = end

    def close(self) -> None:
        """The data are given, or the client is gone."""
        self._end()
        super().close()


def get_data(call: Call) -> Reply:
    """Give the data, or the part of it that `Range` names."""
    end = transferring.begin(call)
    try:
        record = upload.readable(call.service, call.ctx, call.params['id'])
        if record.status not in (ACTIVE, DEACTIVATED):
            end()
            return Reply(None, 204)
        return _given(call, record, end)
    except BaseException:
        end()
        raise


def _given(call: Call, record: ImageRecord, end: Callable[[], None]) -> Reply:
    size = record.size
    if size is None:
        # Data of a web server that does not say how much it is.
        return Reply(headers={'Content-Type': _OCTETS}, app_iter=_Given(upload.open_data(call.service, record), None, end))
    headers = {'Content-Type': _OCTETS, 'Accept-Ranges': 'bytes'}
    wanted = _wanted(call, size)
    if wanted is None:
        if record.checksum:
            headers['Content-MD5'] = record.checksum
        headers['Content-Length'] = str(size)
        return Reply(headers=headers, app_iter=_Given(upload.open_data(call.service, record), size, end))
    first, last = wanted
    headers['Content-Length'] = str(last - first + 1)
    headers['Content-Range'] = f'bytes {first}-{last}/{size}'
    file = upload.open_data(call.service, record, first, last + 1)
    return Reply(status=206, headers=headers, app_iter=_Given(file, last - first + 1, end))


def _wanted(call: Call, size: int) -> tuple[int, int] | None:
    """First and last byte of the range asked for (RFC 9110, section 14), or None for all. Raises RangeNotSatisfiable."""
    text = call.header('Range')
    older = call.header('Content-Range')
    if not text and not older:
        return None
    if older and not text:
        match = _CONTENT_RANGE.match(older)
        if match is None:
            raise InvalidInput('Content-Range has the form "bytes FIRST-LAST/*".', field='Content-Range')
        first, last = int(match[1]), int(match[2])
    else:
        match = _RANGE.match((text or '').strip())
        if match is None or not (match[1] or match[2]):
            raise InvalidInput('Range has the form "bytes=FIRST-LAST"; one range at a time.', field='Range')
        first = int(match[1]) if match[1] else max(0, size - int(match[2]))
        last = int(match[2]) if match[1] and match[2] else size - 1
    last = min(last, size - 1)
    if first > last:
        raise RangeNotSatisfiable(
            f'The image has {size} bytes; the range asked for is not among them.', headers={'Content-Range': f'bytes */{size}'}
        )
    return first, last


DATA = Resource(
    'file',
    rules=[_TRY],
    routes=[
        PUT('/v2/images/{id}/file', put_data, policy='image:data:upload', ok=204, body=None, stream=True, content_types=(_OCTETS,)),
        GET('/v2/images/{id}/file', get_data, policy=_TRY, body=None, listing=False, also=(204, 206)),
    ],
)
