"""The stores of image data that an operator has set up.

    [image]
    stores = fast:filesystem,cheap:filesystem,web:http
    [image_store_fast]
    directories = /srv/fast
    weight = 10

For whoever moves data (uploads, imports, copies):

- `service.stores.default` is the name of the store that uploads go to; `.names` all, `.writable` those that take uploads, both with
  the heaviest first; `.get(name)` the store (InvalidInput for one that there is not), `.get_writable(name)` likewise.
- `image.placing.place(service, image_id, store_name, open_source, ...)` streams bytes into a store and records the place.
- `service.stores.names_of(record.locations)` are the stores that an image is in.
- `image.reading.open_image(service, record)` opens the data of an image at the first place that answers.
- `image.locations.purge(service, rows)` removes what rows with the status pending_delete speak of, after the commit that made them so.

Where data is, is a row of `image_locations`, written before the first byte and removed after the last: `image/db/locations.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from common.config import ConfigError, Settings
from common.drivers import load
from common.errors import InvalidInput
from image.conf import ImageOptions
from image.drivers.base import Known, Store, StoreSetup

if TYPE_CHECKING:
    import pathlib

    from image.records import LocationRecord

ONLY = 'default'
"""Name of the store where the options name none."""
_FAMILY = 'image_store'
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z')


class Stores:
    """All stores, by name.

    :param default: name of the store of uploads; '' for the first that takes some
    :param chosen: whether an operator has named them, so that users are told
    """

    def __init__(self, stores: Iterable[Store], default: str = '', *, chosen: bool = True) -> None:
        self.chosen = chosen
        self._stores = {store.name: store for store in stores}
        self.names = sorted(self._stores, key=lambda name: (-self._stores[name].weight, name))
        self.writable = [name for name in self.names if not self._stores[name].read_only]
        if not self.writable:
            raise ConfigError('[image] stores: none of the stores can be written to.')
        self.default = default or next(name for name in self._stores if name in self.writable)
        if self.default not in self.writable:
            raise ConfigError(f'[image] default_store: there is no store {self.default!r} that can be written to.')

    def get(self, name: str) -> Store:
        """A store. Raises InvalidInput."""
        if name not in self._stores:
            raise InvalidInput(f'There is no image store {name[:64]!r}; known: {", ".join(self.names)}.', field='store')
        return self._stores[name]

    def get_writable(self, name: str) -> Store:
        """A store that takes uploads. Raises InvalidInput."""
        store = self.get(name)
        if store.read_only:
            raise InvalidInput(f'Image store {name} is read-only; use one of: {", ".join(self.writable)}.', field='store')
        return store

    def find(self, name: str) -> Store | None:
        """A store, or None when it is not set up (any more)."""
        return self._stores.get(name)

    def of_scheme(self, scheme: str) -> Store:
        """The store for locations of a scheme that clients add. Raises InvalidInput when there is none."""
        for name in self.names:
            if scheme in self._stores[name].schemes:
                return self._stores[name]
        raise InvalidInput(f'No image store takes locations of the scheme {scheme[:32]!r}.', field='url')

    def in_order(self, places: Iterable[LocationRecord]) -> list[LocationRecord]:
        """Those places that can be read, with those of heavier stores first."""
        return sorted(
            (place for place in places if place.status == 'active'),
            key=lambda place: -self._stores[place.store].weight if place.store in self._stores else 0,
        )

    def names_of(self, places: Iterable[LocationRecord]) -> list[str]:
        """The stores of the places, each once, the heaviest first."""
        held = {place.store for place in places}
        return [name for name in self.names if name in held] + sorted(held - self._stores.keys())

    def url_of(self, place: LocationRecord) -> str:
        """Where the place is."""
        store = self._stores.get(place.store)
        return place.url or (store.url(place.image_id) if store is not None else '')

    def check(self) -> str | None:
        """What is wrong with any of the stores of this host, or None. One far away that is down keeps nobody from using the others."""
        near = [store for store in self._stores.values() if store.lists_quickly]
        problems = [f'{store.name}: {problem}' for store in near if (problem := store.check())]
        return '; '.join(problems) or None


def build(settings: Settings, state: pathlib.Path, fetch: Callable[[str, int, int | None, str], Known]) -> Stores:
    """The stores of the options. Raises ConfigError.

    :param state: the folder below which a store may make a directory of its own
    :param fetch: how URLs of users are reached, see `StoreSetup`
    """
    options = settings.get(ImageOptions)
    made: list[Store] = []
    entries = options.stores or [f'{ONLY}:filesystem']
    for entry in entries:
        name, colon, driver = entry.strip().partition(':')
        if not colon or _NAME.match(name) is None or name in [store.name for store in made]:
            raise ConfigError(f'[image] stores: {entry!r} is not NAME:DRIVER with a name of its own.')
        cls = load('image.store', driver)
        directory = state / f'images-{name}'
        if name == ONLY:
            directory = type(state)(options.directory) if options.directory else state / 'images'
        made.append(cls(StoreSetup(name, settings.member(cls.Options, name), directory, fetch)))
    unknown = sorted(set(settings.members(_FAMILY)) - {store.name for store in made})
    if unknown:
        raise ConfigError(f'There is a section [{_FAMILY}_{unknown[0]}], but [image] stores names no store {unknown[0]!r}.')
    return Stores(made, options.default_store, chosen=bool(options.stores))
