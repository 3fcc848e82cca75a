"""Images made of servers, broken and killed at each step of the making, with the real services and hosts that outlive a killed worker."""

from __future__ import annotations

import dataclasses
import datetime
import io
import os
import pathlib
import signal
from typing import Any

import pytest

from common.clock import now
from common.operations import testing
from common.operations.testing import Make, Trial
from compute import snapshots
from compute.db import servers as queries
from compute.virt.simulated import SimulatedDriver
from compute.virt.simulated.images import snapshot_data
from image import upload
from image.db.models import Image
from tests.functional.compute.crash_world import CTX, World, from_copies


class SnapshotWorld(World):
    """A cloud with a server, of which an image is made."""

    def trial(self) -> Trial:
        """What drives operations in this world."""
        return Trial(
            ops=self.service.ops, worlds=self.worlds, start=self.snapshot, delete=self.delete, inventory=self.inventory, close=self.close
        )

    def furnish(self) -> None:
        """Make the server."""
        record = testing.drive(self.trial(), self.boot())
        assert record.state == 'done', record.fault

    def snapshot(self) -> str:
        """Start to make the image; the operation's id."""
        return snapshots.create_image(self.service, CTX, self.the_server(), 'copy', {})[1]

    def images(self) -> list[dict[str, Any]]:
        """Images made of servers, whatever their state."""
        return list(self.service.image.get('/v2/images?name=copy')['images'])

    def state(self) -> tuple[str, str | None]:
        """What the server's row says."""
        with self.service.db.read() as session:
            server = queries.get(session, self.the_server())
            assert server is not None
            return server.vm_state, server.task_state

    def inventory(self) -> dict[str, Any]:
        """What there is of the image, in the image service and on the hosts."""
        copies = sum(len(driver.contents()['snapshots']) for driver in self.drivers.values())
        return {**super().inventory(), 'images': [image['status'] for image in self.images()], 'copies': copies}


@pytest.fixture(scope='module')
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Worlds with a server; a fresh one is a copy of the first."""
    template = tmp_path_factory.mktemp('snapshot') / 'template'
    template.mkdir()
    world = SnapshotWorld(template)
    world.furnish()
    assert world.inventory()['disks'] == 1
    world.close()

    return from_copies(template, SnapshotWorld, SnapshotWorld.trial)


STEPS = ['register_image', 'copy_disk', 'say_format', 'upload', 'remove_copy']


@pytest.mark.timeout(300)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice', 'crash_before_and_after_every_record'])
def test_snapshot(make: Make, check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(make, tmp_path)
    if check in ('every_step_twice', 'fail_at_every_step'):
        assert walked == STEPS
    elif check == 'undo_twice':
        assert walked == ['copy_disk', 'register_image']


@pytest.mark.timeout(300)
def test_a_delete_wins_over_a_snapshot_and_leaves_nothing_of_it(make: Make, tmp_path: pathlib.Path) -> None:
    def made(directory: pathlib.Path) -> Trial:
        trial = make(directory)
        return dataclasses.replace(trial, inventory=lambda: {kind: trial.inventory()[kind] for kind in ('images', 'copies')})

    assert testing.delete_at_every_step(made, tmp_path) == STEPS


class _Trap(io.BytesIO):
    """A copy whose reader does not survive it."""

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(512)
        if self.tell() > 1024:
            os.kill(os.getpid(), signal.SIGKILL)
        return found


def test_an_upload_that_was_killed_in_the_middle_is_made_again(make: Make, tmp_path: pathlib.Path) -> None:
    make(tmp_path).close()
    child = os.fork()
    if child == 0:
        try:
            world = SnapshotWorld(tmp_path)
            SimulatedDriver.open_snapshot = lambda self, server_id, snapshot_id: _Trap(snapshot_data(server_id))  # type: ignore[method-assign]
            testing.drive(world.trial(), world.snapshot())
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    world = SnapshotWorld(tmp_path)
    try:
        assert (world.state(), world.inventory()['images']) == (('active', 'image_uploading'), ['saving'])
        service = world.runtime.parts['image'].service
        with service.db.write() as session:  # the time passes after which the image service gives an upload up
            session.get(Image, world.images()[0]['id']).upload_until = now() - datetime.timedelta(seconds=1)
        assert upload.sweep(service)['stale_uploads'] == 1
        record = testing.drive(world.trial(), world.live(world.the_server()))
        assert record.state == 'done', record.fault
        assert (world.state(), world.inventory()['copies']) == (('active', None), 0)
        (image,) = world.images()
        assert (image['status'], image['size']) == ('active', len(snapshot_data(world.the_server())))
    finally:
        world.close()
