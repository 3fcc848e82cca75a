"""Namespaces of metadata definitions."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import DELETE, GET, POST, PUT, Call, Reply, Resource
from common.api.types import Str
from common.errors import InvalidInput
from image.api.metadefs import common, objects, resource_types, tags
from image.metadefs import namespaces
from image.metadefs.records import OBJECT, PROPERTY, TAG, VISIBILITIES, Definition, NamespaceRecord


def view(record: NamespaceRecord) -> dict[str, Any]:
    """A namespace as clients see it, without what is in it."""
    return common.without_empty(
        {
            'namespace': record.namespace,
            'display_name': record.display_name,
            'description': record.description,
            'visibility': record.visibility,
            'protected': record.protected,
            'owner': record.owner,
            'created_at': clock.iso(record.created_at),
            'updated_at': clock.iso(record.updated_at),
            'self': f'{common.BASE}/{record.namespace}',
            'schema': '/v2/schemas/metadefs/namespace',
        }
    )


def whole_view(found: Definition) -> dict[str, Any]:
    """A namespace with all that is in it; kinds that it has nothing of are left out."""
    name = found.namespace.namespace
    parts = {
        'properties': {entry.name: entry.body for entry in found.entries[PROPERTY]},
        'objects': [objects.view(name, entry) for entry in found.entries[OBJECT]],
        'tags': [tags.view(entry) for entry in found.entries[TAG]],
        'resource_type_associations': [resource_types.association_view(meant) for meant in found.associations],
    }
    return {**view(found.namespace), **{key: value for key, value in parts.items() if value}}


def list_namespaces(call: Call) -> Reply:
    """A page of namespaces."""
    visibility = call.query.get('visibility')
    if visibility is not None and visibility not in VISIBILITIES:
        raise InvalidInput(f'visibility is one of {", ".join(VISIBILITIES)}.', field='visibility')
    wanted = [name for name in (call.query.get('resource_types') or '').split(',') if name]
    page = common.page_of(call, 'namespace')
    found = namespaces.list_page(call.service, call.ctx, visibility, wanted, page)
    views = [
        {**view(record), 'resource_type_associations': [resource_types.association_view(one) for one in meant]} for record, meant in found
    ]
    return common.paged(call, views, page, 'namespace', 'namespaces')


def create_namespace(call: Call) -> Reply:
    """Make one, with what the body puts into it."""
    found = namespaces.create(call.service, call.ctx, call.body)
    return Reply(whole_view(found), headers={'Location': call.url(f'{common.BASE}/{found.namespace.namespace}')})


def show_namespace(call: Call) -> dict[str, Any]:
    """One with all that is in it."""
    return whole_view(namespaces.show(call.service, call.ctx, call.params['namespace'], call.query.get('resource_type')))


def update_namespace(call: Call) -> dict[str, Any]:
    """Write its attributes anew."""
    return view(namespaces.update(call.service, call.ctx, call.params['namespace'], call.body))


def delete_namespace(call: Call) -> None:
    """Remove it with all that is in it."""
    namespaces.delete(call.service, call.ctx, call.params['namespace'])


_FORM = common.form('namespace')
_ONE = f'{common.BASE}/{{namespace}}'
NAMESPACES = Resource(
    'namespaces',
    'namespace',
    sort=('namespace', *common.SORT),
    rules=common.rules('namespaces', 'namespaces of metadata definitions'),
    view=_FORM,
    noun='metadata definition namespace',
    routes=[
        GET(
            common.BASE,
            list_namespaces,
            policy='image:metadef_namespaces:list',
            query={'visibility': Str(20), 'resource_types': Str(1000)},
            paging=True,
        ),
        POST(common.BASE, create_namespace, policy='image:metadef_namespaces:create', body=_FORM, ok=201),
        GET(_ONE, show_namespace, policy='image:metadef_namespaces:show', query={'resource_type': Str(80)}),
        PUT(_ONE, update_namespace, policy='image:metadef_namespaces:update', body=_FORM),
        DELETE(_ONE, delete_namespace, policy='image:metadef_namespaces:delete'),
    ],
)
