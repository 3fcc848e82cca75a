"""Properties by the name they have on things of a resource type, which may stand behind a prefix there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.context import Context
from image.db import metadefs as queries
from image.metadefs import entries, namespaces
from image.metadefs.records import PROPERTY, EntryRecord

if TYPE_CHECKING:
    from image.service import ImageService


def show_on(service: ImageService, ctx: Context, namespace: str, name: str, resource_type: str) -> EntryRecord:
    """The property that is called so on things of the resource type, under that name. Raises NotFound."""
    with service.db.read() as session:
        owner = namespaces.find(ctx, namespace, session)
        meant = queries.list_associations(session, [owner.id])[owner.id]
        prefix = next((one.prefix for one in meant if one.resource_type == resource_type), None) or ''
        found = queries.get_entry(session, owner.id, PROPERTY, name.removeprefix(prefix)[:81]) if name.startswith(prefix) else None
    if found is None:
        raise entries.missing(PROPERTY, name)
    return dataclasses.replace(found, name=name)
