"""Namespaces: who may see and change them, and what they are made of.

Functions take the service, the caller's context and plain values; each is one transaction. A private namespace of another
project does not exist for the caller (404).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_id
from image.db import metadefs as queries
from image.metadefs.records import KINDS, OBJECT, PROPERTY, TAG, AssociationRecord, Definition, EntryRecord, NamespaceRecord

if TYPE_CHECKING:
    from common.db.paging import PageLike
    from image.service import ImageService

_READ_ONLY = ('created_at', 'updated_at', 'self', 'schema')


def find(ctx: Context, name: str, session: Any) -> NamespaceRecord:
    """The namespace, if the caller may see it. Raises NotFound."""
    record = queries.get_namespace(session, name) if len(name) <= 80 else None
    if record is not None and (ctx.is_admin or record.visibility == 'public'):
        return record
    if record is None or record.owner is None or record.owner != ctx.project_id:
        raise NotFound('metadata definition namespace', name)
    return record


def find_own(service: ImageService, ctx: Context, name: str, policy: str, session: Any) -> NamespaceRecord:
    """The namespace, if the caller may do to it what the policy names. Raises NotFound, Forbidden."""
    record = find(ctx, name, session)
    if not service.policy.check(ctx, policy, {'project_id': record.owner, 'owner': record.owner, 'visibility': record.visibility}):
        raise Forbidden(f'You may not change the metadata definition namespace {name}.')
    return record


@contextlib.contextmanager
def emptying(service: ImageService, ctx: Context, name: str, policy: str) -> Iterator[tuple[Any, NamespaceRecord]]:
    """A transaction that takes something out of a namespace: (session, namespace). Raises also Forbidden where it is protected."""
    with service.db.write() as session:
        record = find_own(service, ctx, name, policy, session)
        if record.protected:
            raise Forbidden(f'The metadata definition namespace {name} is protected; nothing of it can be deleted.')
        yield session, record


def refuse_read_only(body: dict[str, Any]) -> None:
    """Raises Forbidden where a client sets what only the service may write."""
    for name in _READ_ONLY:
        if name in body:
            raise Forbidden(f"Attribute '{name}' is read-only.")


def list_page(
    service: ImageService, ctx: Context, visibility: str | None, resource_types: list[str], page: PageLike
) -> list[tuple[NamespaceRecord, list[AssociationRecord]]]:
    """A page of what the caller may see, with what each is meant for. Raises InvalidInput."""
    with service.db.read() as session:
        found = queries.list_namespaces(session, ctx.project_id, ctx.is_admin, visibility, resource_types, page)
        meant = queries.list_associations(session, [record.id for record in found])
    return [(record, meant[record.id]) for record in found]


def show(service: ImageService, ctx: Context, name: str, resource_type: str | None = None) -> Definition:
    """The namespace with all that is in it, its properties named as they are on things of the resource type. Raises NotFound."""
    with service.db.read() as session:
        found = definition(session, find(ctx, name, session))
    prefix = next((meant.prefix for meant in found.associations if meant.resource_type == resource_type), None)
    return _prefixed(found, prefix) if prefix else found


def definition(session: Any, record: NamespaceRecord) -> Definition:
    """The namespace with all that is in it."""
    entries: dict[str, list[EntryRecord]] = {kind: [] for kind in KINDS}
    for entry in queries.list_entries(session, record.id):
        entries[entry.kind].append(entry)
    return Definition(record, entries, queries.list_associations(session, [record.id])[record.id])


def _prefixed(found: Definition, prefix: str) -> Definition:
    properties = [dataclasses.replace(entry, name=prefix + entry.name) for entry in found.entries[PROPERTY]]
    objects = []
    for entry in found.entries[OBJECT]:
        body = dict(entry.body)
        if 'properties' in body:
            body['properties'] = {prefix + name: form for name, form in body['properties'].items()}
        if 'required' in body:
            body['required'] = [prefix + name for name in body['required']]
        objects.append(dataclasses.replace(entry, body=body))
    return dataclasses.replace(found, entries={**found.entries, PROPERTY: properties, OBJECT: objects})


def create(service: ImageService, ctx: Context, body: dict[str, Any]) -> Definition:
    """Make a namespace with all that the body holds. Raises Conflict, Forbidden, InvalidInput."""
    refuse_read_only(body)
    with service.db.write() as session:
        return create_in(session, body, ctx.project_id)


def create_in(session: Any, body: dict[str, Any], owner: str | None) -> Definition:
    """As `create`, within a transaction; `owner` where the body names none."""
    when = now()
    record = NamespaceRecord(new_id(), body['namespace'], *_attributes(body, owner), when, when)
    queries.insert_namespace(session, record, Conflict(f'The metadata definition namespace {record.namespace} already exists.'))
    entries = [entry(record.id, kind, name, inner, when) for kind, name, inner in _contents(body)]
    twice = Conflict(f'Two objects, properties or tags of the metadata definition namespace {record.namespace} have the same name.')
    queries.insert_entries(session, entries, twice)
    meant = [association(record.id, given, when) for given in body.get('resource_type_associations', ())]
    queries.insert_associations(session, meant, Conflict('A resource type is named twice.'))
    return definition(session, record)


def _attributes(body: dict[str, Any], owner: str | None) -> tuple[str | None, str | None, str, bool, str | None]:
    return (
        body.get('display_name'),
        body.get('description'),
        body.get('visibility') or 'private',
        bool(body.get('protected')),
        body.get('owner') or owner,
    )


def _contents(body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, inner in body.get('properties', {}).items():
        if not 0 < len(name) <= 80:
            raise InvalidInput('The name of a property has 1 to 80 characters.', field='properties')
        yield PROPERTY, name, inner
    for kind, plural in ((OBJECT, 'objects'), (TAG, 'tags')):
        for inner in body.get(plural, ()):
            yield kind, inner['name'], inner


def entry(namespace_id: str, kind: str, name: str, body: dict[str, Any], when: datetime.datetime) -> EntryRecord:
    """A new object, property or tag as it is stored."""
    kept = {key: value for key, value in body.items() if key != 'name' and value is not None and key not in _READ_ONLY}
    return EntryRecord(new_id(), namespace_id, kind, name, kept, when, when)


def association(namespace_id: str, body: dict[str, Any], when: datetime.datetime) -> AssociationRecord:
    """A new association as it is stored."""
    return AssociationRecord(namespace_id, body['name'], body.get('prefix'), body.get('properties_target'), when, when)


def update(service: ImageService, ctx: Context, name: str, body: dict[str, Any]) -> NamespaceRecord:
    """Write the attributes anew; one that is not given is what it would be in a new namespace. What is in it stays.

    Raises NotFound, Forbidden, Conflict.
    """
    refuse_read_only(body)
    with service.db.write() as session:
        record = find_own(service, ctx, name, 'image:metadef_namespaces:update', session)
        values = _attributes(body, record.owner)
        changed = NamespaceRecord(record.id, body['namespace'], *values, record.created_at, now())
        queries.save_namespace(session, changed, Conflict(f'The metadata definition namespace {changed.namespace} already exists.'))
    return changed


def delete(service: ImageService, ctx: Context, name: str) -> None:
    """Remove it with all that is in it. Raises NotFound, Forbidden (also where it is protected)."""
    with emptying(service, ctx, name, 'image:metadef_namespaces:delete') as (session, record):
        queries.remove_namespace(session, record.id)
