"""What all resources of the network API have in common: fields, tags, times, creation in bulk, paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common import clock
from common.api import CREATE_ONLY, READ_ONLY, Call, DateTime, Field, Filter, Id, Int, List, Reply, Str, Uuid
from network.tags import split

if TYPE_CHECKING:
    from network.work import Work

NAME = Field('name', Str(255))
PROJECT = [Field('project_id', Id, CREATE_ONLY), Field('tenant_id', Id, CREATE_ONLY)]
STANDARD = [
    Field('id', Uuid, READ_ONLY),
    *PROJECT,
    Field('description', Str(255)),
    Field('revision_number', Int, READ_ONLY),
    Field('created_at', DateTime, READ_ONLY),
    Field('updated_at', DateTime, READ_ONLY),
]
TAGS = Field('tags', List(Str(255, min=1), max=50), CREATE_ONLY)
TAG_FILTERS = [Filter(name, Str(4096)) for name in ('tags', 'tags-any', 'not-tags', 'not-tags-any')]
STANDARD_FILTERS = ['id', 'project_id', 'tenant_id', 'description', Filter('revision_number', Int)]
STANDARD_SORT = ['id', 'project_id', 'tenant_id', 'created_at', 'updated_at', 'revision_number']
FIRST = (('id', 'asc'),)
"""The order of lists where the client asks for none."""


def standard(row: Any) -> dict[str, Any]:
    """What every resource shows."""
    return {
        'id': row.id,
        'project_id': row.project_id,
        'tenant_id': row.project_id,
        'description': row.description,
        'revision_number': row.revision_number,
        'created_at': clock.iso(row.created_at),
        'updated_at': clock.iso(row.updated_at),
    }


def tags_of(row: Any) -> list[str]:
    """The tags as clients see them."""
    return split(row.tags)


def create(call: Call, make: Callable[[Work, dict[str, Any]], dict[str, Any]]) -> Any:
    """Make the one thing or all things of the body in one transaction. `make(work, body)` gives the view."""
    bodies = call.body if call.is_bulk else [call.body]
    views = call.service.write(call.ctx, lambda work: [make(work, body) for body in bodies])
    return views if call.is_bulk else views[0]


def listed(call: Call, read: Callable[[Work, Any], list[dict[str, Any]]]) -> Reply:
    """A page of views. `read(work, page)` gives them."""
    page = call.paging(FIRST)
    return call.paged(call.service.read(call.ctx, lambda work: read(work, page)), page)
