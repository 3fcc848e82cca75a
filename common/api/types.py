"""Types of fields and query parameters; see `common.api.kinds` for what a type is.

Here are switches, numbers, words, lists and objects, and, so that there is one place to import from, all the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.api import formats
from common.api.kinds import Any_, Converter, Nullable, OneOf, Raw, Type, TypeLike, as_type
from common.api.texts import Base64, Cidr, DateTime, Formatted, HexId, Id, Ip, Mac, Name, Secret, Str, Uri, Uuid

__all__ = ['Any_', 'Base64', 'Bool', 'Cidr', 'Converter', 'DateTime', 'Enum', 'Formatted', 'HexId', 'Id', 'Int', 'Ip', 'List', 'Mac', 'Map', 'Name', 'Nullable', 'Number', 'Obj', 'OneOf', 'Raw', 'Secret', 'Str', 'Type', 'TypeLike', 'Uri', 'Uuid', 'as_type']  # fmt: skip

SMALLEST, LARGEST = -(2**31), 2**31 - 1


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
