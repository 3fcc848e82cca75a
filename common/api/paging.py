"""Limit, marker and order of a list."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from common.errors import InvalidInput

if TYPE_CHECKING:
    from common.api.call import Call

T = TypeVar('T')
DIRECTIONS = ('asc', 'desc')
PARAMETERS = frozenset({'limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'page_reverse', 'offset'})
_LARGEST_LIMIT = 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is wanted. `sort`: (key, 'asc'|'desc') in order. `reverse`: the page before the marker.

    `limit` None: everything. `given` is what the client itself asked for, None where it did not.
    """

    limit: int | None
    marker: str | None
    sort: tuple[tuple[str, str], ...]
    reverse: bool = False
    offset: int = 0
    given: int | None = None

    def of(self, things: Sequence[T], id_of: Callable[[T], str]) -> Sequence[T]:
        """The page of a list that is in memory, in its order. Raises InvalidInput for a marker that is not in it."""
        start = 0
        if self.marker is not None:
            start = 1 + next((at for at, one in enumerate(things) if id_of(one) == self.marker), -1)
            if start == 0:
                raise InvalidInput(f'marker [{self.marker[:64]}] not found', field='marker')
        return things[start:][: self.limit]


def page_of(call: Call, default_sort: str | Iterable[tuple[str, str]], max_limit: int | None = None) -> Page:
    """The page a request asks for. Raises InvalidInput for anything that is not possible."""
    raw: dict[str, list[str]] = call.environ.get('pileus.paging') or {}
    ceiling = max_limit or call.app.max_limit
    given = _number(raw, 'limit')
    limit = given
    if limit == 0 and call.app.dialect.many_filters:
        limit = None
    if ceiling is not None:
        limit = ceiling if limit is None else min(limit, ceiling)
    marker = raw['marker'][-1] if raw.get('marker') and raw['marker'][-1] else None
    reverse = bool(raw.get('page_reverse')) and raw['page_reverse'][-1].lower() in ('true', '1', 't', 'yes')
    default = parse_sort(default_sort) if isinstance(default_sort, str) else tuple(default_sort)
    return Page(limit, marker, _sort(raw, call.resource.sort, default), reverse, _number(raw, 'offset') or 0, given)


def check_numbers(raw: dict[str, list[str]]) -> None:
    """Raises InvalidInput for a limit or an offset that is none, whether or not the list is given in pages."""
    for name in ('limit', 'offset'):
        _number(raw, name)


def parse_sort(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs from `name:asc,id`; a key without direction ascends."""
    pairs = [part.strip().partition(':') for part in text.split(',') if part.strip()]
    return tuple((key.strip(), (direction or 'asc').strip().lower()) for key, _, direction in pairs)


def _number(raw: dict[str, list[str]], name: str) -> int | None:
    values = raw.get(name)
    if not values or values[-1] == '':
        return None
    text = values[-1]
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > _LARGEST_LIMIT:
        raise InvalidInput(f'{name} must be a whole number from 0 to {_LARGEST_LIMIT}, not {text[:40]!r}.', field=name)
    return int(text)


def _sort(raw: dict[str, list[str]], known: tuple[str, ...], default: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if raw.get('sort') and raw['sort'][-1]:
        pairs = tuple(_with_default_direction(raw['sort'][-1]))
    else:
        keys, directions = raw.get('sort_key') or [], raw.get('sort_dir') or []
        if not keys and not directions:
            return default
        if not keys:
            keys = [key for key, _ in default]
        if len(directions) > len(keys):
            raise InvalidInput('There are more values of sort_dir than of sort_key.', field='sort_dir')
        fill = directions[-1] if directions else 'desc' if default and default[0][1] == 'desc' else 'asc'
        pairs = tuple((key, (directions[i] if i < len(directions) else fill).lower()) for i, key in enumerate(keys))
    for key, direction in pairs:
        if direction not in DIRECTIONS:
            raise InvalidInput(f'The sort direction must be asc or desc, not {direction[:40]!r}.', field='sort_dir')
        if known and key not in known:
            raise InvalidInput(f'Cannot sort by {key[:60]!r}; allowed: {", ".join(known)}.', field='sort_key')
    return pairs


def _with_default_direction(text: str) -> Iterator[tuple[str, str]]:
    """Pairs from the `sort` parameter, where a key without direction descends as upstream has it."""
    for part in text.split(','):
        if part.strip():
            key, _, direction = part.strip().partition(':')
            yield key.strip(), (direction or 'desc').strip().lower()
