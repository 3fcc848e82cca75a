"""Lists of images, as version 1 narrows them."""

from __future__ import annotations

import datetime
from typing import Any

from common.api import Call, Reply
from common.errors import InvalidInput
from image import images
from image.api.v1 import headers, views
from image.records import VISIBILITIES, ImageFilter, ImageRecord

SORT = ('name', 'status', 'container_format', 'disk_format', 'size', 'id', 'created_at', 'updated_at')
_TEXTS = ('name', 'owner', 'container_format', 'disk_format', 'checksum', 'id')
_NUMBERS = ('min_disk', 'min_ram', 'size')
_PAGE, _MOST = 25, 1000
_NOT_PUBLIC = [word for word in VISIBILITIES if word != 'public']


def list_images(call: Call) -> Reply:
    """A page of images, briefly."""
    return Reply({'images': [views.brief(record) for record in _page(call)]}, wrap=False)


def list_details(call: Call) -> Reply:
    """A page of images in full."""
    return Reply({'images': [views.view(record) for record in _page(call)]}, wrap=False)


def _page(call: Call) -> list[ImageRecord]:
    page = call.paging('created_at:desc,id:desc')
    sort = list(page.sort)
    if 'id' not in dict(sort):
        sort.append(('id', sort[-1][1]))
    limit = _PAGE if page.given is None else min(page.given, _MOST)
    wanted, everybodys = _filter(call.query)
    # An administrator sees what any member of his project sees, unless he asks for more by `is_public`.
    ctx = call.ctx if everybodys else call.ctx.but(roles=call.ctx.roles - {'admin'})
    return images.list_page(call.service, ctx, wanted, sort, limit, page.marker) if wanted and limit else []


def _filter(query: dict[str, Any]) -> tuple[ImageFilter | None, bool]:
    """What a list is narrowed to (None: to nothing), and whether it goes beyond what is public or one's own.

    `is_public`: true, as without it, is what is public or one's own; false is what is not public; none is everything.
    """
    columns: dict[str, list[object]] = {name: [str(query[name])] for name in _TEXTS if name in query}
    columns |= {name: [headers.whole(name, str(query[name]))] for name in _NUMBERS if name in query}
    sizes = {name: headers.whole(name, str(query[name])) for name in ('size_min', 'size_max') if name in query}
    properties = {name.removeprefix('property-'): str(value) for name, value in query.items() if name.startswith('property-')}
    if 'protected' in query:
        columns['protected'] = [headers.truth('protected', str(query['protected']))]
    if 'status' in query:
        columns['status'] = list(views.UNDER_WAY) if query['status'] == 'saving' else [query['status']]
    public = str(query.get('is_public', 'true'))
    everybodys = public.lower() in ('none', '') or not headers.truth('is_public', public)
    if everybodys and public.lower() not in ('none', ''):
        columns['visibility'] = list(_NOT_PUBLIC)
    times = (('updated_at', 'gte', _moment(str(query['changes-since']))),) if query.get('changes-since') else ()
    if 'deleted' in query and headers.truth('deleted', str(query['deleted'])):
        return None, everybodys
    return ImageFilter(columns=columns, properties=properties, times=times, **sizes), everybodys


def _moment(text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text.replace('Z', '+00:00').replace(' ', '+'))
    except ValueError:
        raise InvalidInput(f'changes-since is a time like 2026-01-31T10:00:00Z, not {text[:40]!r}.', field='changes-since') from None
    return found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo else found
