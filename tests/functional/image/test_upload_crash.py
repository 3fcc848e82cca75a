"""A process that is killed in the middle of an upload or a copy leaves an image that waits, or one that is whole; never half of one."""

from __future__ import annotations

import datetime
import os
import pathlib
import signal
from collections.abc import Callable
from typing import Any

import pytest

from common.clock import now
from image import placing, receiving, upload
from image.db import images as image_queries
from image.drivers.filesystem import FileUpload
from tests.functional.image.import_world import CTX, IMAGE, World

DATA = os.urandom(3 << 20)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def while_data_flows(patch: pytest.MonkeyPatch) -> None:
    write = FileUpload.write

    def half(self: FileUpload, chunk: bytes) -> None:
        write(self, chunk[: len(chunk) // 2])
        die()

    patch.setattr(FileUpload, 'write', half)


def before_it_is_readable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FileUpload, 'commit', lambda self: die())


def after_it_is_in_place(patch: pytest.MonkeyPatch) -> None:
    commit = FileUpload.commit

    def late(self: FileUpload) -> None:
        commit(self)
        die()

    patch.setattr(FileUpload, 'commit', late)


def after_the_end(patch: pytest.MonkeyPatch) -> None:
    finish = receiving.finish

    def late(*arguments: Any) -> None:
        finish(*arguments)
        die()

    patch.setattr(receiving, 'finish', late)


def killed(folder: pathlib.Path, prepare: Callable[[pytest.MonkeyPatch], None], work: Callable[[World], Any]) -> World:
    """The world after a process was killed in it at the prepared instant."""
    child = os.fork()
    if child == 0:
        try:
            prepare(pytest.MonkeyPatch())
            work(World(folder, '', DATA))
        finally:
            os._exit(70)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    return World(folder, '', DATA)


def advance(world: World) -> dict[str, int]:
    """What the sweeper does once the dead have shown no sign of life for long enough."""
    ago = now() - datetime.timedelta(seconds=1)
    with world.service.db.write() as session:
        image_queries.set_columns(session, IMAGE, expect={'status': 'saving'}, upload_until=ago)
        for name in world.service.stores.writable:
            row = placing.receiving.queries.find_own(session, IMAGE, name)
            if row is not None and row.upload_id:
                placing.receiving.queries.renew(session, IMAGE, name, row.upload_id, ago)
    return upload.sweep(world.service)


@pytest.mark.parametrize('prepare', [while_data_flows, before_it_is_readable, after_it_is_in_place])
def test_an_upload_that_did_not_end_never_was(tmp_path: pathlib.Path, prepare: Callable[[pytest.MonkeyPatch], None]) -> None:
    world = killed(tmp_path, prepare, lambda world: world.upload(IMAGE))
    assert world.find(IMAGE).status == 'saving' and upload.readable(world.service, CTX, IMAGE).size is None
    assert upload.sweep(world.service) == {'stale_uploads': 0, 'purged': 0, 'orphans': 0}, 'it may still live'
    assert advance(world) == {'stale_uploads': 1, 'purged': 1, 'orphans': 0}
    found = world.inventory()
    assert found['status'] == 'queued' and found['held'] == {'one': [], 'two': [], 'web': []}
    world.upload(IMAGE)
    assert world.inventory()['held']['one'] == [(IMAGE, len(DATA), False)]
    world.close()


def test_an_upload_that_ended_is_whole(tmp_path: pathlib.Path) -> None:
    world = killed(tmp_path, after_the_end, lambda world: world.upload(IMAGE))
    advance(world)
    record = upload.readable(world.service, CTX, IMAGE)
    file = upload.open_data(world.service, record)
    assert record.status == 'active' and file is not None and file.read() == DATA
    world.close()


@pytest.mark.parametrize('prepare', [while_data_flows, before_it_is_readable, after_it_is_in_place])
def test_a_copy_that_did_not_end_never_was(tmp_path: pathlib.Path, prepare: Callable[[pytest.MonkeyPatch], None]) -> None:
    first = World(tmp_path, '', DATA)
    first.upload(IMAGE)
    first.close()
    source = tmp_path / 'source'
    source.write_bytes(DATA)
    world = killed(tmp_path, prepare, lambda world: placing.place(world.service, IMAGE, 'two', lambda: source.open('rb'), owner='op'))
    assert world.inventory()['stores'] == ['one'], 'before anybody has cleaned'
    assert advance(world) == {'stale_uploads': 0, 'purged': 1, 'orphans': 0}
    found = world.inventory()
    assert found['status'] == 'active' and found['held'] == {'one': [(IMAGE, len(DATA), False)], 'two': [], 'web': []}
    world.close()
