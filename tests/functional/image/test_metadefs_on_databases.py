"""Metadata definitions on every database: rules that the database keeps, pages, and several who do the same at once."""

from __future__ import annotations

import concurrent.futures
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.api.paging import Page
from common.context import Context
from common.db import Database, migrate
from common.errors import Conflict
from image.metadefs import entries, namespaces, resource_types, tags
from image.metadefs.records import PROPERTY, TAG
from tests.databases import database_url, servers  # noqa: F401

CTX = Context.service('test')
WHOLE: dict[str, Any] = {
    'namespace': 'N',
    'tags': [{'name': 'a'}, {'name': 'b'}],
    'properties': {'p': {'title': 'Größe', 'type': 'string', 'enum': ['x', 'y']}},
    'resource_type_associations': [{'name': 'New::Kind', 'prefix': 'k_'}],
}


@pytest.fixture
def service(database_url: str) -> Iterator[Any]:  # noqa: F811
    db = Database(database_url)
    migrate.sync(db, 'image.db')
    yield types.SimpleNamespace(db=db, policy=types.SimpleNamespace(check=lambda *_: True))
    db.dispose()


def at_once(work: Callable[[int], Any]) -> int:
    """How many of six threads get through; the others are told of a conflict."""

    def one(number: int) -> bool:
        try:
            work(number)
        except Conflict:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return sum(pool.map(one, range(6)))


def test_what_is_written_comes_out_and_goes_as_a_whole(service: Any) -> None:
    namespaces.create(service, CTX, WHOLE)
    found = namespaces.show(service, CTX, 'N', 'New::Kind')
    assert [entry.name for entry in found.entries[PROPERTY]] == ['k_p'] and found.entries[PROPERTY][0].body == WHOLE['properties']['p']
    with pytest.raises(Conflict):
        namespaces.create(service, CTX, WHOLE)
    namespaces.create(service, CTX, {'namespace': 'M'})
    with pytest.raises(Conflict):
        namespaces.update(service, CTX, 'M', {'namespace': 'N'})
    namespaces.delete(service, CTX, 'N')
    namespaces.update(service, CTX, 'M', {'namespace': 'N'})
    assert entries.list_all(service, CTX, 'N', TAG) == [] and resource_types.of_namespace(service, CTX, 'N') == []
    assert 'New::Kind' in [kind.name for kind in resource_types.list_all(service)]


def test_pages(service: Any) -> None:
    for name in 'ecadb':
        namespaces.create(service, CTX, {'namespace': name})
    tags.put(service, CTX, 'a', list('vxzwy'), append=False)
    for sort, wanted in (((('namespace', 'asc'),), 'abcde'), ((('created_at', 'desc'), ('namespace', 'desc')), 'bdace')):
        found: list[str] = []
        while page := namespaces.list_page(service, CTX, None, [], Page(2, found[-1] if found else None, sort)):
            found += [record.namespace for record, _ in page]
        assert ''.join(found) == wanted
    listed: list[str] = []
    while part := entries.list_all(service, CTX, 'a', TAG, Page(2, listed[-1] if listed else None, (('created_at', 'desc'),))):
        listed += [entry.name for entry in part]
    assert sorted(listed) == list('vwxyz'), 'all were made at the same moment'


def test_of_many_who_do_the_same_one_succeeds(service: Any) -> None:
    assert at_once(lambda _: namespaces.create(service, CTX, WHOLE)) == 1
    assert at_once(lambda _: entries.create(service, CTX, 'N', TAG, 'c', {})) == 1
    assert at_once(lambda _: resource_types.associate(service, CTX, 'N', {'name': 'Other::Kind'})) == 1
    assert len(entries.list_all(service, CTX, 'N', TAG)) == 3


def test_many_who_do_different_things_all_succeed(service: Any) -> None:
    namespaces.create(service, CTX, WHOLE)
    assert at_once(lambda number: namespaces.create(service, CTX, {'namespace': f'n{number}', 'tags': [{'name': 't'}]})) == 6
    assert at_once(lambda number: entries.create(service, CTX, 'N', TAG, f't{number}', {})) == 6
    assert len(entries.list_all(service, CTX, 'N', TAG)) == 8
