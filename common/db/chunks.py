"""Many values for one query, a bounded number at a time: databases bound how many a statement may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')
_MOST = 500


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """The distinct values, in their order, in lists that a query can take."""
    every = list(dict.fromkeys(values))
    for first in range(0, len(every), _MOST):
        yield every[first : first + _MOST]
