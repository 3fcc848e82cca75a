"""Rows for lists, as plain named tuples.

To read an attribute of one of SQLAlchemy's rows takes ten times as long as to read one of a named tuple; views of long
lists read thirty of each row.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from common.db.prepared import Found


def records(result: sa.Result[Any] | Found) -> list[Any]:
    """All rows of a result as tuples with an attribute for each column. The names of columns must be identifiers."""
    if isinstance(result, Found):
        return result.rows
    return list(map(_maker(tuple(result.keys())), result.all()))


@functools.lru_cache(256)
def _maker(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    return namedtuple('Record', names)._make  # type: ignore[attr-defined] # noqa: PYI024 - the names are known when it runs
