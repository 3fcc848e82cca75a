"""What all resources of the network API have in common: fields, tags, times."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import CREATE_ONLY, READ_ONLY, DateTime, Field, Filter, Id, Int, List, Str, Uuid
from network.tags import MOST, split

NAME = Field('name', Str(255), default='')
TAGS = Field('tags', List(Str(255, min=1), max=MOST), CREATE_ONLY)
STANDARD = (
    Field('id', Uuid, READ_ONLY),
    Field('project_id', Id | None, CREATE_ONLY),
    Field('tenant_id', Id | None, CREATE_ONLY),
    Field('description', Str(255), default=''),
    Field('revision_number', Int(0), READ_ONLY),
    Field('created_at', DateTime, READ_ONLY),
    Field('updated_at', DateTime, READ_ONLY),
)
"""Fields of every resource."""
STANDARD_FILTERS = ('id', 'project_id', 'tenant_id', 'description', 'revision_number')
TAG_FILTERS = tuple(Filter(name, Str(4096)) for name in ('tags', 'tags-any', 'not-tags', 'not-tags-any'))
STANDARD_SORT = ('id', 'project_id', 'tenant_id', 'description', 'created_at', 'updated_at', 'revision_number')
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
