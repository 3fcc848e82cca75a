"""List filters as upstream writes them: `name=x`, `name__icontains=x`, `enabled=true`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy.orm import InstrumentedAttribute

COMPARISONS = ('contains', 'icontains', 'startswith', 'istartswith', 'endswith', 'iendswith')


def narrowed(query: Select[Any], columns: Mapping[str, InstrumentedAttribute[Any]], wanted: Mapping[str, Any]) -> Select[Any]:
    """The query with the conditions of `wanted` on those `columns` that it names; other keys are not looked at.

    :param columns: filter name -> column
    :param wanted: filter name, or filter name + `__` + comparison -> value; None stands for NULL
    """
    for key, value in wanted.items():
        name, _, comparison = key.partition('__')
        column = columns.get(name)
        if column is None:
            continue
        if not comparison:
            query = query.where(column.is_(None) if value is None else column == value)
            continue
        if comparison.startswith('i'):
            query = query.where(getattr(func.lower(column), comparison[1:])(str(value).lower(), autoescape=True))
        else:
            # SQLite's LIKE does not tell upper from lower case; replace() does, on every database.
            query = query.where(getattr(column, comparison)(str(value), autoescape=True), func.replace(column, str(value), '') != column)
    return query
