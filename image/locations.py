"""Removing image data from stores. The row goes last, so what could not be removed now is tried again by the sweeper."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from common.clock import now
from common.errors import PileusError, Unavailable
from image.db import locations as queries
from image.records import LocationRecord

if TYPE_CHECKING:
    from common.db import Database
    from image.drivers.base import Store
    from image.stores import Stores

LOG = logging.getLogger(__name__)
_BATCH = 500


class Keeper(Protocol):
    """Who knows what is kept and where: the service, or a command of the operator."""

    @property
    def db(self) -> Database:
        """The rows."""

    @property
    def stores(self) -> Stores:
        """What they speak of."""


def purge(service: Keeper, rows: Iterable[LocationRecord]) -> int:
    """Remove from their stores what rows with the status pending_delete speak of, then the rows. Returns how many are gone."""
    gone = 0
    away: set[str] = set()
    for row in rows:
        if row.store in away:
            continue  # one wait for a store that does not answer is enough
        try:
            _remove(service, row)
        except (PileusError, OSError) as error:
            LOG.warning('the data of image %s cannot be removed from store %s yet: %s', row.image_id, row.store, error)
            if isinstance(error, Unavailable):
                away.add(row.store)
            with service.db.write() as session:
                queries.postpone(session, row.id, now())
            continue
        with service.db.write() as session:
            queries.forget(session, row.id)
        gone += 1
    return gone


def _remove(service: Keeper, row: LocationRecord) -> None:
    store = service.stores.find(row.store)
    if store is None:
        raise Unavailable(f'There is no store {row.store!r} any more; set it up again so that its data can be removed.')
    store.delete(row.image_id)


def sweep(service: Keeper) -> dict[str, int]:
    """Remove what dead writers left, what could not be removed before, and what no row speaks of. Returns how many."""
    with service.db.read() as session:
        waiting = queries.any_to_sweep(session, now())
    purged = 0
    if waiting:
        with service.db.write() as session:
            queries.drop_stale(session, now())
            rows = queries.pending(session, _BATCH)
        purged = purge(service, rows)
    orphans = 0
    for name in service.stores.writable:
        store = service.stores.get(name)
        if store.lists_quickly:
            orphans += remove_orphans(service, store)
    return {'purged': purged, 'orphans': orphans}


def remove_orphans(service: Keeper, store: Store) -> int:
    """Remove what a store holds though no row speaks of it, as after going back to an older database. Returns how many."""
    removed = 0
    held = list(dict.fromkeys(entry.image_id for entry in store.inventory()))
    for first in range(0, len(held), _BATCH):
        batch = held[first : first + _BATCH]
        with service.db.read() as session:
            known = queries.known(session, store.name, batch)
        for image_id in batch:
            if image_id in known or len(image_id) > 36:
                continue
            with service.db.write() as session:
                claimed = queries.claim_orphan(session, image_id, store.name, now())
            if claimed is not None:
                removed += purge(service, [claimed])
    return removed
