"""Objects: groups of properties that belong together."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, POST, PUT, Call, Reply, Resource
from image.api.metadefs import common
from image.metadefs import entries
from image.metadefs.records import OBJECT, EntryRecord


def view(namespace: str, entry: EntryRecord) -> dict[str, Any]:
    """An object as clients see it."""
    return {
        'required': [],
        'properties': {},
        **entry.body,
        'name': entry.name,
        **common.times(entry),
        'self': f'{common.BASE}/{namespace}/objects/{entry.name}',
        'schema': '/v2/schemas/metadefs/object',
    }


def list_objects(call: Call) -> Reply:
    """Those of a namespace."""
    page = common.page_of(call, 'name', default=None)
    namespace = call.params['namespace']
    views = [view(namespace, entry) for entry in entries.list_all(call.service, call.ctx, namespace, OBJECT, page)]
    return common.paged(call, views, page, 'name', 'objects')


def create_object(call: Call) -> Reply:
    """One more."""
    namespace = call.params['namespace']
    made = view(namespace, entries.create(call.service, call.ctx, namespace, OBJECT, call.body['name'], call.body))
    return Reply(made, headers={'Location': call.url(made['self'])})


def show_object(call: Call) -> dict[str, Any]:
    """One."""
    namespace = call.params['namespace']
    return view(namespace, entries.show(call.service, call.ctx, namespace, OBJECT, call.params['name']))


def update_object(call: Call) -> dict[str, Any]:
    """Write it anew."""
    namespace = call.params['namespace']
    return view(namespace, entries.update(call.service, call.ctx, namespace, OBJECT, call.params['name'], call.body))


def delete_object(call: Call) -> None:
    """Take it out."""
    entries.delete(call.service, call.ctx, call.params['namespace'], OBJECT, call.params['name'])


def delete_objects(call: Call) -> None:
    """Take them all out."""
    entries.clear(call.service, call.ctx, call.params['namespace'], OBJECT)


_FORM = common.form('object')
_ALL = f'{common.BASE}/{{namespace}}/objects'
_ONE = f'{_ALL}/{{name}}'
OBJECTS = Resource(
    'objects',
    'object',
    sort=('name', *common.SORT),
    rules=common.rules('objects', 'objects of metadata definitions'),
    view=_FORM,
    noun='metadata definition object',
    routes=[
        GET(_ALL, list_objects, policy='image:metadef_objects:list'),
        POST(_ALL, create_object, policy='image:metadef_objects:create', body=_FORM, ok=201),
        DELETE(_ALL, delete_objects, policy='image:metadef_objects:delete'),
        GET(_ONE, show_object, policy='image:metadef_objects:show'),
        PUT(_ONE, update_object, policy='image:metadef_objects:update', body=_FORM),
        DELETE(_ONE, delete_object, policy='image:metadef_objects:delete'),
    ],
)
