"""Recognising and writing out text of a known form: addresses, identifiers, times.

`FORMATS` is what the compiled JSON Schemas call by name; a function takes text and answers whether it is of that form.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import functools
import ipaddress
import re
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

FORMATS: dict[str, Callable[[str], bool]] = {}

_TRUE = ('true', 't', '1', 'on', 'yes', 'y')
_FALSE = ('false', 'f', '0', 'off', 'no', 'n')
BOOLEANS: dict[str, bool] = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
BOOLEAN_WORDS: list[Any] = [True, False, 1, 0] + [
    spelling for word in BOOLEANS for spelling in dict.fromkeys((word, word.capitalize(), word.upper()))
]

_INTEGER = re.compile(r'[+-]?[0-9]{1,19}\Z', re.ASCII)
_IDENTIFIER = re.compile(r'[A-Za-z0-9._-]{1,64}\Z')
_UUID = re.compile(r'[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z')
_HEX_ID = re.compile(r'[0-9a-fA-F]{32}\Z')
_MAC = re.compile(r'[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(\1[0-9a-fA-F]{2}){4}\Z')


def format_of(name: str) -> Callable[[Callable[[str], bool]], Callable[[str], bool]]:
    """Decorator: register a recogniser under a name."""

    def register(function: Callable[[str], bool]) -> Callable[[str], bool]:
        FORMATS[name] = function
        return function

    return register


def to_bool(value: Any) -> bool:
    """True or False from what `Bool` lets through."""
    return BOOLEANS[value.lower()] if isinstance(value, str) else bool(value)


def is_integer_text(text: str) -> bool:
    """Whether the text is a decimal whole number that is not absurdly long."""
    return _INTEGER.match(text) is not None


def register_integer_range(smallest: int, largest: int) -> str:
    """The name of a format for whole numbers in a range, written as text."""
    name = f'pl-int {smallest} {largest}'
    FORMATS.setdefault(name, lambda text: is_integer_text(text) and smallest <= int(text) <= largest)
    return name


def register_words(words: Iterable[str]) -> str:
    """The name of a format for some words in any case."""
    known = frozenset(word.lower() for word in words)
    name = f'pl-words {" ".join(sorted(known))}'
    FORMATS.setdefault(name, lambda text: text.lower() in known)
    return name


@format_of('pl-name')
def is_name(text: str) -> bool:
    """Not blank and without control characters."""
    return bool(text.strip()) and text.isprintable()


@format_of('pl-id')
def is_identifier(text: str) -> bool:
    """An identifier of any service."""
    return _IDENTIFIER.match(text) is not None


@format_of('pl-uuid')
def is_uuid_text(text: str) -> bool:
    """A UUID with dashes, in either case."""
    return _UUID.match(text) is not None


@format_of('pl-hex-id')
def is_hex_id_text(text: str) -> bool:
    """32 hex digits, in either case."""
    return _HEX_ID.match(text) is not None


@format_of('pl-mac')
def is_mac(text: str) -> bool:
    """A unicast Ethernet address that is not all zero."""
    return _MAC.match(text) is not None and not int(text[:2], 16) & 1 and text.strip('0:-') != ''


def canonical_mac(text: str) -> str:
    """Lower case, with colons."""
    return text.lower().replace('-', ':')


@format_of('pl-uri')
def is_uri(text: str) -> bool:
    """An http(s) address with a host and without spaces or control characters."""
    try:
        parts = urllib.parse.urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return parts.scheme in ('http', 'https') and bool(parts.hostname) and port_is_fine and text.isprintable() and ' ' not in text


@format_of('pl-base64')
def is_base64(text: str) -> bool:
    """Strict base64; line breaks are let through."""
    try:
        base64.b64decode(text.replace('\n', '').replace('\r', ''), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _parsed_datetime(text: str) -> datetime.datetime:
    if not text.isascii() or len(text) < 10:
        raise ValueError('not a date')
    return datetime.datetime.fromisoformat(text)


@format_of('pl-date-time')
def is_datetime(text: str) -> bool:
    """ISO 8601, with or without zone."""
    try:
        canonical_datetime(text)
    except (ValueError, OverflowError):
        return False
    return True


def canonical_datetime(text: str) -> datetime.datetime:
    """UTC without zone."""
    when = _parsed_datetime(text)
    return when if when.tzinfo is None else when.astimezone(datetime.UTC).replace(tzinfo=None)


def _is_ip(text: str, version: int | None) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return '%' not in text and version in (None, address.version)


def canonical_ip(text: str) -> str:
    """The address in its shortest form."""
    return str(ipaddress.ip_address(text))


def _is_cidr(text: str, version: int | None, loose: bool) -> bool:
    if '%' in text or (not loose and '/' not in text):
        return False
    address, slash, prefix = text.partition('/')
    if slash and not (prefix.isascii() and prefix.isdigit()):
        return False
    try:
        network = ipaddress.ip_network(text, strict=not loose)
    except ValueError:
        return False
    return version in (None, network.version)


def canonical_cidr(text: str) -> str:
    """The network without host bits, in its shortest form."""
    return str(ipaddress.ip_network(text, strict=False))


for _version in (None, 4, 6):
    _name = str(_version or '')
    FORMATS[f'pl-ip{_name}'] = functools.partial(_is_ip, version=_version)
    FORMATS[f'pl-cidr{_name}'] = functools.partial(_is_cidr, version=_version, loose=False)
    FORMATS[f'pl-cidr{_name}-loose'] = functools.partial(_is_cidr, version=_version, loose=True)
