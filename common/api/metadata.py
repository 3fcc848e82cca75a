"""Metadata of a thing as a sub-resource: six routes over one dict of strings, declared once for all who have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from common.api.answers import answer
from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, PUT, Route
from common.api.types import Map, Obj, Str, Type
from common.errors import InvalidInput, NotFound

METADATA = answer({'metadata': {str: str}})
ITEM = answer({'meta': {str: str}})


class Change(Protocol):
    """Changes metadata and gives what results; raises NotFound for a key to remove that is not there."""

    def __call__(self, call: Call, changes: dict[str, str], *, replace: bool = False, remove: str | None = None) -> dict[str, str]:
        """Add, or with `replace` put in the place of all, or remove one key."""
        ...


def metadata_routes(
    path: str,
    *,
    show: Callable[[Call], Mapping[str, str]],
    change: Change,
    read: str,
    write: str,
    values: Type = Map(Str(255)),
    removed: int = 204,
    until: str | None = None,
) -> list[Route]:
    """The routes of `path` and `path/{key}`.

    :param path: ends in the name of the sub-resource, for example `/v3/{project}/volumes/{id}/metadata`
    :param read: policy of showing; `write`: of every change
    :param values: type of the dict in bodies
    :param removed: status of a removal that succeeded
    :param until: the last version that has the routes
    """

    def show_all(call: Call) -> Reply:
        return Reply({'metadata': show(call)}, wrap=False)

    def show_item(call: Call) -> Reply:
        found, key = show(call), call.params['key']
        if key not in found:
            raise NotFound('metadata item', key)
        return Reply({'meta': {key: found[key]}}, wrap=False)

    def add(call: Call) -> Reply:
        return Reply({'metadata': change(call, call.body['metadata'])}, wrap=False)

    def replace(call: Call) -> Reply:
        return Reply({'metadata': change(call, call.body['metadata'], replace=True)}, wrap=False)

    def set_item(call: Call) -> Reply:
        key, meta = call.params['key'], call.body['meta']
        if set(meta) != {key}:
            raise InvalidInput('The body holds exactly the item that the path names.', field='meta')
        change(call, meta)
        return Reply({'meta': meta}, wrap=False)

    def remove_item(call: Call) -> None:
        change(call, {}, remove=call.params['key'])

    whole, one = Obj({'metadata': values}, required=['metadata']), Obj({'meta': values}, required=['meta'])
    item = f'{path}/{{key}}'
    described: dict[str, Any] = {'response': METADATA, 'wrap': False, 'until': until}
    return [
        GET(path, show_all, policy=read, listing=False, summary='All metadata', **described),
        POST(path, add, policy=write, body=whole, summary='Add to the metadata', **described),
        PUT(path, replace, policy=write, body=whole, summary='Replace the metadata', **described),
        GET(item, show_item, policy=read, response=ITEM, until=until, summary='One item of the metadata'),
        PUT(item, set_item, policy=write, response=ITEM, body=one, wrap=False, until=until, summary='Set one item of the metadata'),
        DELETE(item, remove_item, policy=write, ok=removed, until=until, summary='Remove one item of the metadata'),
    ]
