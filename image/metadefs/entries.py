"""Objects, properties and tags of a namespace, one at a time: what the three kinds have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, NotFound
from image.db import metadefs as queries
from image.metadefs import namespaces
from image.metadefs.records import OBJECT, PROPERTY, TAG, EntryRecord

if TYPE_CHECKING:
    from common.db.paging import PageLike
    from image.service import ImageService

PLURALS = {OBJECT: 'objects', PROPERTY: 'properties', TAG: 'tags'}


def policy(kind: str, verb: str) -> str:
    """The rule that is asked."""
    return f'image:metadef_{PLURALS[kind]}:{verb}'


def taken(kind: str, name: str) -> Conflict:
    """The error for a name that is used."""
    return Conflict(f'The namespace has a metadata definition {kind} {name} already.')


def missing(kind: str, name: str) -> NotFound:
    """The error for what is not there."""
    return NotFound(f'metadata definition {kind}', name)


def list_all(service: ImageService, ctx: Context, namespace: str, kind: str, page: PageLike | None = None) -> list[EntryRecord]:
    """Those of a kind, by name; or a page of them. Raises NotFound, InvalidInput."""
    with service.db.read() as session:
        return queries.list_entries(session, namespaces.find(ctx, namespace, session).id, kind, page)


def show(service: ImageService, ctx: Context, namespace: str, kind: str, name: str) -> EntryRecord:
    """One. Raises NotFound."""
    with service.db.read() as session:
        return _get(session, namespaces.find(ctx, namespace, session).id, kind, name)


def _get(session: Any, namespace_id: str, kind: str, name: str) -> EntryRecord:
    found = queries.get_entry(session, namespace_id, kind, name) if len(name) <= 80 else None
    if found is None:
        raise missing(kind, name)
    return found


def create(service: ImageService, ctx: Context, namespace: str, kind: str, name: str, body: dict[str, Any]) -> EntryRecord:
    """Put one more into the namespace. Raises NotFound, Forbidden, Conflict."""
    namespaces.refuse_read_only(body)
    with service.db.write() as session:
        owner = namespaces.find_own(service, ctx, namespace, policy(kind, 'create'), session)
        made = namespaces.entry(owner.id, kind, name, body, now())
        queries.insert_entries(session, [made], taken(kind, name))
    return made


def update(service: ImageService, ctx: Context, namespace: str, kind: str, name: str, body: dict[str, Any]) -> EntryRecord:
    """Write it anew, under the name that the body gives. Raises NotFound, Forbidden, Conflict."""
    namespaces.refuse_read_only(body)
    with service.db.write() as session:
        owner = namespaces.find_own(service, ctx, namespace, policy(kind, 'update'), session)
        before = _get(session, owner.id, kind, name)
        changed = namespaces.entry(owner.id, kind, body['name'], body, now())
        changed.id, changed.created_at = before.id, before.created_at
        queries.save_entry(session, changed, taken(kind, changed.name))
    return changed


def delete(service: ImageService, ctx: Context, namespace: str, kind: str, name: str) -> None:
    """Take one out. Raises NotFound, Forbidden (also where the namespace is protected)."""
    with namespaces.emptying(service, ctx, namespace, policy(kind, 'delete')) as (session, owner):
        if not queries.remove_entries(session, owner.id, kind, name[:81]):
            raise missing(kind, name)


def clear(service: ImageService, ctx: Context, namespace: str, kind: str) -> None:
    """Take all of a kind out. Raises NotFound, Forbidden (also where the namespace is protected)."""
    with namespaces.emptying(service, ctx, namespace, policy(kind, 'delete')) as (session, owner):
        queries.remove_entries(session, owner.id, kind)
