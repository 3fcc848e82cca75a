"""List filters on records, for backends that cannot leave them to a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from identity.records import GroupRecord, UserRecord

_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    'contains': lambda text, part: part in text,
    'startswith': str.startswith,
    'endswith': str.endswith,
}


def fits(record: UserRecord | GroupRecord, wanted: Mapping[str, Any], *, fold: bool = False) -> bool:
    """Whether a record fits filters as the API writes them: `name`, `enabled`, `name__icontains`, ...

    :param wanted: filter, or filter + `__` + comparison -> value; names that the record does not have are not looked at
    :param fold: whether upper and lower case are the same in plain comparisons too, as in a directory
    """
    for key, value in wanted.items():
        name, _, comparison = key.partition('__')
        if not hasattr(record, name):
            continue
        found = getattr(record, name)
        if not comparison:
            same = str(found).casefold() == str(value).casefold() if fold and isinstance(value, str) else found == value
            if not same:
                return False
            continue
        text, part = str(found or ''), str(value)
        if comparison not in _COMPARISONS:
            comparison = comparison.removeprefix('i')
            text, part = text.casefold(), part.casefold()
        compare = _COMPARISONS.get(comparison)
        if compare is not None and not compare(text, part):
            return False
    return True
