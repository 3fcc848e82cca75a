"""What tests of images share: a cloud of the file's own, two users of it, and a web server to fetch from."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud
from tests.functional.image.stores_cloud import Images
from tests.functional.image.web import Web, web_server


@pytest.fixture(scope='module')
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """The cloud that the file's `CLOUD` runs in a state folder: `running` or `stores_cloud`, with options."""
    with request.module.CLOUD(tmp_path_factory.mktemp('here')) as made:
        yield made


@pytest.fixture(scope='module')
def admin(here: TestCloud) -> Images:
    """Its administrator."""
    return Images.of(here)


@pytest.fixture(scope='module')
def demo(here: TestCloud) -> Images:
    """A member of another project."""
    return Images.of(here, 'demo')


@pytest.fixture(scope='module')
def client(cloud: TestCloud) -> Client:
    """The administrator of the cloud that many files share."""
    return cloud.client()


@pytest.fixture
def web(request: pytest.FixtureRequest) -> Iterator[Web]:
    """A web server of the test's own, with the file's `DATA` if there is such."""
    with web_server() as made:
        made.data = getattr(request.module, 'DATA', None) or os.urandom(100_000)
        yield made
