"""Queries about metadata definitions."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from common.db import duplicate_as
from common.db.paging import PageLike, apply
from common.errors import PileusError
from image.db.metadef_models import MetadefAssociation, MetadefEntry, MetadefNamespace, MetadefResourceType
from image.metadefs.records import AssociationRecord, EntryRecord, NamespaceRecord, ResourceTypeRecord

_NAMESPACE = list(MetadefNamespace.__table__.columns)
_ENTRY = list(MetadefEntry.__table__.columns)
_ASSOCIATION = list(MetadefAssociation.__table__.columns)
_SORT = {name: MetadefNamespace.__table__.columns[name] for name in ('namespace', 'created_at', 'updated_at')}
_ENTRY_SORT = {name: MetadefEntry.__table__.columns[name] for name in ('name', 'created_at', 'updated_at')}


def _values(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


# -- namespaces


def insert_namespace(session: Session, record: NamespaceRecord, taken: PileusError) -> None:
    """Write a new namespace; raises `taken` where there is one of that name."""
    with duplicate_as(session, taken):
        session.execute(insert(MetadefNamespace).values(**_values(record)))


def save_namespace(session: Session, record: NamespaceRecord, taken: PileusError) -> None:
    """Write all of an existing namespace; raises `taken` where another one has that name."""
    with duplicate_as(session, taken):
        session.execute(update(MetadefNamespace).where(MetadefNamespace.id == record.id).values(**_values(record)))


def get_namespace(session: Session, name: str) -> NamespaceRecord | None:
    """The namespace of this name, or None."""
    row = session.execute(select(*_NAMESPACE).where(MetadefNamespace.namespace == name)).one_or_none()
    return NamespaceRecord(**row._mapping) if row else None


def remove_namespace(session: Session, namespace_id: str) -> None:
    """Delete it and all that is in it."""
    for table in (MetadefEntry, MetadefAssociation):
        session.execute(delete(table).where(table.namespace_id == namespace_id))
    session.execute(delete(MetadefNamespace).where(MetadefNamespace.id == namespace_id))


def list_namespaces(
    session: Session, project_id: str | None, is_admin: bool, visibility: str | None, resource_types: Sequence[str], page: PageLike
) -> list[NamespaceRecord]:
    """A page of namespaces that the caller may see, of those that are meant for one of the resource types (none named: all)."""
    query = select(*_NAMESPACE)
    if not is_admin:
        query = query.where(or_(MetadefNamespace.visibility == 'public', MetadefNamespace.owner == project_id))
    if visibility is not None:
        query = query.where(MetadefNamespace.visibility == visibility)
    if resource_types:
        meant = select(MetadefAssociation.namespace_id).where(MetadefAssociation.resource_type.in_(resource_types))
        query = query.where(MetadefNamespace.id.in_(meant))

    def marked(name: str) -> NamespaceRecord | None:
        found = get_namespace(session, name)
        return found if found and (is_admin or found.visibility == 'public' or found.owner == project_id) else None

    rows = session.execute(apply(query, page, _SORT, marked, key='namespace'))
    return [NamespaceRecord(**row._mapping) for row in rows]


# -- objects, properties, tags


def list_entries(session: Session, namespace_id: str, kind: str | None = None, page: PageLike | None = None) -> list[EntryRecord]:
    """What is in a namespace, by name unless a page says otherwise."""
    query = select(*_ENTRY).where(MetadefEntry.namespace_id == namespace_id)
    if kind is not None:
        query = query.where(MetadefEntry.kind == kind)
    if page is None:
        query = query.order_by(MetadefEntry.name)
    else:
        query = apply(query, page, _ENTRY_SORT, lambda name: get_entry(session, namespace_id, kind or '', name), key='name')
    return [EntryRecord(**row._mapping) for row in session.execute(query)]


def get_entry(session: Session, namespace_id: str, kind: str, name: str) -> EntryRecord | None:
    """One of them, or None."""
    where = (MetadefEntry.namespace_id == namespace_id, MetadefEntry.kind == kind, MetadefEntry.name == name)
    row = session.execute(select(*_ENTRY).where(*where)).one_or_none()
    return EntryRecord(**row._mapping) if row else None


def insert_entries(session: Session, records: Iterable[EntryRecord], taken: PileusError) -> None:
    """Write new ones; raises `taken` where one of the names is used."""
    rows = [_values(record) for record in records]
    if rows:
        with duplicate_as(session, taken):
            session.execute(insert(MetadefEntry), rows)


def save_entry(session: Session, record: EntryRecord, taken: PileusError) -> None:
    """Write all of an existing one; raises `taken` where another one has that name."""
    with duplicate_as(session, taken):
        session.execute(update(MetadefEntry).where(MetadefEntry.id == record.id).values(**_values(record)))


def remove_entries(session: Session, namespace_id: str, kind: str, name: str | None = None) -> int:
    """Delete those of a kind, or the one of this name; gives how many there were."""
    query = delete(MetadefEntry).where(MetadefEntry.namespace_id == namespace_id, MetadefEntry.kind == kind)
    if name is not None:
        query = query.where(MetadefEntry.name == name)
    return int(session.execute(query).rowcount)


# -- resource types


def list_resource_types(session: Session) -> list[ResourceTypeRecord]:
    """All of them, by name."""
    columns = MetadefResourceType.__table__.columns
    return [ResourceTypeRecord(**row._mapping) for row in session.execute(select(*columns).order_by(MetadefResourceType.name))]


def _add_resource_type(session: Session, name: str, when: datetime.datetime) -> None:
    if session.get(MetadefResourceType, name) is None:
        session.execute(insert(MetadefResourceType).values(name=name, created_at=when, updated_at=when))


def list_associations(session: Session, namespace_ids: Sequence[str]) -> dict[str, list[AssociationRecord]]:
    """What the namespaces are meant for, by their ids: one query, however many."""
    found: dict[str, list[AssociationRecord]] = {namespace_id: [] for namespace_id in namespace_ids}
    if found:
        query = select(*_ASSOCIATION).where(MetadefAssociation.namespace_id.in_(list(found))).order_by(MetadefAssociation.resource_type)
        for row in session.execute(query):
            found[row.namespace_id].append(AssociationRecord(**row._mapping))
    return found


def insert_associations(session: Session, records: Sequence[AssociationRecord], taken: PileusError) -> None:
    """Write new ones, with their resource types; raises `taken` where one exists."""
    if records:
        with duplicate_as(session, taken):
            for record in records:
                _add_resource_type(session, record.resource_type, record.created_at)
            session.execute(insert(MetadefAssociation), [_values(record) for record in records])


def remove_association(session: Session, namespace_id: str, resource_type: str) -> int:
    """Delete one; gives how many there were."""
    where = (MetadefAssociation.namespace_id == namespace_id, MetadefAssociation.resource_type == resource_type)
    return int(session.execute(delete(MetadefAssociation).where(*where)).rowcount)
