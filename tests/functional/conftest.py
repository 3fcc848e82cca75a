"""One simulated cloud for all tests that do not need one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.cloud import TestCloud, running


@pytest.fixture(scope='session')
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """The cloud."""
    with running(tmp_path_factory.mktemp('cloud')) as made:
        yield made
