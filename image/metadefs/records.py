"""Metadata definitions as plain values. Times are in UTC."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

OBJECT, PROPERTY, TAG = 'object', 'property', 'tag'
KINDS = (OBJECT, PROPERTY, TAG)
VISIBILITIES = ('public', 'private')
# The kinds of things of this cloud that carry properties.
RESOURCE_TYPES = ('OS::Cinder::Volume', 'OS::Glance::Image', 'OS::Nova::Aggregate', 'OS::Nova::Flavor', 'OS::Nova::Server')


@dataclasses.dataclass(slots=True)
class NamespaceRecord:
    """A named set of definitions."""

    id: str
    namespace: str
    display_name: str | None
    description: str | None
    visibility: str
    protected: bool
    owner: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime


@dataclasses.dataclass(slots=True)
class EntryRecord:
    """An object, a property or a tag of a namespace. `body`: what it holds beside its name."""

    id: str
    namespace_id: str
    kind: str
    name: str
    body: dict[str, Any]
    created_at: datetime.datetime
    updated_at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class ResourceTypeRecord:
    """A kind of thing that definitions may be for. Those that are always known were never made."""

    name: str
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AssociationRecord:
    """A namespace is meant for a resource type; `prefix` stands before the names of its properties there."""

    namespace_id: str
    resource_type: str
    prefix: str | None
    properties_target: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime


@dataclasses.dataclass(slots=True)
class Definition:
    """A namespace with all that is in it."""

    namespace: NamespaceRecord
    entries: dict[str, list[EntryRecord]]
    associations: list[AssociationRecord]
