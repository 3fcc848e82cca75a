"""Pages of a list by marker: one query, no offset, a total order.

The order asked for is always completed with the id, so that no record is shown twice or skipped. Empty values come first in
ascending order and last in descending order, on every database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from common.errors import InvalidInput


class PageLike(Protocol):
    """What `common.api.paging.Page` offers: the limit (None: all), the id after which to go on, and the order."""

    @property
    def limit(self) -> int | None: ...
    @property
    def marker(self) -> str | None: ...
    @property
    def sort(self) -> Sequence[tuple[str, str]]: ...


def apply(
    query: Any,
    page: PageLike,
    columns: Mapping[str, Any],
    lookup: Callable[[str], Any] | None = None,
    *,
    key: str = 'id',
) -> Any:
    """The query ordered, cut after the marker and limited.

    `columns`: the columns that may be sorted by, by the name that clients use; must hold `key`, which is unique.
    `lookup(marker)`: the record of the marker (attributes or keys named as in `columns`), or None if there is none that this caller
    may see. Raises InvalidInput for an unknown sort key, direction or marker. A true `page.reverse` walks towards the beginning:
    the caller turns the result round.
    """
    order = _order(page, columns, key)
    if getattr(page, 'reverse', False):
        order = [(name, column, not descending) for name, column, descending in order]
    if page.marker is not None:
        if lookup is None:
            raise InvalidInput('This list has no markers.', field='marker')
        record = lookup(page.marker)
        if record is None:
            raise InvalidInput(f'marker [{str(page.marker)[:255]}] not found', field='marker')
        query = query.where(_after(order, record))
    for _, column, descending in order:
        if _nullable(column):
            empty_first = column.is_not(None)
            query = query.order_by(empty_first.desc() if descending else empty_first)
        query = query.order_by(column.desc() if descending else column.asc())
    return query if page.limit is None else query.limit(page.limit)


def _order(page: PageLike, columns: Mapping[str, Any], key: str) -> list[tuple[str, Any, bool]]:
    order: list[tuple[str, Any, bool]] = []
    for name, direction in page.sort:
        if name not in columns:
            raise InvalidInput(f'Cannot sort by {str(name)[:64]}; possible: {", ".join(sorted(columns))}.', field='sort_key')
        if direction not in ('asc', 'desc'):
            raise InvalidInput(f'Cannot sort {str(direction)[:64]}; possible: asc, desc.', field='sort_dir')
        if all(name != known for known, _, _ in order):
            order.append((name, columns[name], direction == 'desc'))
    if all(name != key for name, _, _ in order):
        order.append((key, columns[key], order[-1][2] if order else False))
    return order


def _nullable(column: Any) -> bool:
    return bool(getattr(column, 'nullable', False))


def _after(order: list[tuple[str, Any, bool]], record: Any) -> Any:
    """(a, b, id) after the record's, spelled out: a > x or (a = x and (b > y or (b = y and ...)))."""
    condition: Any = sa.false()
    for name, column, descending in reversed(order):
        value = record[name] if isinstance(record, Mapping) else getattr(record, name)
        if value is None:
            later = sa.false() if descending else column.is_not(None)
            same = column.is_(None)
        else:
            later = column < value if descending else column > value
            if descending and _nullable(column):
                later = sa.or_(later, column.is_(None))
            same = column == value
        condition = sa.or_(later, sa.and_(same, condition))
    return condition
