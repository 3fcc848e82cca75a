"""Lists: filters as clients give them, who may see what, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db import paging
from common.db.records import records

Condition = Any
Special = Callable[[list[Any]], Condition]


def is_one_of(column: Any, values: Sequence[Any]) -> Condition:
    """Whether a column holds one of the values; empty text finds what is not set, too."""
    wanted = [None if value == '' and column.nullable else value for value in values]
    if None in wanted:
        rest = [value for value in wanted if value is not None]
        return sa.or_(column.is_(None), column == '', column.in_(rest)) if isinstance(column.type, sa.String) else column.is_(None)
    return column == wanted[0] if len(wanted) == 1 else column.in_(wanted)


def conditions(
    filters: Mapping[str, list[Any]], columns: Mapping[str, Any], special: Mapping[str, Special] | None = None
) -> list[Condition]:
    """The WHERE of a list. `columns`: by the names that clients use; `special`: filters that are no column."""
    found = []
    for name, values in filters.items():
        if special and name in special:
            found.append(special[name](values))
        elif name in columns:
            found.append(is_one_of(columns[name], values))
    return found


def tag_filters(column: Any) -> dict[str, Special]:
    """`tags` (all of them), `tags-any`, `not-tags` (not all of them), `not-tags-any`; values are comma-separated."""

    def words(values: list[str]) -> list[str]:
        return [word for value in values for word in value.split(',') if word]

    def has(word: str) -> Condition:
        return column.contains(f'\n{word}\n', autoescape=True)

    def every(values: list[str]) -> Condition:
        return sa.and_(sa.true(), *(has(word) for word in words(values)))

    def some(values: list[str]) -> Condition:
        return sa.or_(sa.false(), *(has(word) for word in words(values)))

    return {
        'tags': every,
        'tags-any': some,
        'not-tags': lambda values: sa.not_(every(values)),
        'not-tags-any': lambda values: sa.not_(some(values)),
    }


def page(session: Session, query: Any, columns: Mapping[str, Any], table: Any, wanted: Any, visible: Condition | None) -> list[Any]:
    """The rows of a page. `wanted`: `common.api.paging.Page`; `visible`: what the caller may see, None: everything."""

    def lookup(marker: str) -> Any | None:
        found = sa.select(table).where(table.c.id == marker)
        return session.execute(found if visible is None else found.where(visible)).mappings().first()

    if visible is not None:
        query = query.where(visible)
    found = records(session.execute(paging.apply(query, wanted, columns, lookup)))
    if wanted.reverse:
        found.reverse()
    return found
