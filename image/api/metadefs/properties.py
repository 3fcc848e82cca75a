"""Properties that stand in a namespace by themselves."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, POST, PUT, Call, Reply, Resource
from common.api.types import Raw, Str
from image.api.metadefs import common
from image.api.metadefs.documents import DOCUMENTS
from image.metadefs import entries, properties
from image.metadefs.records import PROPERTY, EntryRecord


def view(entry: EntryRecord) -> dict[str, Any]:
    """A property as clients see it."""
    return {'name': entry.name, **entry.body}


def list_properties(call: Call) -> Reply:
    """Those of a namespace, by name."""
    found = entries.list_all(call.service, call.ctx, call.params['namespace'], PROPERTY)
    return Reply({'properties': {entry.name: entry.body for entry in found}}, wrap=False)


def create_property(call: Call) -> Reply:
    """One more."""
    namespace = call.params['namespace']
    made = entries.create(call.service, call.ctx, namespace, PROPERTY, call.body['name'], call.body)
    return Reply(view(made), headers={'Location': call.url(f'{common.BASE}/{namespace}/properties/{made.name}')})


def show_property(call: Call) -> dict[str, Any]:
    """One, by its own name or by that on things of a resource type."""
    namespace, name = call.params['namespace'], call.params['name']
    resource_type = call.query.get('resource_type')
    if resource_type is not None:
        return view(properties.show_on(call.service, call.ctx, namespace, name, resource_type))
    return view(entries.show(call.service, call.ctx, namespace, PROPERTY, name))


def update_property(call: Call) -> dict[str, Any]:
    """Write it anew."""
    return view(entries.update(call.service, call.ctx, call.params['namespace'], PROPERTY, call.params['name'], call.body))


def delete_property(call: Call) -> None:
    """Take it out."""
    entries.delete(call.service, call.ctx, call.params['namespace'], PROPERTY, call.params['name'])


def delete_properties(call: Call) -> None:
    """Take them all out."""
    entries.clear(call.service, call.ctx, call.params['namespace'], PROPERTY)


_FORM = common.form('property')
_LIST = Raw(
    {'type': 'object', 'required': ['properties'], 'properties': {'properties': DOCUMENTS['properties']['properties']['properties']}},
    'properties by name',
)
_ALL = f'{common.BASE}/{{namespace}}/properties'
_ONE = f'{_ALL}/{{name}}'
PROPERTIES = Resource(
    'properties',
    'property',
    rules=common.rules('properties', 'properties of metadata definitions'),
    view=_FORM,
    noun='metadata definition property',
    routes=[
        GET(_ALL, list_properties, policy='image:metadef_properties:list', paging=False, response=_LIST),
        POST(_ALL, create_property, policy='image:metadef_properties:create', body=_FORM, ok=201),
        DELETE(_ALL, delete_properties, policy='image:metadef_properties:delete'),
        GET(_ONE, show_property, policy='image:metadef_properties:show', query={'resource_type': Str(80)}),
        PUT(_ONE, update_property, policy='image:metadef_properties:update', body=_FORM),
        DELETE(_ONE, delete_property, policy='image:metadef_properties:delete'),
    ],
)
