"""Declaring a resource: its fields and its routes, from which everything else is made.

    SUBNETS = Resource('subnets', 'subnet', fields=[...], filters=['name'], sort=['name'], routes=[
        GET('/v2.0/subnets', list_subnets, policy='network:subnets:list'),
        POST('/v2.0/subnets', create_subnet, policy='network:subnets:create', bulk=True, ok=201)])

A path may name parameters in braces. `{project}` may be left out by clients and must be the token's project where given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.api.fields import MISSING, Field, Filter
from common.api.types import Str, Type
from common.api.versions import Version
from common.policy import Rule

if TYPE_CHECKING:
    from common.api.call import Call

Handler = Callable[['Call'], Any]
FROM_FIELDS: Any = MISSING  # the body is made of the resource's fields


def _policy_name(policy: str | Rule | None) -> str | None:
    return policy.name if isinstance(policy, Rule) else policy


@dataclasses.dataclass(frozen=True)
class Action:
    """One of the actions behind `POST .../action`, chosen by the one key of the body.

    `body` is a type or a JSON Schema of the value under that key; None: any value, which the handler does not get to see.
    """

    handler: Handler
    policy: str | Rule | None = None
    body: Any = None
    since: str | None = None
    until: str | None = None
    ok: int = 202
    wrap: bool = False
    response: Any = None
    summary: str = ''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One method on one path.

    body: from the fields (default for POST, PUT, PATCH), a type / JSON Schema, or None (none is read).
    query: `{name: type}` or a JSON Schema, beside what `filters` and paging of a list give.
    ok: status of success. bulk: a list under the collection key is taken too. wrap: body and view sit under the
    member/collection key (default: as the service does). member: another key than the resource's.
    beside: `{key: type}` that may stand next to the member key; handlers find them in `call.beside`.
    open: no token needed. stream: the body is not read by the kernel. listing: the view is a list (default: a GET whose
    path does not end in a parameter). extra: `refuse` or `allow` unknown fields. create: whether `body` from the fields
    is that of a create (default: for POST).
    policy None: the handler must ask a rule itself. response: a type / JSON Schema of the whole answer, for the OpenAPI
    document, where it is not the resource's view under its key. also: other statuses of success that the handler gives.
    """

    method: str
    path: str
    handler: Handler
    policy: str | Rule | None = None
    ok: int = 200
    body: Any = FROM_FIELDS
    query: Any = None
    bulk: bool = False
    wrap: bool | None = None
    member: str | None = None
    collection: str | None = None
    beside: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    open: bool = False
    stream: bool = False
    listing: bool | None = None
    paging: bool | None = None
    extra: str | None = None
    create: bool | None = None
    response: Any = None
    also: Sequence[int] = ()
    content_types: Sequence[str] = ('application/json',)
    max_body: int | None = None
    actions: Mapping[str, Action] | None = None
    summary: str = ''
    hidden: bool = False

    def __post_init__(self) -> None:
        if self.listing is None:
            object.__setattr__(self, 'listing', self.method == 'GET' and not self.path.rstrip('/').endswith('}'))
        for text in (self.since, self.until):
            if text:
                Version.parse(text)

    @property
    def policy_name(self) -> str | None:
        """The rule asked before the body is read."""
        return _policy_name(self.policy)

    @property
    def rules(self) -> list[Rule]:
        """Rules that were declared in place of names."""
        given = [self.policy, *(action.policy for action in (self.actions or {}).values())]
        return [rule for rule in given if isinstance(rule, Rule)]

    @property
    def policy_names(self) -> list[str]:
        """Every rule that this route may ask by itself."""
        given = [self.policy, *(action.policy for action in (self.actions or {}).values())]
        return [name for policy in given if (name := _policy_name(policy))]


def _method(method: str) -> Callable[..., Route]:
    def declare(path: str, handler: Handler, **rest: Any) -> Route:
        return Route(method=method, path=path, handler=handler, **rest)

    declare.__name__ = method
    declare.__doc__ = f'A route for {method}; see `Route` for the keywords.'
    return declare


GET, HEAD, POST, PUT, PATCH = (_method(name) for name in ('GET', 'HEAD', 'POST', 'PUT', 'PATCH'))


def DELETE(path: str, handler: Handler, **rest: Any) -> Route:  # noqa: N802
    """A route for DELETE; answers 204 and reads no body unless told otherwise."""
    rest.setdefault('ok', 204)
    rest.setdefault('body', None)
    return Route(method='DELETE', path=path, handler=handler, **rest)


def ACTIONS(path: str, actions: Mapping[str, Action], **rest: Any) -> Route:  # noqa: N802
    """`POST path` with one key in the body, which chooses the action."""
    return Route(method='POST', path=path, handler=_no_handler, actions=dict(actions), body=None, wrap=False, **rest)


def _no_handler(call: Call) -> Any:
    raise TypeError('actions have handlers of their own')


@dataclasses.dataclass(frozen=True, init=False)
class Resource:
    """A kind of thing with its fields and routes.

    plural and singular: the keys that collections and members sit under in JSON. filters: query parameters of lists, as
    names of fields or `Filter`s. sort: names a list may be sorted by. extra: `refuse` or `allow` unknown fields in bodies
    (default: as the service does). noun: what messages call it. rules: policy defaults that belong to it. view: a type or
    JSON Schema of one thing in answers, for the OpenAPI document, where it is not made of fields.
    """

    plural: str
    singular: str | None
    fields: tuple[Field, ...]
    filters: tuple[Filter, ...]
    sort: tuple[str, ...]
    routes: tuple[Route, ...]
    extra: str | None
    noun: str
    rules: tuple[Rule, ...]
    view: Any

    def __init__(
        self,
        plural: str,
        singular: str | None = None,
        *,
        fields: Iterable[Field] = (),
        filters: Iterable[str | Filter] = (),
        sort: Iterable[str] = (),
        routes: Iterable[Route] = (),
        extra: str | None = None,
        noun: str | None = None,
        rules: Iterable[Rule] = (),
        view: Any = None,
    ) -> None:
        fields = tuple(fields)
        types = {field.name: field.type for field in fields}
        set_ = object.__setattr__
        set_(self, 'plural', plural)
        set_(self, 'singular', singular)
        set_(self, 'fields', fields)
        set_(self, 'filters', tuple(_as_filter(given, types) for given in filters))
        set_(self, 'sort', tuple(sort))
        set_(self, 'routes', tuple(routes))
        set_(self, 'extra', extra)
        set_(self, 'noun', noun or (singular or plural).replace('_', ' '))
        set_(self, 'rules', tuple(rules))
        set_(self, 'view', view)


def _as_filter(given: str | Filter, types: Mapping[str, Type]) -> Filter:
    filter_ = Filter(given) if isinstance(given, str) else given
    if filter_.type is not None:
        return filter_
    return Filter(
        filter_.name,
        types.get(filter_.name, Str),
        many=filter_.many,
        since=str(filter_.since) if filter_.since else None,
        until=str(filter_.until) if filter_.until else None,
        help=filter_.help,
    )
