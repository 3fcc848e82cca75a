"""Reading the query string: filters, paging, fields, and what else a route declares."""

from __future__ import annotations

import dataclasses
import urllib.parse
from typing import Any

from common.api.fields import Filter
from common.api.paging import PARAMETERS as PAGING
from common.api.paging import check_numbers
from common.api.schema import Validator
from common.api.types import Converter, Enum, Formatted, Nullable, Type
from common.errors import InvalidInput

MAX_PARAMETERS = 1000
MAX_TEXT = 512


def parse_query(text: str) -> list[tuple[str, str]]:
    """Names and values in order. Raises InvalidInput for invalid UTF-8, null bytes, too many parameters."""
    try:
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, errors='strict', max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise InvalidInput('The query of the request is not valid UTF-8.') from None
    except ValueError:
        raise InvalidInput(f'The query of the request has more than {MAX_PARAMETERS} parameters.') from None
    if '%00' in text or '\0' in text:
        for name, value in pairs:
            if '\0' in name or '\0' in value:
                shown = name.replace('\0', '')[:60]
                raise InvalidInput(f'The query parameter {shown!r} holds a null byte.', field=shown)
    return pairs


class Parameter:
    """One query parameter, ready to be read.

    A filter compares: text that no record could hold (a word that is not a UUID) finds nothing and is no error.
    """

    __slots__ = ('name', 'type', 'many', 'is_filter', 'lenient', 'validator', 'convert')

    def __init__(self, name: str, type: Type, many: bool, is_filter: bool) -> None:
        self.name = name
        self.type = type
        self.many = many
        self.is_filter = is_filter
        inner = type.inner if isinstance(type, Nullable) else type
        self.lenient = is_filter and isinstance(inner, Formatted | Enum)
        self.validator = Validator(type.schema(), name)
        self.convert: Converter | None = type.converter()

    def read(self, text: str) -> Any:
        """The value of a text. Raises InvalidInput that names the parameter and what it may be."""
        value = self.type.from_text(text)
        try:
            self.validator(value)
        except InvalidInput:
            if self.lenient and len(text) <= MAX_TEXT:
                return text
            shown = text if len(text) <= 60 else text[:60] + '...'
            raise InvalidInput(
                f'Invalid value for the query parameter {self.name}: it must be {self.type.says}, not {shown!r}.', field=self.name
            ) from None
        return self.convert(value) if self.convert is not None and value is not None else value


@dataclasses.dataclass(frozen=True, slots=True)
class QueryPlan:
    """What a route reads from the query at one epoch. `extra`: `refuse`, `allow` (left out) or `keep` unknown parameters."""

    parameters: dict[str, Parameter]
    extra: str
    paging: bool
    fields: bool

    def read(self, text: str, environ: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
        """(query, filters, fields) from a query string; leaves paging parameters in the environ."""
        query: dict[str, Any] = {}
        filters: dict[str, Any] = {}
        fields: list[str] = []
        paging: dict[str, list[str]] = {}
        for name, value in parse_query(text):
            parameter = self.parameters.get(name)
            if parameter is not None:
                read = parameter.read(value)
                if parameter.many:
                    query.setdefault(name, []).append(read)
                else:
                    query[name] = read
                if parameter.is_filter:
                    filters[name] = query[name]
            elif self.paging and name in PAGING:
                paging.setdefault(name, []).append(value)
            elif self.fields and name == 'fields':
                fields.extend(part for part in value.split(',') if part)
            elif self.extra == 'refuse':
                raise self._unknown(name)
            elif self.extra == 'keep':
                query[name] = value
        if paging:
            check_numbers(paging)
            environ['pileus.paging'] = paging
        return query, filters, tuple(fields)

    def _unknown(self, name: str) -> InvalidInput:
        known = sorted({*self.parameters, *(PAGING if self.paging else ()), *(('fields',) if self.fields else ())})
        allowed = f'allowed: {", ".join(known)}' if known else 'none is allowed'
        return InvalidInput(f'Unknown query parameter {name[:60]!r}; {allowed}.', field=name[:60])


def parameters_of(filters: list[Filter], declared: dict[str, Type], many_filters: bool) -> dict[str, Parameter]:
    """The readers of a route's filters and of its own parameters."""
    found = {f.name: Parameter(f.name, f.type, many_filters if f.many is None else f.many, True) for f in filters}
    found.update({name: Parameter(name, kind, False, False) for name, kind in declared.items()})
    return found
