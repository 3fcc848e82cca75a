"""Types of text: plain, secret, and of a form that a function of `common.api.formats` recognises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from common.api import formats
from common.api.kinds import Converter, Type


class Str(Type):
    """Text of at most `max` characters (default 255; None: as long as the body may be)."""

    def __init__(self, max: int | None = 255, min: int = 0, pattern: str | None = None, says: str | None = None) -> None:
        self.max, self.min, self.pattern = max, min, pattern
        bounds = f' of {min} to {max} characters' if max is not None else f' of at least {min} characters' if min else ''
        self.says = says or f'a string{bounds}' + (f' that matches {pattern}' if pattern else '')

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {'type': 'string', 'x-says': self.says}
        if self.max is not None:
            schema['maxLength'] = self.max
        if self.min:
            schema['minLength'] = self.min
        if self.pattern:
            schema['pattern'] = self.pattern
        return schema


class Secret(Str):
    """Text that no message, log or answer repeats: a password."""

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), 'x-secret': True}


class Formatted(Type):
    """Text that a function of `common.api.formats` recognises."""

    format: ClassVar[str] = ''
    convert: ClassVar[Callable[[str], Any] | None] = None

    def schema(self) -> dict[str, Any]:
        return {'type': 'string', 'format': self.format, 'maxLength': 512, 'x-says': self.says}

    def converter(self) -> Converter | None:
        return type(self).convert


class Name(Formatted):
    """A name people chose: 1 to 255 characters, not blank; spaces around it are cut off."""

    says = 'a string of 1 to 255 characters that is not blank'
    format = 'pl-name'
    convert = str.strip

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), 'maxLength': 255, 'minLength': 1}


class Id(Formatted):
    """An identifier of any service: up to 64 letters, digits, dots, dashes, underscores."""

    says = 'an identifier of 1 to 64 letters, digits, dots, dashes and underscores'
    format = 'pl-id'


class Uuid(Formatted):
    """A UUID with dashes."""

    says = 'a UUID such as 2e4b3b0c-7a6d-4c0e-9f63-0a1d1b6f8a11'
    format = 'pl-uuid'
    convert = str.lower


class HexId(Formatted):
    """32 hex digits, the identifiers of identity."""

    says = '32 hexadecimal digits'
    format = 'pl-hex-id'
    convert = str.lower


class Mac(Formatted):
    """A unicast Ethernet address."""

    says = 'a MAC address such as fa:16:3e:00:00:01'
    format = 'pl-mac'
    convert = formats.canonical_mac


class Uri(Formatted):
    """An http or https address."""

    says = 'an http or https URL'
    format = 'pl-uri'


class Base64(Formatted):
    """Text in base64, of at most `max` characters; stays text."""

    format = 'pl-base64'

    def __init__(self, max: int = 65535) -> None:
        self.max = max
        self.says = f'base64 of at most {max} characters'

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), 'maxLength': self.max}


class DateTime(Formatted):
    """ISO 8601; handlers get a UTC `datetime` without zone."""

    says = 'a date and time such as 2026-01-31T10:00:00Z'
    format = 'pl-date-time'
    convert = formats.canonical_datetime


class Ip(Formatted):
    """An IP address of one family (`version` 4 or 6) or of either; written canonically."""

    convert = formats.canonical_ip

    def __init__(self, version: int | None = None) -> None:
        self.format = f'pl-ip{version or ""}'  # type: ignore[misc]
        self.says = f'an IPv{version} address' if version else 'an IP address'


class Cidr(Formatted):
    """A network such as 10.0.0.0/24, without host bits; `loose`: host bits are cut off, and a bare address is a /32 or /128."""

    def __init__(self, version: int | None = None, *, loose: bool = False) -> None:
        self.format = f'pl-cidr{version or ""}{"-loose" if loose else ""}'  # type: ignore[misc]
        example = 'fd00::/64' if version == 6 else '10.0.0.0/24'
        self.says = f'an IP{f"v{version}" if version else ""} network such as {example}' + ('' if loose else ' without host bits')

    def converter(self) -> Converter | None:
        return formats.canonical_cidr
