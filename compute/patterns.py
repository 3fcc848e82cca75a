"""Patterns that clients filter lists by: regular expressions, as far as they cannot be made to take long.

Python's expressions go back and try again. With no groups and few repetitions that is a small power of the text's length; without
these bounds one request could keep a thread busy for years.
"""

from __future__ import annotations

import ipaddress
import re

from common.errors import InvalidInput

_LONGEST = 64
_REPEATED = re.compile(r'(?:\.[*+])+')
_REPETITION = re.compile(r'[*+?]|\{')
_OF_ADDRESSES = re.compile(r'[0-9a-fA-F.:^$*?+\\]*')
_MORE_THAN_LIKE = re.compile(r'[\[\]|?+\\]|(?<!\.)\*')
_MOST_OF_NAME, _MOST_OF_ADDRESS = 2, 3


def is_pattern(text: str) -> bool:
    """Whether a filter of names says more than SQL's LIKE can: sets, alternatives, repetitions other than `.*`.

    What could take long, or is no expression, is looked for as it stands.
    """
    if not _MORE_THAN_LIKE.search(text) or '(' in text or not _is_bounded(text, _MOST_OF_NAME):
        return False
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def like(text: str) -> str:
    """A part of a name, as SQL's LIKE wants it; anchors and `.*` are understood."""
    start, end = text.startswith('^'), text.endswith('$')
    core = text[1 if start else 0 : -1 if end else None].replace('\\', '\\\\').replace('%', '\\%').replace('_', '\\_').replace('.*', '%')
    return f'{"" if start else "%"}{core}{"" if end else "%"}'


def compiled(field: str, text: str) -> re.Pattern[str]:
    """The expression; the same text as it stands matches, too. Raises InvalidInput."""
    try:
        return re.compile(f'{_REPEATED.sub(_once, text)}|{re.escape(text)}')
    except re.error:
        raise InvalidInput(f'{field} is not a valid pattern.', field=field) from None


def of_address(field: str, text: str) -> re.Pattern[str]:
    """An address that must be met whole, or a simple pattern of one. Raises InvalidInput."""
    try:
        ipaddress.ip_address(text)
        return re.compile(f'^{re.escape(text)}$')
    except ValueError:
        pass
    if not _OF_ADDRESSES.fullmatch(text) or not _is_bounded(text, _MOST_OF_ADDRESS):
        raise InvalidInput(f'{field} is an address or a simple pattern of one, with at most {_MOST_OF_ADDRESS} repetitions.', field=field)
    return compiled(field, text)


def _once(found: re.Match[str]) -> str:
    """`.*.*` says no more than `.*`."""
    return '.+' if '+' in found[0] else '.*'


def _is_bounded(text: str, most: int) -> bool:
    return len(text) <= _LONGEST and len(_REPETITION.findall(_REPEATED.sub(_once, text))) <= most
