"""Resource types, and for which of them a namespace is meant."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import DELETE, GET, POST, Call, Reply, Resource
from common.api.answers import answer
from image.api.metadefs import common
from image.metadefs import resource_types
from image.metadefs.records import AssociationRecord, ResourceTypeRecord


def view(record: ResourceTypeRecord) -> dict[str, Any]:
    """A resource type as clients see it."""
    times = {'created_at': record.created_at, 'updated_at': record.updated_at}
    return {'name': record.name, **{key: clock.iso(when) for key, when in times.items() if when is not None}}


def association_view(record: AssociationRecord) -> dict[str, Any]:
    """An association as clients see it."""
    return common.without_empty(
        {'name': record.resource_type, 'prefix': record.prefix, 'properties_target': record.properties_target, **common.times(record)}
    )


def list_types(call: Call) -> Reply:
    """All that are known."""
    found = resource_types.list_all(call.service)
    return Reply([view(record) for record in found], extra={'schema': '/v2/schemas/metadefs/resource_types'})


def list_associations(call: Call) -> Reply:
    """What a namespace is meant for."""
    found = resource_types.of_namespace(call.service, call.ctx, call.params['namespace'])
    return Reply([association_view(record) for record in found], extra={'schema': '/v2/schemas/metadefs/resource_types'})


def associate(call: Call) -> Reply:
    """Mean the namespace for one more."""
    namespace = call.params['namespace']
    made = resource_types.associate(call.service, call.ctx, namespace, call.body)
    return Reply(association_view(made), headers={'Location': call.url(f'{common.BASE}/{namespace}/resource_types')})


def dissociate(call: Call) -> None:
    """Mean it no longer."""
    resource_types.dissociate(call.service, call.ctx, call.params['namespace'], call.params['resource_type'])


_ALL = f'{common.BASE}/{{namespace}}/resource_types'
RESOURCE_TYPES = Resource(
    'resource_types',
    'resource_type',
    rules=common.rules('resource_types', 'what metadata definitions are meant for', 'list', 'create', 'delete'),
    view=answer({'name': str, 'created_at?': str, 'updated_at?': str}),
    routes=[GET('/v2/metadefs/resource_types', list_types, policy='image:metadef_resource_types:list', paging=False)],
)
ASSOCIATIONS = Resource(
    'resource_type_associations',
    'resource_type_association',
    view=common.form('resource_type'),
    noun='resource type association',
    routes=[
        GET(_ALL, list_associations, policy='image:metadef_resource_types:list', paging=False),
        POST(_ALL, associate, policy='image:metadef_resource_types:create', body=common.form('resource_type'), ok=201),
        DELETE(f'{_ALL}/{{resource_type}}', dissociate, policy='image:metadef_resource_types:delete'),
    ],
)
