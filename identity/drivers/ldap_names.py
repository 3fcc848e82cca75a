"""How a directory is asked: filters (RFC 4515) and distinguished names (RFC 4514), with what clients sent taken literally."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

AT_ONCE = 200  # names in one filter


def is_value(attribute: str, value: str) -> str:
    """A filter: the attribute has this value."""
    return f'({attribute}={escape_filter_chars(value)})'


def any_of(attribute: str, values: Sequence[str]) -> str:
    """A filter: the attribute has any of these values."""
    return f'(|{"".join(is_value(attribute, value) for value in values)})'


def all_of(object_class: str, configured: str, condition: str) -> str:
    """A filter: entries of a class that fit the operator's filter and a condition; both may be empty."""
    return f'(&(objectClass={object_class}){configured}{condition})'


def portions(values: Sequence[str]) -> list[Sequence[str]]:
    """The values in portions that fit into one filter each."""
    return [values[i : i + AT_ONCE] for i in range(0, len(values), AT_ONCE)]


def narrowing(attribute: str, wanted: Mapping[str, Any]) -> str:
    """What the directory can leave out by itself; the rest of the filters is seen to afterwards."""
    condition = ''
    for key, value in wanted.items():
        part = escape_filter_chars(str(value))
        match key.split('__'):
            case ['name']:
                condition += f'({attribute}={part})'
            case ['name', 'contains' | 'icontains'] if part:
                condition += f'({attribute}=*{part}*)'
            case ['name', 'startswith' | 'istartswith'] if part:
                condition += f'({attribute}={part}*)'
            case ['name', 'endswith' | 'iendswith'] if part:
                condition += f'({attribute}=*{part})'
    return condition


def parsed_dn(dn: str) -> tuple[tuple[str, str], ...]:
    """A distinguished name in a form that can be compared; empty for text that is none."""
    try:
        return tuple((name.lower(), value.lower()) for name, value, _ in parse_dn(dn))
    except (LDAPInvalidDnError, ValueError):
        return ()


def first_value(dn: str) -> str:
    """The value of a distinguished name's first part, without escapes."""
    raw, out, i = parse_dn(dn)[0][1], bytearray(), 0
    while i < len(raw):
        if raw[i] != '\\':
            out += raw[i].encode()
            i += 1
        elif len(pair := raw[i + 1 : i + 3]) == 2 and all(c in '0123456789abcdefABCDEF' for c in pair):
            out += bytes.fromhex(pair)
            i += 3
        else:
            out += raw[i + 1].encode()
            i += 2
    return out.decode('utf-8', 'replace')


def below(dn: tuple[Any, ...], tree: tuple[Any, ...]) -> bool:
    """Whether a parsed name is below another one."""
    return len(dn) > len(tree) and dn[len(dn) - len(tree) :] == tree
