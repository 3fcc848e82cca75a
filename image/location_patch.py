"""Changes of `locations` in a JSON patch: add a place, remove one, or change what is noted about them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput
from image import images
from image.db import images as image_queries
from image.db import locations as queries
from image.location_urls import NamedPlace, hashes_of, look_at, metadata_of
from image.records import ACTIVE, QUEUED, ImageRecord, LocationRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.db.session import Session
    from image.patch import Change
    from image.service import ImageService

NAME = 'locations'
_MOST_NEW = 16


@dataclasses.dataclass(slots=True)
class LocationChanges:
    """The part of a patch that is about places. `looked_at`: URL -> place, of those that are new; `removed`: to be purged; `owner`: of the image."""

    service: ImageService
    ctx: Context
    looked_at: dict[str, NamedPlace] = dataclasses.field(default_factory=dict)
    removed: list[LocationRecord] = dataclasses.field(default_factory=list)
    owner: str | None = None

    @classmethod
    def prepare(cls, service: ImageService, ctx: Context, image_id: str, changes: Iterable[Change]) -> LocationChanges:
        """Look at the URLs that a patch adds, once it is known that the caller may add some. Before the transaction.

        Raises NotFound, Forbidden, InvalidInput.
        """
        mine = [change for change in changes if change.path[0] == NAME]
        made = cls(service, ctx)
        if not mine:
            return made
        if not service.options.show_multiple_locations:
            raise Forbidden('Locations cannot be changed where they are not shown. The operator may set [image] show_multiple_locations.')
        with service.db.read() as session:
            record = images.find_own(service, ctx, image_id, 'image:images:update', session)
        made._authorize('image:locations:set', record)
        made.owner = record.owner
        known = {service.stores.url_of(place) for place in record.locations}
        for change in mine:
            for url in _urls(change):
                if url in known or url in made.looked_at:
                    continue
                if len(made.looked_at) >= _MOST_NEW:
                    raise InvalidInput(f'A patch adds at most {_MOST_NEW} locations: each is looked at while you wait.', field=NAME)
                made.looked_at[url] = look_at(service, url)
        return made

    def _authorize(self, rule: str, record: ImageRecord) -> None:
        if not self.service.policy.check(self.ctx, rule, images.target(record)):
            raise Forbidden('You are not permitted to change where the data of this image is.')

    def apply(self, session: Session, record: ImageRecord, change: Change) -> None:
        """Make one change. Raises Forbidden, InvalidInput, Conflict."""
        if change.operation == 'remove':
            self._remove(session, record, change)
        elif len(change.path) == 2 and change.operation == 'add':
            self._add(session, record, change.value, _index(change, len(self._places(record)) + 1, end=True))
        elif len(change.path) == 1 and not self._places(record) and change.operation in ('add', 'replace'):
            for value in _list(change):
                self._add(session, record, value, None)
        elif len(change.path) == 1:
            self._note(session, record, change)
        else:
            raise InvalidInput('Add a location at the end ("/locations/-") or at an index, or replace all of them.', field='path')
        record.locations = queries.of_images(session, [record.id]).get(record.id, [])

    def _places(self, record: ImageRecord) -> list[LocationRecord]:
        """The places in the order that clients see them in."""
        return self.service.stores.in_order(record.locations)

    def _add(self, session: Session, record: ImageRecord, value: Any, index: int | None) -> None:
        if not isinstance(value, dict) or set(value) - {'url', 'metadata', 'validation_data'} or not {'url', 'metadata'} <= set(value):
            raise InvalidInput('A location is an object with url and metadata, and validation_data if hashes are known.', field=NAME)
        if record.status not in (QUEUED, ACTIVE):
            raise Conflict(f'Image {record.id} is {record.status}; locations can be added while it is queued or active.')
        if not isinstance(value['url'], str):
            raise InvalidInput('The url of a location is a text.', field='url')
        place = self.looked_at.get(value['url'])
        if place is None or any(place.url == known.url for known in record.locations if known.status == queries.ACTIVE):
            raise InvalidInput('The image has this location already.', field='url')
        if record.status == QUEUED:
            images.check_data_allowed(record)
        found = _agreeing(record, hashes_of(value.get('validation_data'), record.os_hash_algo), place.size)
        queries.add(session, record.id, place.store, place.url, metadata_of(value['metadata'], place.store), now())
        if index is not None:
            self._move_last(session, record.id, index)
        self._set(session, record, found)

    def _move_last(self, session: Session, image_id: str, index: int) -> None:
        places = queries.of_images(session, [image_id])[image_id]
        places.insert(index, places.pop())
        for position, place in enumerate(places):
            queries.set_position(session, place.id, position)

    def _set(self, session: Session, record: ImageRecord, found: dict[str, Any]) -> None:
        values = {**found, 'status': ACTIVE}
        if not image_queries.set_columns(session, record.id, expect={'status': record.status}, **values):
            raise Conflict(f'Image {record.id} is being changed by somebody else. Try again.')
        for name, value in values.items():
            setattr(record, name, value)

    def _remove(self, session: Session, record: ImageRecord, change: Change) -> None:
        self._authorize('image:locations:delete', record)
        places = self._places(record)
        if len(change.path) != 2:
            raise InvalidInput('Remove locations one by one, by their index.', field='path')
        place = places[_index(change, len(places))]
        if len(places) == 1:
            raise Forbidden('The last location of an image cannot be removed. Delete the image instead.')
        self.removed += queries.drop(session, record.id, now(), [place.id])

    def _note(self, session: Session, record: ImageRecord, change: Change) -> None:
        """Change the metadata of the places; which they are stays."""
        places = self._places(record)
        values = _list(change)
        if [value.get('url') for value in values if isinstance(value, dict)] != [self.service.stores.url_of(place) for place in places]:
            raise InvalidInput('Only the metadata of locations can be replaced. Add and remove locations one by one.', field=NAME)
        for place, value in zip(places, values, strict=True):
            metadata = metadata_of(value.get('metadata', {}), place.store)
            if metadata != place.metadata:
                queries.set_metadata(session, place.id, metadata, now())


def _list(change: Change) -> list[Any]:
    if not isinstance(change.value, list) or len(change.value) > 100:
        raise InvalidInput('locations is a list of at most 100 objects with url and metadata.', field=NAME)
    return change.value


def _urls(change: Change) -> list[Any]:
    """The URLs that a change names; what is no location is refused when it is applied."""
    if change.operation == 'remove':
        return []
    values = change.value if isinstance(change.value, list) else [change.value]
    return [value['url'] for value in values[:100] if isinstance(value, dict) and isinstance(value.get('url'), str)]


def _index(change: Change, count: int, *, end: bool = False) -> Any:
    """The index that the path names, below `count`; None for the end."""
    text = change.path[1]
    if end and text == '-':
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or int(text) >= count:
        raise InvalidInput(f'The image has no location {text[:16]!r}; the first is 0.', field='path')
    return int(text)


def _agreeing(record: ImageRecord, hashes: dict[str, str], size: int | None) -> dict[str, Any]:
    """What a new place tells of the image's data that was not known. Raises Conflict when it is other data."""
    found: dict[str, Any] = {}
    for name, value in {**hashes, 'size': size}.items():
        known = getattr(record, name)
        if known is None:
            found[name] = value
        elif value is not None and value != known:
            raise Conflict(f'The location has other data than the image: {name} is {known}, not {value}.', code='other_data')
    return found
