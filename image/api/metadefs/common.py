"""What the resources of metadata definitions share: their rules, pages and the forms of their bodies."""

from __future__ import annotations

import dataclasses
from typing import Any

from common import clock
from common.api import Call, Reply
from common.api.paging import Page
from common.api.types import Raw
from common.policy import ADMIN, READER, Rule
from image.api.metadefs.documents import DOCUMENTS
from image.metadefs.records import AssociationRecord, EntryRecord

BASE = '/v2/metadefs/namespaces'
_PAGE = 25
SORT = ('created_at', 'updated_at')


_VERBS = {
    'list': (READER, 'List'),
    'show': (READER, 'Show'),
    'create': (ADMIN, 'Make'),
    'update': (ADMIN, 'Change'),
    'delete': (ADMIN, 'Delete'),
}


def rules(plural: str, what: str, *verbs: str) -> list[Rule]:
    """The rules of one kind (all five verbs if none is named): everybody reads what is public or their own, administrators write."""
    return [Rule(f'image:metadef_{plural}:{verb}', _VERBS[verb][0], f'{_VERBS[verb][1]} {what}') for verb in verbs or _VERBS]


def form(name: str) -> Raw:
    """The body (and the view) that a schema document describes."""
    document = DOCUMENTS[name]
    kept = {key: document[key] for key in ('properties', 'required', 'additionalProperties')}
    return Raw({'type': 'object', **kept}, f'a {name}')


def page_of(call: Call, key: str, default: int | None = _PAGE) -> Page:
    """The page that is asked for, the newest first; `default` things where the client names no limit."""
    page = call.paging(f'created_at:desc,{key}:desc')
    return page if page.given is not None or default is None else dataclasses.replace(page, limit=default)


def paged(call: Call, views: list[dict[str, Any]], page: Page, key: str, schema: str) -> Reply:
    """A page with its links and the name of its schema."""
    return Reply(views, extra={**call.page_links(views, page, key), 'schema': f'/v2/schemas/metadefs/{schema}'})


def times(record: EntryRecord | AssociationRecord) -> dict[str, Any]:
    """When it was made and changed."""
    return {'created_at': clock.iso(record.created_at), 'updated_at': clock.iso(record.updated_at)}


def without_empty(view: dict[str, Any]) -> dict[str, Any]:
    """The view without what is not set, which clients of this service do not expect."""
    return {key: value for key, value in view.items() if value is not None}
