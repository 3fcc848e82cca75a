"""Forms of values: what a field or a query parameter may hold.

A type knows three things: its JSON Schema (`schema`), what it is called in a message to the user (`says`), and how a value
that passed validation becomes the value handlers see (`converter`), e.g. a `'true'` that becomes True. Types are given as
classes or as instances (`Uuid`, `Str(255)`), and `| None` allows null.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Union

import fastjsonschema

from common.api import formats

Converter = Callable[[Any], Any]


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
