"""Resource types, and for which of them a namespace is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, NotFound
from image.db import metadefs as queries
from image.metadefs import namespaces
from image.metadefs.records import RESOURCE_TYPES, AssociationRecord, ResourceTypeRecord

if TYPE_CHECKING:
    from image.service import ImageService


def list_all(service: ImageService) -> list[ResourceTypeRecord]:
    """All of them by name: those that are always known, and those that a namespace was ever meant for. They are everybody's."""
    with service.db.read() as session:
        made = {record.name: record for record in queries.list_resource_types(session)}
    known = {name: ResourceTypeRecord(name) for name in RESOURCE_TYPES}
    return [record for _, record in sorted({**known, **made}.items())]


def of_namespace(service: ImageService, ctx: Context, namespace: str) -> list[AssociationRecord]:
    """What the namespace is meant for. Raises NotFound."""
    with service.db.read() as session:
        owner = namespaces.find(ctx, namespace, session)
        return queries.list_associations(session, [owner.id])[owner.id]


def associate(service: ImageService, ctx: Context, namespace: str, body: dict[str, Any]) -> AssociationRecord:
    """Mean the namespace for one more; a resource type that is not known becomes so. Raises NotFound, Forbidden, Conflict."""
    namespaces.refuse_read_only(body)
    with service.db.write() as session:
        owner = namespaces.find_own(service, ctx, namespace, 'image:metadef_resource_types:create', session)
        made = namespaces.association(owner.id, body, now())
        queries.insert_associations(session, [made], Conflict(f'The namespace {namespace} is meant for {made.resource_type} already.'))
    return made


def dissociate(service: ImageService, ctx: Context, namespace: str, resource_type: str) -> None:
    """Mean it no longer. Raises NotFound, Forbidden (also where the namespace is protected)."""
    with namespaces.emptying(service, ctx, namespace, 'image:metadef_resource_types:delete') as (session, owner):
        if not queries.remove_association(session, owner.id, resource_type[:81]):
            raise NotFound('metadata definition resource type association', resource_type)
