"""What the resources of identity have in common on the wire: links, filters on text, and attributes clients make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.api.call import Call, Reply
from common.api.fields import Filter
from common.api.types import Str
from identity.db.filters import COMPARISONS


def self_link(call: Call, path: str) -> dict[str, str]:
    """The `links` of one thing. `path` follows `/v3/`."""
    return {'self': call.url(f'/v3/{path}')}


def text_filters(*names: str) -> list[Filter]:
    """Filters on text: `name`, and `name__contains` and its like."""
    return [Filter(name, Str) for name in names] + [Filter(f'{name}__{how}', Str) for name in names for how in COMPARISONS]


def with_extra(body: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The body's known fields, and under `extra` whatever else the client stores with the thing."""
    names = frozenset(known) | _RESERVED
    values = {name: value for name, value in body.items() if name in names}
    values['extra'] = {name: value for name, value in body.items() if name not in names}
    return values


_RESERVED = frozenset({'id', 'links'})


def paged(call: Call, records: Sequence[Any], show: Any, key: str = 'id') -> Reply:
    """The part of a list that `limit` and `marker` ask for, shown, with its links. A marker that is gone starts at the top."""
    page = call.paging(())
    start = 0
    if page.marker:
        start = next((i + 1 for i, record in enumerate(records) if getattr(record, key) == page.marker), 0)
    end = len(records) if not page.limit else start + page.limit
    return call.paged([show(record) for record in records[start:end]], page, key, more=end < len(records))
