"""What a route does at one epoch: its compiled body, query and view. Made once, on the first request that needs it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.api.fields import MISSING, WRITE_ONLY, Field
from common.api.filters import QueryPlan, parameters_of
from common.api.resource import FROM_FIELDS, Action, Resource, Route
from common.api.schema import Validator, body_schema, field_converters
from common.api.types import Converter, Type, as_type
from common.api.versions import Epochs, Version
from common.errors import InvalidInput

if TYPE_CHECKING:
    from common.api.dialects import Dialect

BODY_METHODS = frozenset({'POST', 'PUT', 'PATCH'})


class BodyPlan:
    """How a body is unwrapped, checked and converted. Reading it never changes anything."""

    __slots__ = (
        'validator',
        'converters',
        'convert',
        'defaults',
        'copied_defaults',
        'member',
        'collection',
        'beside',
        'extra',
        'write_policies',
        'what',
    )

    def __init__(self, validator: Validator | None, what: str) -> None:
        self.validator = validator
        self.what = what
        self.converters: list[tuple[str, Converter]] = []
        self.convert: Converter | None = None
        self.defaults: list[tuple[str, Any]] = []
        self.copied_defaults: list[tuple[str, Any]] = []
        self.member: str | None = None
        self.collection: str | None = None
        self.beside: dict[str, tuple[Validator, Converter | None]] = {}
        self.extra = 'refuse'
        self.write_policies: list[tuple[str, str, Any]] = []

    def read(self, value: Any) -> tuple[Any, dict[str, Any], bool]:
        """(body, beside, is_bulk) from the parsed JSON. Raises InvalidInput."""
        if self.member is None:
            return self._checked(value), {}, False
        if not isinstance(value, dict):
            raise InvalidInput('The body of the request must be a JSON object.')
        if self.collection is not None and self.collection in value and self.member not in value:
            return self._bulk(value[self.collection]), self._read_beside(value, self.collection), True
        if self.member not in value:
            raise InvalidInput(f'The body of the request must hold the key {self.member!r}.', field=self.member)
        return self._checked(value[self.member]), self._read_beside(value, self.member), False

    def _bulk(self, values: Any) -> list[Any]:
        if not isinstance(values, list) or not values:
            raise InvalidInput(f'{self.collection} must be a list with at least one object.', field=self.collection)
        return [self._checked(value) for value in values]

    def _read_beside(self, value: dict[str, Any], taken: str) -> dict[str, Any]:
        found = {}
        for name, given in value.items():
            if name == taken:
                continue
            if name in self.beside:
                validator, convert = self.beside[name]
                validator(given)
                found[name] = convert(given) if convert is not None and given is not None else given
            elif self.extra == 'refuse':
                allowed = ', '.join([taken, *self.beside])
                raise InvalidInput(f'Unknown key {name[:60]!r} in the body of the request; allowed: {allowed}.', field=name[:60])
        return found

    def _checked(self, value: Any) -> Any:
        if self.validator is not None:
            self.validator(value)
        if self.convert is not None and value is not None:
            value = self.convert(value)
        for name, convert in self.converters:
            given = value.get(name)
            if given is not None:
                value[name] = convert(given)
        for name, default in self.defaults:
            if name not in value:
                value[name] = default
        for name, default in self.copied_defaults:
            if name not in value:
                value[name] = copy.deepcopy(default)
        return value

    def set_defaults(self, fields: list[Field]) -> None:
        """Fill in these fields' defaults; lists and objects are copied each time, so that no request sees another's."""
        for field in fields:
            if field.default is not MISSING:
                shared = isinstance(field.default, str | int | float | bool | tuple | None)
                (self.defaults if shared else self.copied_defaults).append((field.name, field.default))


class Plan:
    """A route at one epoch."""

    __slots__ = ('body', 'query', 'hidden', 'read_policies', 'member', 'collection', 'wrap', 'actions')

    def __init__(self) -> None:
        self.body: BodyPlan | None = None
        self.query: QueryPlan | None = None
        self.hidden: frozenset[str] = frozenset()
        self.read_policies: list[tuple[str, str]] = []
        self.member = ''
        self.collection = ''
        self.wrap = True
        self.actions: dict[str, tuple[Action, BodyPlan]] = {}


def epochs_of(resource: Resource) -> Epochs:
    """Where anything of the resource changes."""
    ranges: list[tuple[Version | None, Version | None]] = [(field.since, field.until) for field in resource.fields]
    ranges += [(filter_.since, filter_.until) for filter_ in resource.filters]
    for route in resource.routes:
        texts = [(route.since, route.until), *((action.since, action.until) for action in (route.actions or {}).values())]
        ranges += [(Version.parse(since) if since else None, Version.parse(until) if until else None) for since, until in texts]
    return Epochs.of(ranges)


def make_plan(resource: Resource, route: Route, version: Version | None, dialect: Dialect) -> Plan:
    """Everything a request on this route needs at this version."""
    fields = [field for field in resource.fields if field.exists_in(version)]
    names = {field.name for field in fields}
    plan = Plan()
    plan.wrap = route.wrap if route.wrap is not None else True
    plan.member = _member_key(resource, route, dialect) or ''
    plan.collection = route.collection or resource.plural
    plan.hidden = frozenset({f.name for f in resource.fields if f.name not in names} | {f.name for f in fields if WRITE_ONLY in f.flags})
    plan.read_policies = [(f.name, f.read_policy) for f in fields if f.read_policy]
    plan.query = _query_plan(resource, route, version, dialect)
    if route.actions is not None:
        plan.actions = {name: (action, _action_body(name, action)) for name, action in route.actions.items() if _exists(action, version)}
    elif not route.stream:
        plan.body = _body_plan(resource, route, fields, dialect)
    return plan


def _exists(action: Action, version: Version | None) -> bool:
    if version is None:
        return True
    since, until = action.since, action.until
    return (not since or version >= Version.parse(since)) and (not until or version <= Version.parse(until))


def _member_key(resource: Resource, route: Route, dialect: Dialect) -> str | None:
    if route.member is not None:
        return route.member
    if route.wrap is None and not dialect.member_wrapped:
        return None
    return resource.singular


def _query_plan(resource: Resource, route: Route, version: Version | None, dialect: Dialect) -> QueryPlan:
    listing = bool(route.listing)
    filters = [f for f in resource.filters if f.exists_in(version)] if listing else []
    declared, extra = _declared_query(route.query)
    paging = listing if route.paging is None else route.paging
    fields = dialect.fields_parameter and route.method == 'GET'
    keep = extra or (dialect.extra_query if listing else 'allow')
    return QueryPlan(parameters_of(filters, declared, dialect.many_filters), keep, paging, fields)


def _declared_query(query: Any) -> tuple[dict[str, Type], str | None]:
    """(types by name, extra) from `{name: type}` or a JSON Schema of an object."""
    if query is None:
        return {}, None
    if isinstance(query, Mapping) and query.get('type') == 'object' and isinstance(query.get('properties', {}), Mapping):
        others = query.get('additionalProperties')
        extra = 'refuse' if others is False else None if others is None else 'keep'
        return {name: as_type(schema) for name, schema in query.get('properties', {}).items()}, extra
    return {name: as_type(kind) for name, kind in query.items()}, None


def _body_plan(resource: Resource, route: Route, fields: list[Field], dialect: Dialect) -> BodyPlan | None:
    given = route.body
    if given is None or (given is FROM_FIELDS and route.method not in BODY_METHODS):
        return None
    if given is FROM_FIELDS and not resource.fields:
        return BodyPlan(None, resource.noun)
    create = route.create if route.create is not None else route.method == 'POST'
    extra = route.extra or resource.extra or dialect.extra_body
    plan = (
        _from_fields(resource, fields, create, extra) if given is FROM_FIELDS else _from_schema(given, resource.singular or resource.plural)
    )
    plan.extra = extra
    if route.wrap is not False:
        plan.member = _member_key(resource, route, dialect)
        plan.collection = (route.collection or resource.plural) if route.bulk else None
    for name, kind in route.beside.items():
        typed = as_type(kind)
        plan.beside[name] = (Validator(typed.schema(), name), typed.converter())
    return plan


def _from_fields(resource: Resource, fields: list[Field], create: bool, extra: str) -> BodyPlan:
    plan = BodyPlan(Validator(body_schema(fields, create, extra), resource.singular or resource.plural), resource.noun)
    writable = [field for field in fields if field.is_writable(create)]
    plan.converters = field_converters(writable)
    if create:
        plan.set_defaults(writable)
    plan.write_policies = [(f.name, f.write_policy, f.default if create else MISSING) for f in writable if f.write_policy]
    return plan


def _from_schema(given: Any, what: str) -> BodyPlan:
    typed = as_type(given)
    plan = BodyPlan(Validator(typed.schema(), what), what)
    plan.convert = typed.converter()
    return plan


def _action_body(name: str, action: Action) -> BodyPlan:
    return BodyPlan(None, name) if action.body is None else _from_schema(action.body, name)
