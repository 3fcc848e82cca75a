"""Pytest fixtures for tests that run on every database: `from tests.databases import database_url, servers`.

`PILEUS_TEST_DATABASES=sqlite` (or `sqlite,mysql`) limits the kinds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest

from tests import servers as private

CHOSEN = [kind for kind in os.environ.get('PILEUS_TEST_DATABASES', ','.join(private.DATABASES)).split(',') if kind]


@pytest.fixture(scope='session')
def servers() -> Iterator[Callable[[str], str]]:
    """`servers(kind)`: the administrator's URL of a private server, started at the first use."""
    with contextlib.ExitStack() as stack:
        running: dict[str, str] = {}

        def start(kind: str) -> str:
            if kind not in running:
                running[kind] = stack.enter_context(private.server(kind))
            return running[kind]

        yield start


@pytest.fixture(params=CHOSEN)
def database_url(request: pytest.FixtureRequest, servers: Callable[[str], str], tmp_path) -> Iterator[str]:
    """The URL of an empty database, on each kind of database that this machine has."""
    kind = request.param
    if kind == 'sqlite':
        yield f'sqlite:///{tmp_path}/test.sqlite'
        return
    reason = private.missing(kind)
    if reason:
        pytest.skip(reason)
    admin = servers(kind)
    url = private.fresh_database(admin)
    yield url
    private.drop_database(admin, url)
