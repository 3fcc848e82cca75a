"""What functional tests share: one simulated cloud for all that do not need one of their own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, running
from tests.openstack_shell import OpenStack


@pytest.fixture(scope='session')
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """The cloud."""
    with running(tmp_path_factory.mktemp('cloud')) as made:
        yield made


@pytest.fixture(scope='module')
def admin(cloud: TestCloud) -> Client:
    """A bare client of its administrator."""
    return cloud.client()


@pytest.fixture(scope='module')
def openstack(cloud: TestCloud) -> OpenStack:
    """The client `openstack` of its administrator."""
    return cloud.openstack()


@pytest.fixture
def whole_file(request: pytest.FixtureRequest) -> None:
    """Skips a test that counts what the others of its file did, where not all of them are run."""
    there = {name for name, _ in inspect.getmembers(request.module, inspect.isfunction) if name.startswith('test_')}
    run = {getattr(item, 'originalname', '') for item in request.session.items if getattr(item, 'module', None) is request.module}
    if there - run:
        pytest.skip('it counts what the other tests of this file did')
