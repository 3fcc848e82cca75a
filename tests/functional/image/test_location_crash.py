"""Places that are told and read for their hashes, broken and killed at each step: the image is proved, or has nothing."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Callable

import pytest

from common.operations import testing
from common.operations.testing import Trial
from image import location_adding
from tests.functional.image.import_world import CTX, IMAGE, World
from tests.functional.image.web import Web

DATA = os.urandom(70_000)
HASHES = {'os_hash_algo': 'sha256', 'os_hash_value': hashlib.sha256(DATA).hexdigest()}
Make = Callable[[pathlib.Path], Trial]


def maker(web: Web, *, proved: bool) -> Make:
    def make(directory: pathlib.Path) -> Trial:
        world = World(directory, web.url, DATA)

        def start() -> str:
            location_adding.add(world.service, CTX, IMAGE, web.url, HASHES if proved else None)
            return world.live()

        def inventory() -> dict[str, object]:
            found = world.inventory()
            # What was told and not proved stays to be seen; it is never read.
            return {name: value for name, value in found.items() if name not in ('stores', 'size')}

        return Trial(world.service.ops, world.worlds, start, inventory, delete=world.delete, close=world.close)

    return make


@pytest.mark.timeout(300)
def test_a_process_that_is_killed_around_every_record(web: Web, tmp_path: pathlib.Path) -> None:
    testing.crash_before_and_after_every_record(maker(web, proved=True), tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice'])
def test_a_step_that_breaks(web: Web, check: str, tmp_path: pathlib.Path) -> None:
    getattr(testing, check)(maker(web, proved=True), tmp_path)


@pytest.mark.timeout(300)
def test_an_image_that_needs_no_proof_survives_too(web: Web, tmp_path: pathlib.Path) -> None:
    testing.crash_in_process_at_every_record(maker(web, proved=False), tmp_path)


@pytest.mark.timeout(300)
def test_a_delete_wins(web: Web, tmp_path: pathlib.Path) -> None:
    make = maker(web, proved=True)

    def without_row(directory: pathlib.Path) -> Trial:
        trial = make(directory)
        inventory = trial.inventory
        trial.inventory = lambda: {name: found for name, found in inventory().items() if name in ('held', 'staged')}
        return trial

    testing.delete_at_every_step(without_row, tmp_path)
