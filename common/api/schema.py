"""Checking values against JSON Schema, and saying what is wrong in words for the user.

Schemas are compiled to Python once, on their first use; a message names the field and what is allowed there, and never
repeats a secret or a whole object.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import fastjsonschema

from common.api.fields import MISSING, READ_ONLY, REQUIRED, SOMETIMES, WRITE_ONLY, Field
from common.api.formats import FORMATS
from common.api.types import Converter
from common.errors import InvalidInput

_SHOWN = 60
_made: dict[bytes, Callable[[Any], Any]] = {}  # compiled schemas by the digest of their text


class Validator:
    """A compiled schema. `what` names the object that is checked, as the client calls it ('network')."""

    __slots__ = ('schema', 'what', '_compiled')

    def __init__(self, schema: dict[str, Any], what: str) -> None:
        self.schema = schema
        self.what = what
        self._compiled: Callable[[Any], Any] | None = None

    def __call__(self, value: Any) -> None:
        """Check a value. Raises InvalidInput that names the field."""
        check = self._compiled or self.compile()
        try:
            check(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise explain(error, self.what) from None

    def compile(self) -> Callable[[Any], Any]:
        """Compile now instead of on first use. Equal schemas, of which versions of an API have many, are compiled once."""
        digest = hashlib.blake2b(json.dumps(self.schema, separators=(',', ':')).encode(), digest_size=16).digest()
        made = _made.get(digest)
        if made is None:
            made = _made[digest] = fastjsonschema.compile(self.schema, formats=FORMATS, use_default=False)
        self._compiled = made
        return made


def explain(error: fastjsonschema.JsonSchemaValueException, what: str) -> InvalidInput:
    """The user's words for a failed check."""
    field = _field_name(error.name or 'data')
    where = f'{what}.{field}' if field and what else field or what or 'the request body'
    definition = error.definition if isinstance(error.definition, dict) else {}
    if error.rule == 'required' and isinstance(error.value, dict):
        missing = [name for name in definition.get('required', ()) if name not in error.value]
        names = ', '.join(repr(name) for name in missing)
        full = f'{field}.{missing[0]}' if field and missing else (missing[0] if missing else field)
        return InvalidInput(f'{names} must be given in {where}.', field=full or None)
    if error.rule in ('additionalProperties', 'patternProperties', 'propertyNames') and isinstance(error.value, dict):
        return _unknown(error.value, definition, where, field)
    if error.rule in ('minProperties', 'maxProperties', 'minItems', 'maxItems', 'uniqueItems') and 'x-says' not in definition:
        return InvalidInput(f'Invalid input for {where}: {error.rule} is {error.rule_definition}.', field=field or None)
    says = _says(definition)
    return InvalidInput(f'Invalid input for {where}: it must be {says}{_got(error.value, definition)}.', field=field or None)


def _field_name(name: str) -> str:
    """`data.port.fixed_ips[0].ip_address` without the root."""
    return name.removeprefix('data').lstrip('.')


def _unknown(value: dict[str, Any], definition: dict[str, Any], where: str, field: str) -> InvalidInput:
    known = definition.get('properties', {})
    pattern = next(iter(definition.get('patternProperties', {})), None)
    strangers = sorted(str(name)[:_SHOWN] for name in value if name not in known and not _matches(pattern, name))
    fixed = [name for name in strangers if name in definition.get('x-fixed', ())]
    path = f'{field}.{strangers[0]}' if field and strangers else strangers[0] if strangers else field
    if fixed:
        return InvalidInput(f'{", ".join(map(repr, fixed))} cannot be set in {where} by this request.', field=path)
    if pattern is not None and not known:
        return InvalidInput(f'Invalid key {strangers[0]!r} in {where}: it must be {_says(definition)}.', field=path)
    allowed = f'allowed: {", ".join(sorted(known))}' if known else 'none is allowed'
    return InvalidInput(f'Unknown field {", ".join(map(repr, strangers))} in {where}; {allowed}.', field=path)


def _matches(pattern: str | None, name: str) -> bool:
    return pattern is not None and re.search(pattern, name) is not None


def _says(definition: dict[str, Any]) -> str:
    """What is allowed, in words; from the schema itself where a service wrote it by hand."""
    if 'x-says' in definition:
        return str(definition['x-says'])
    if 'enum' in definition:
        return 'one of ' + ', '.join(json.dumps(value) for value in definition['enum'])
    if 'const' in definition:
        return json.dumps(definition['const'])
    kinds = definition.get('type')
    words = {'integer': 'a whole number', 'string': 'a string', 'object': 'an object', 'array': 'a list', 'boolean': 'true or false'}
    parts = [words.get(kind, str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind]
    said = ' or '.join(parts) or 'of the documented form'
    limits = [f'{word} {definition[key]}' for key, word in _LIMITS if key in definition]
    return said + (f' ({", ".join(limits)})' if limits else '')


_LIMITS = (
    ('minLength', 'at least this many characters:'),
    ('maxLength', 'at most this many characters:'),
    ('minimum', 'at least'),
    ('maximum', 'at most'),
    ('minItems', 'at least this many values:'),
    ('maxItems', 'at most this many values:'),
    ('pattern', 'matching'),
)


def _got(value: Any, definition: dict[str, Any]) -> str:
    """The value as the client wrote it, shortened; nothing for secrets and whole objects."""
    if definition.get('x-secret') or isinstance(value, dict | list):
        return f', not {"an object" if isinstance(value, dict) else "a list"}' if isinstance(value, dict | list) else ''
    shown = json.dumps(value) if value is None or isinstance(value, bool | int | float) else json.dumps(value, ensure_ascii=False)
    return f', not {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."}'


def body_schema(fields: list[Field], create: bool, extra: str) -> dict[str, Any]:
    """The JSON Schema of a create or update body made of fields. `extra`: `refuse` or `allow` unknown keys."""
    writable = [field for field in fields if field.is_writable(create)]
    schema: dict[str, Any] = {'type': 'object', 'properties': {f.name: _with_default(f) for f in writable}, 'x-says': 'an object'}
    required = [f.name for f in writable if create and REQUIRED in f.flags and f.default is MISSING]
    if required:
        schema['required'] = required
    fixed = sorted({f.name for f in fields} - {f.name for f in writable})
    schema['x-fixed'] = fixed
    if extra == 'refuse':
        schema['additionalProperties'] = False
    return schema


def _with_default(field: Field) -> dict[str, Any]:
    schema = field.type.schema()
    if field.help:
        schema = {**schema, 'description': field.help}
    return schema


def field_converters(fields: list[Field]) -> list[tuple[str, Converter]]:
    """(name, converter) of the fields whose values need one."""
    return [(field.name, conv) for field in fields if (conv := field.type.converter()) is not None]


def view_schema(fields: list[Field]) -> dict[str, Any]:
    """The JSON Schema of an answer made of fields; open to more keys, as upstream's documents are.

    Required is what the service itself sets and shows to everybody at every version; with `fields` a client gets only those.
    """
    shown = [field for field in fields if WRITE_ONLY not in field.flags and not field.type.schema().get('x-secret')]
    always = [f.name for f in shown if READ_ONLY in f.flags and not (SOMETIMES in f.flags or f.read_policy or f.since or f.until)]
    schema: dict[str, Any] = {'type': 'object', 'properties': {f.name: _shown_schema(f) for f in shown}}
    return {**schema, 'required': always} if always else schema


def _shown_schema(field: Field) -> dict[str, Any]:
    """What a client may see there: types that clients may write in several ways are answered in one."""
    schema = dict(field.type.schema())
    if schema.get('enum') and True in schema['enum'] and 'true' in schema['enum']:
        return {'type': ['boolean', 'null'] if None in schema['enum'] else 'boolean'}
    kinds = schema.get('type')
    if isinstance(kinds, list) and 'integer' in kinds and 'string' in kinds:
        schema['type'] = [kind for kind in kinds if kind != 'string']
        schema.pop('format', None)
    if field.help:
        schema['description'] = field.help
    return schema
