"""`image-manage store`: the stores of image data, whether they work, and what they hold that nobody owns."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib

from common.config import DatabaseOptions, ServiceOptions, Settings
from common.db import Database
from common.errors import InvalidInput
from image import locations, stores
from image.db import locations as queries
from image.drivers.base import Body
from image.stores import Stores


@dataclasses.dataclass(frozen=True)
class _Keeper:
    db: Database
    stores: Stores


def store_verb(arguments: list[str], settings: Settings) -> int:
    """Look after the stores of image data."""
    parser = argparse.ArgumentParser(prog='image-manage store', description=store_verb.__doc__)
    verbs = parser.add_subparsers(dest='verb', required=True)
    verbs.add_parser('list', help='the stores, and how many images each has')
    verbs.add_parser('check', help='whether each store works; fails when one does not')
    clean = verbs.add_parser('clean', help='remove what a store holds though no image owns it; may take long where there is much')
    clean.add_argument('name')
    given = parser.parse_args(arguments)
    state = settings.get(ServiceOptions).state_dir
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    keeper = _Keeper(Database(template.format(service='image', state=state)), stores.build(settings, pathlib.Path(state), _fetch))
    try:
        if given.verb == 'list':
            return _list(keeper)
        if given.verb == 'check':
            return _check(keeper.stores)
        count = locations.remove_orphans(keeper, keeper.stores.get_writable(given.name))
        print(f'{given.name}: {count} removed')
    finally:
        keeper.db.dispose()
    return 0


def _fetch(url: str, start: int) -> Body:
    raise InvalidInput('No URL of a user is fetched by this command.')


def _list(keeper: _Keeper) -> int:
    with keeper.db.read() as session:
        counts = queries.count_by_store(session)
    for name in [*keeper.stores.names, *sorted(counts.keys() - set(keeper.stores.names))]:
        store = keeper.stores.find(name)
        what = f'{store.driver}, weight {store.weight}' if store else 'NOT SET UP: its images cannot be read'
        default = ', default' if name == keeper.stores.default else ''
        print(f'{name}: {what}{default}, {counts.get(name, 0)} images')
    return 0


def _check(known: Stores) -> int:
    bad = 0
    for name in known.names:
        problem = known.get(name).check()
        bad += problem is not None
        print(f'{name}: {problem or "works"}')
    return 1 if bad else 0
