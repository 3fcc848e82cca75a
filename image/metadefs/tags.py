"""Many tags at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.clock import now
from common.context import Context
from common.errors import Forbidden
from image.db import metadefs as queries
from image.metadefs import entries, namespaces
from image.metadefs.records import TAG, EntryRecord

if TYPE_CHECKING:
    from image.service import ImageService


def put(service: ImageService, ctx: Context, namespace: str, names: list[str], append: bool) -> list[EntryRecord]:
    """Give the namespace these tags, instead of those that it has or (append) beside them; gives those that were named.

    Raises NotFound, Forbidden (also where tags of a protected namespace would go), Conflict where a name is used.
    """
    with service.db.write() as session:
        owner = namespaces.find_own(service, ctx, namespace, entries.policy(TAG, 'create'), session)
        if not append and queries.remove_entries(session, owner.id, TAG) and owner.protected:
            raise Forbidden(f'The metadata definition namespace {namespace} is protected; its tags cannot be replaced.')
        when = now()
        made = [namespaces.entry(owner.id, TAG, name, {}, when) for name in dict.fromkeys(names)]
        queries.insert_entries(session, made, entries.taken(TAG, 'of that name'))
    return made
