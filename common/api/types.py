"""Forms of values: what a field or a query parameter may hold.

A type knows three things: its JSON Schema (`schema`), what it is called in a message to the user (`says`), and how a value
that passed validation becomes the value handlers see (`converter`), e.g. a `'true'` that becomes True. Types are given as
classes or as instances (`Uuid`, `Str(255)`), and `| None` allows null.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Union

import fastjsonschema

from common.api import formats

Converter = Callable[[Any], Any]
SMALLEST, LARGEST = -(2**31), 2**31 - 1


class Type:
    """Root of the types. `says` completes the sentence "it must be ..."."""

    says = 'a value'

    def schema(self) -> dict[str, Any]:
        """The JSON Schema, with `x-says` for messages."""
        return {'x-says': self.says}

    def converter(self) -> Converter | None:
        """What turns a validated value into the one handlers see; None: nothing to do. Never called with None."""
        return None

    def from_text(self, text: str) -> Any:
        """The value of a query parameter, before validation."""
        return text

    def __or__(self, other: Any) -> Type:
        return Nullable(self) if other is None else OneOf(self, other)

    def __ror__(self, other: Any) -> Type:
        return Nullable(self) if other is None else OneOf(other, self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.says})'


TypeLike = Union[Type, type[Type], 'types.UnionType']


def as_type(given: Any) -> Type:
    """The instance that was meant: from an instance, a class, `Class | None` or a JSON Schema."""
    if isinstance(given, Type):
        return given
    if isinstance(given, type) and issubclass(given, Type):
        return given()
    if isinstance(given, types.UnionType):
        inner = [as_type(part) for part in given.__args__ if part is not type(None)]
        made = inner[0] if len(inner) == 1 else OneOf(*inner)
        return Nullable(made) if len(inner) < len(given.__args__) else made
    if isinstance(given, Mapping):
        return Raw(dict(given))
    raise TypeError(f'{given!r} is not a type of a field')


class Any_(Type):
    """Anything at all."""


class Raw(Type):
    """A JSON Schema written out."""

    def __init__(self, schema: dict[str, Any], says: str | None = None) -> None:
        self._schema = schema
        self.says = says or schema.get('x-says') or schema.get('description') or 'a value of the documented form'

    def schema(self) -> dict[str, Any]:
        return {'x-says': self.says, **self._schema} if self._schema.get('type') not in ('object', 'array') else self._schema

    def from_text(self, text: str) -> Any:
        kinds = self._schema.get('type')
        if 'integer' in (kinds if isinstance(kinds, list) else [kinds]) and formats.is_integer_text(text):
            return int(text)
        if kinds == 'boolean':
            return formats.BOOLEANS.get(text.lower(), text)
        return text


class Nullable(Type):
    """The type, or null."""

    def __init__(self, inner: Any) -> None:
        self.inner = as_type(inner)
        self.says = f'{self.inner.says} or null'

    def schema(self) -> dict[str, Any]:
        schema = dict(self.inner.schema(), **{'x-says': self.says})
        kinds = schema.get('type')
        if kinds is None:
            return {'x-says': self.says} if set(schema) == {'x-says'} else {'anyOf': [schema, {'type': 'null'}], 'x-says': self.says}
        schema['type'] = [*(kinds if isinstance(kinds, list) else [kinds]), 'null']
        if 'enum' in schema:
            schema['enum'] = [*schema['enum'], None]
        return schema

    def converter(self) -> Converter | None:
        return self.inner.converter()

    def from_text(self, text: str) -> Any:
        return self.inner.from_text(text)


class OneOf(Type):
    """Any of several types; the first one that a value fits converts it."""

    def __init__(self, *choices: Any) -> None:
        self.choices = [as_type(choice) for choice in choices]
        self.says = ' or '.join(choice.says for choice in self.choices)

    def schema(self) -> dict[str, Any]:
        return {'anyOf': [choice.schema() for choice in self.choices], 'x-says': self.says}

    def converter(self) -> Converter | None:
        converters = [choice.converter() for choice in self.choices]
        if not any(converters):
            return None
        checks: list[Callable[[Any], Any]] = []

        def convert(value: Any) -> Any:
            if not checks:
                checks.extend(fastjsonschema.compile(choice.schema(), formats=formats.FORMATS) for choice in self.choices)
            for check, converter in zip(checks, converters, strict=True):
                try:
                    check(value)
                except fastjsonschema.JsonSchemaValueException:
                    continue
                return value if converter is None else converter(value)
            return value

        return convert


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


class Bool(Type):
    """True or false; the words clients use for them too, unless `strict`."""

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.says = 'true or false'

    def schema(self) -> dict[str, Any]:
        if self.strict:
            return {'type': 'boolean', 'x-says': self.says}
        return {'type': ['boolean', 'string', 'integer'], 'enum': formats.BOOLEAN_WORDS, 'x-says': self.says}

    def converter(self) -> Converter | None:
        return None if self.strict else formats.to_bool

    def from_text(self, text: str) -> Any:
        return formats.BOOLEANS.get(text.lower(), text)


class Int(Type):
    """A whole number in a range (32 bits signed if none is given); as text too, unless `strict`."""

    def __init__(self, min: int = SMALLEST, max: int = LARGEST, *, strict: bool = False) -> None:
        self.min, self.max, self.strict = min, max, strict
        self.says = f'a whole number from {min} to {max}'
        self.format = formats.register_integer_range(min, max)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {'type': 'integer', 'minimum': self.min, 'maximum': self.max, 'x-says': self.says}
        if not self.strict:
            schema.update(type=['integer', 'string'], format=self.format)
        return schema

    def converter(self) -> Converter | None:
        return int

    def from_text(self, text: str) -> Any:
        return int(text) if formats.is_integer_text(text) else text


class Number(Type):
    """A number in a range."""

    def __init__(self, min: float | None = None, max: float | None = None) -> None:
        self.min, self.max = min, max
        bounds = [f'at least {min}'] * (min is not None) + [f'at most {max}'] * (max is not None)
        self.says = 'a number' + (f' of {" and ".join(bounds)}' if bounds else '')

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {'type': 'number', 'x-says': self.says}
        if self.min is not None:
            schema['minimum'] = self.min
        if self.max is not None:
            schema['maximum'] = self.max
        return schema

    def from_text(self, text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text


class Enum(Type):
    """One of some words; with `any_case` in any case, and handlers get the word as declared."""

    def __init__(self, *words: str, any_case: bool = False) -> None:
        self.words, self.any_case = words, any_case
        self.says = 'one of ' + ', '.join(words)

    def schema(self) -> dict[str, Any]:
        if self.any_case:
            return {'type': 'string', 'format': formats.register_words(self.words), 'x-says': self.says, 'x-words': list(self.words)}
        return {'type': 'string', 'enum': list(self.words), 'x-says': self.says}

    def converter(self) -> Converter | None:
        return _any_case(self.words) if self.any_case else None


def _any_case(words: Iterable[str]) -> Converter:
    known = {word.lower(): word for word in words}
    return lambda text: known[text.lower()]


class List(Type):
    """A list of at most `max` values of one type."""

    def __init__(self, of: Any = Any_, max: int = 1000, min: int = 0, *, unique: bool = False) -> None:
        self.of, self.max, self.min, self.unique = as_type(of), max, min, unique
        self.says = f'a list of {min} to {max} values' + (', each one once' if unique else '')

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {'type': 'array', 'items': self.of.schema(), 'maxItems': self.max, 'x-says': self.says}
        if self.min:
            schema['minItems'] = self.min
        if self.unique:
            schema['uniqueItems'] = True
        return schema

    def converter(self) -> Converter | None:
        inner = self.of.converter()
        if inner is None:
            return None
        return lambda values: [value if value is None else inner(value) for value in values]

    def from_text(self, text: str) -> Any:
        return [self.of.from_text(part) for part in text.split(',')] if text else []


class Map(Type):
    """An object whose keys the client chooses (metadata, extra specs)."""

    def __init__(self, of: Any = Str, max: int = 1000, key: str | None = None, key_max: int = 255) -> None:
        self.of, self.max, self.key = as_type(of), max, key or f'^.{{1,{key_max}}}$'
        self.says = f'an object of at most {max} keys of 1 to {key_max} characters, each value {self.of.says}'

    def schema(self) -> dict[str, Any]:
        return {
            'type': 'object',
            'patternProperties': {self.key: self.of.schema()},
            'additionalProperties': False,
            'maxProperties': self.max,
            'x-says': self.says,
        }

    def converter(self) -> Converter | None:
        inner = self.of.converter()
        if inner is None:
            return None
        return lambda values: {name: value if value is None else inner(value) for name, value in values.items()}


class Obj(Type):
    """An object with known keys: `Obj({'name': Str(80)}, required=['name'], extra='refuse')`; bare `Obj`: any object.

    `extra='allow'` lets unknown keys through.
    """

    says = 'an object'

    def __init__(self, members: Mapping[str, Any] | None = None, required: Iterable[str] = (), extra: str | None = None) -> None:
        self.members = {name: as_type(kind) for name, kind in (members or {}).items()}
        self.required = list(required)
        self.extra = extra or ('allow' if members is None else 'refuse')

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {'type': 'object', 'x-says': self.says}
        if self.members:
            schema['properties'] = {name: kind.schema() for name, kind in self.members.items()}
        if self.required:
            schema['required'] = self.required
        if self.extra == 'refuse':
            schema['additionalProperties'] = False
        return schema

    def converter(self) -> Converter | None:
        found = [(name, conv) for name, kind in self.members.items() if (conv := kind.converter()) is not None]
        if not found:
            return None

        def convert(value: dict[str, Any]) -> dict[str, Any]:
            for name, conv in found:
                if value.get(name) is not None:
                    value[name] = conv(value[name])
            return value

        return convert
