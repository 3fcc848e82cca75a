"""What tests of images share."""

from __future__ import annotations

import inspect

import pytest


@pytest.fixture
def whole_file(request: pytest.FixtureRequest) -> None:
    """Skips a test that counts what the others of its file did, where not all of them are run."""
    there = {name for name, _ in inspect.getmembers(request.module, inspect.isfunction) if name.startswith('test_')}
    run = {getattr(item, 'originalname', '') for item in request.session.items if getattr(item, 'module', None) is request.module}
    if there - run:
        pytest.skip('it counts what the other tests of this file did')
