"""Tags: short words on any resource, kept in its row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, NotFound
from network.db import rows

if TYPE_CHECKING:
    from network.work import Work

MOST = 50
LONGEST = 255


def split(text: str) -> list[str]:
    """The tags of a row."""
    return text[1:-1].split('\n') if text else []


def joined(tags: Iterable[str]) -> str:
    """As they are kept in a row. Raises InvalidInput for a tag that cannot be one."""
    wanted = sorted(set(tags))
    for tag in wanted:
        if not tag or len(tag) > LONGEST or not tag.isprintable():
            raise InvalidInput(f'A tag is of 1 to {LONGEST} printable characters.', code='invalid_value', field='tags')
    if len(wanted) > MOST:
        raise InvalidInput(f'A resource has at most {MOST} tags.', code='invalid_value', field='tags')
    return '\n' + '\n'.join(wanted) + '\n' if wanted else ''


def replace(work: Work, table: Any, record: Any, tags: Iterable[str]) -> list[str]:
    """Let a resource have exactly these tags; gives them."""
    text = joined(tags)
    if text != record.tags:
        rows.update(work.session, table, record, tags=text)
    return split(text)


def add(work: Work, table: Any, record: Any, tags: Iterable[str]) -> list[str]:
    """Give a resource further tags; gives all it has then."""
    return replace(work, table, record, [*split(record.tags), *tags])


def require(record: Any, tag: str) -> None:
    """Raises NotFound unless the resource has the tag."""
    if tag not in split(record.tags):
        raise NotFound(message=f'Tag {tag[:LONGEST]} could not be found.', code='tag_not_found')


def remove(work: Work, table: Any, record: Any, tag: str) -> None:
    """Take a tag off. Raises NotFound."""
    require(record, tag)
    replace(work, table, record, [kept for kept in split(record.tags) if kept != tag])
