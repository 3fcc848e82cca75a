"""A boot that makes its volumes: failed, overtaken by a delete, and killed, at each of its steps. Takes some minutes."""

from __future__ import annotations

import pathlib

import pytest

from common.operations import testing
from tests.functional.compute.test_boot_volumes import STEPS, make


@pytest.mark.timeout(900)
@pytest.mark.parametrize('check', ['fail_at_every_step', 'delete_at_every_step', 'crash_before_and_after_every_record'])
def test_volumes_are_neither_lost_nor_made_twice(check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(make, tmp_path)
    if check == 'crash_before_and_after_every_record':
        assert len(walked) >= 2 * len(STEPS)
    else:
        assert walked == STEPS
