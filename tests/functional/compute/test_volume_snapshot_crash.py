"""Images of servers that boot from volumes, broken and killed at each step of the making: none is half, no snapshot is left over."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, cast

import pytest

from common.clock import monotonic, sleep
from common.context import Context
from common.errors import NotFound
from common.operations import testing
from common.operations.testing import Make, Trial
from common.rest import RestClient
from compute import server_create, snapshots
from compute.db import servers as queries
from tests.functional.compute.crash_world import CTX, World, from_copies


class _Settled:
    """The volume service, which tells of a snapshot when that is made: how often a step asks would else differ from run to run."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    def with_context(self, ctx: Context) -> _Settled:
        return _Settled(self._client.with_context(ctx))

    def get(self, path: str, **rest: Any) -> Any:
        end = monotonic() + 60
        while True:
            found = self._client.get(path, **rest)
            if found.get('snapshot', {}).get('status') != 'creating' or monotonic() > end:
                return found
            sleep(0.005)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class VolumeSnapshotWorld(World):
    """A cloud with a server that boots from one volume and has another, of which an image is made."""

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        self.service.volume = cast('RestClient', _Settled(self.service.volume))

    def trial(self) -> Trial:
        """What drives operations in this world."""
        return Trial(
            ops=self.service.ops, worlds=self.worlds, start=self.snapshot, delete=self.delete, inventory=self.inventory, close=self.close
        )

    def furnish(self) -> None:
        """Make volumes and the server."""
        disks = []
        for index in range(2):
            body = {'volume': {'size': 1, 'name': f'disk {index}'}}
            volume = self.service.volume.post('/v3/volumes', body)['volume']['id']
            self.settle(f'/v3/volumes/{volume}', 'volume', 'available')
            self.service.volume.post(f'/v3/volumes/{volume}/action', {'os-set_bootable': {'bootable': True}})
            disks.append({'source_type': 'volume', 'destination_type': 'volume', 'uuid': volume, 'boot_index': index})
        body = {'name': 'victim', 'flavorRef': '1', 'networks': [{'uuid': self.network}], 'block_device_mapping_v2': disks}
        made, _ = server_create.create(self.service, CTX, body, {})
        record = testing.drive(self.trial(), self.live(made[0].id))
        assert record.state == 'done', record.fault

    def settle(self, path: str, member: str, wanted: str) -> None:
        """Wait until the volume service, which works by itself, has done it; '' until it is gone."""
        end = monotonic() + 60
        while monotonic() < end:
            try:
                if self.service.volume.get(path)[member]['status'] == wanted:
                    return
            except NotFound:
                if not wanted:
                    return
            sleep(0.01)
        raise AssertionError(f'{path} is not {wanted or "gone"}')

    def snapshot(self) -> str:
        """Start to make the image; the operation's id."""
        return snapshots.create_image(self.service, CTX, self.the_server(), 'copy', {})[1]

    def kept(self) -> list[dict[str, Any]]:
        """The snapshots there are, after what goes has gone."""
        found = []
        for one in self.service.volume.get('/v3/snapshots/detail?all_tenants=1')['snapshots']:
            if one['status'] == 'deleting':
                self.settle(f'/v3/snapshots/{one["id"]}', 'snapshot', '')
            else:
                found.append(one)
        return found

    def inventory(self) -> dict[str, Any]:
        """The images, whether each names just the snapshots there are, and what the server's row says."""
        images = self.service.image.get('/v2/images?name=copy')['images']
        kept = self.kept()
        named = {one['snapshot_id'] for image in images for one in json.loads(image['block_device_mapping'])}
        with self.service.db.read() as session:
            server = queries.get(session, self.the_server())
            assert server is not None
            state = server.vm_state, server.task_state
        return {
            **super().inventory(), 'images': [image['status'] for image in images], 'snapshots': [one['status'] for one in kept],
            'the same': named == {one['id'] for one in kept}, 'server': state,
            'of': len({one['volume_id'] for one in kept}),
        }  # fmt: skip


@pytest.fixture(scope='module')
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Worlds with such a server; a fresh one is a copy of the first."""
    template = tmp_path_factory.mktemp('volume-snapshot') / 'template'
    template.mkdir()
    world = VolumeSnapshotWorld(template)
    world.furnish()
    assert world.inventory()['guests'] == 1
    world.close()

    return from_copies(template, VolumeSnapshotWorld, VolumeSnapshotWorld.trial)


STEPS = ['keep_volumes', 'register_image', 'wait_for_snapshots', 'activate']


@pytest.mark.timeout(300)
@pytest.mark.parametrize('check', ['every_step_twice', 'fail_at_every_step', 'undo_twice', 'crash_before_and_after_every_record'])
def test_image_of_volumes(make: Make, check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(make, tmp_path)
    if check in ('every_step_twice', 'fail_at_every_step'):
        assert walked == STEPS
    elif check == 'undo_twice':
        assert walked == ['register_image', 'keep_volumes']


@pytest.mark.timeout(300)
def test_a_delete_wins_over_it_and_leaves_nothing_of_it(make: Make, tmp_path: pathlib.Path) -> None:
    def made(directory: pathlib.Path) -> Trial:
        trial = make(directory)
        world = trial.start.__self__  # type: ignore[attr-defined]
        gone = {'images': 0, 'snapshots': 0}

        def left() -> dict[str, int]:
            images = world.service.image.get('/v2/images?name=copy')['images']
            return {'images': len(images), 'snapshots': len(world.kept())}

        assert left() == gone
        return dataclasses.replace(trial, inventory=left)

    assert testing.delete_at_every_step(made, tmp_path) == STEPS
