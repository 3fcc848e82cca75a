"""Servers whose volumes are made with them: of an image, of a snapshot, empty; and what is left when it goes wrong."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import Refused
from common.operations import testing
from common.operations.testing import Trial
from compute import server_create
from tests.functional.cloud import TestCloud, eventually
from tests.functional.compute.crash_world import CTX, World
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image
from volume.drivers.simulated import SimulatedPool


class Desk:
    """A user without rights beyond the own project."""

    def __init__(self, cloud: TestCloud) -> None:
        self.admin, self.user = cloud.client(), cloud.newcomer('booter')
        self.image = make_image(self.user, 'b')
        self.servers = Servers(self.user, name='b', flavorRef=make_flavor(self.admin, 'bfv'))

    def disk(self, source: str = 'image', **values: Any) -> dict[str, Any]:
        return {'source_type': source, 'destination_type': 'volume', 'uuid': self.image, 'volume_size': 1, 'boot_index': 0, **values}

    def boot(self, *disks: dict[str, Any], **values: Any) -> dict[str, Any]:
        return self.servers.create(block_device_mapping_v2=list(disks), **values)

    def volumes(self) -> dict[str, dict[str, Any]]:
        return {one['id']: one for one in self.user.ask('GET', 'volumev3', '/volumes/detail')['volumes']}


@pytest.fixture(scope='module')
def desk(cloud: TestCloud) -> Desk:
    return Desk(cloud)


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if 'desk' not in request.fixturenames:
        return
    desk: Desk = request.getfixturevalue('desk')
    desk.servers.clear()
    desk.servers.remove(*(server['id'] for server in desk.user.ask('GET', 'compute', '/servers')['servers']))
    for snapshot in desk.user.ask('GET', 'volumev3', '/snapshots')['snapshots']:
        desk.user.ask('DELETE', 'volumev3', f'/snapshots/{snapshot["id"]}')
    eventually(lambda: not desk.user.ask('GET', 'volumev3', '/snapshots')['snapshots'])
    for volume in desk.volumes():
        desk.user.raw('DELETE', f'{desk.user.catalog["volumev3"]}/volumes/{volume}')
    eventually(lambda: not desk.volumes(), what='no volume')


@pytest.mark.parametrize('goes', [True, False])
def test_a_server_boots_from_a_volume_that_is_made_of_an_image(desk: Desk, goes: bool) -> None:
    server = desk.boot(desk.disk(delete_on_termination=goes, tag='root'), desk.disk('blank', uuid=None, boot_index=-1))
    held = [entry['id'] for entry in server['os-extended-volumes:volumes_attached']]
    volumes = desk.volumes()
    assert server['image'] == '' and set(held) == set(volumes)
    root = next(volume for volume in volumes.values() if volume['attachments'][0]['device'] == '/dev/vda')
    other = next(volume for volume in volumes.values() if volume['attachments'][0]['device'] == '/dev/vdb')
    assert (root['status'], root['bootable'], root['volume_image_metadata']['image_id']) == ('in-use', 'true', desk.image)
    assert (other['status'], other['bootable']) == ('in-use', 'false')
    assert {volume['user_id'] for volume in volumes.values()} == {server['user_id']}
    desk.servers.remove(server['id'])
    eventually(lambda: set(desk.volumes()) == ({other['id']} if goes else set(volumes)), what='the volumes that stay')
    assert {volume['status'] for volume in desk.volumes().values()} == {'available'}


def test_several_servers_have_volumes_of_their_own(desk: Desk) -> None:
    desk.boot(desk.disk(), min_count=2)
    made = [desk.servers.reach(server['id']) for server in desk.user.ask('GET', 'compute', '/servers')['servers']]
    held = {server['id']: [entry['id'] for entry in server['os-extended-volumes:volumes_attached']] for server in made}
    assert len(held) == 2 and all(len(volumes) == 1 for volumes in held.values())
    found = {volume: one['attachments'][0]['server_id'] for volume, one in desk.volumes().items()}
    assert found == {volumes[0]: server for server, volumes in held.items()}


def test_an_image_of_a_server_with_volumes_boots(desk: Desk) -> None:
    server = desk.boot(desk.disk())
    action = {'createImage': {'name': 'kept'}}
    image = desk.user.ask('POST', 'compute', f'/servers/{server["id"]}/action', action, headers=NEW)['image_id']
    eventually(lambda: desk.user.ask('GET', 'image', f'/v2/images/{image}')['status'] == 'active', what='the image')
    # As a client writes it that names an image: the same image once more as a local disk.
    local = {'uuid': image, 'boot_index': 0, 'source_type': 'image', 'destination_type': 'local'}
    copy = desk.boot(local, imageRef=image)
    [held] = copy['os-extended-volumes:volumes_attached']
    assert desk.volumes()[held['id']]['snapshot_id'] and copy['image'] == ''


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'volume_size': None}, 'needs a volume_size'),
        ({'source_type': 'blank', 'uuid': None}, 'nothing to boot from'),
        ({'source_type': 'snapshot', 'uuid': '11111111-2222-4333-8444-555555555555'}, 'could not be found'),
        ({'uuid': '11111111-2222-4333-8444-555555555555'}, 'Can not find requested image'),
        ({'destination_type': 'local', 'source_type': 'snapshot'}, 'ask for destination_type volume'),
    ],
)
def test_what_no_volume_can_be_made_of_is_refused(desk: Desk, change: dict[str, Any], words: str) -> None:
    status, answer = desk.servers.post(block_device_mapping_v2=[desk.disk(**change)])
    assert status == 400 and words in json.loads(answer)['badRequest']['message'], answer
    assert not desk.volumes()


def test_a_volume_that_cannot_be_made_leaves_nothing_and_says_why(desk: Desk) -> None:
    quota = f'/os-quota-sets/{desk.user.project_id}'
    desk.admin.ask('PUT', 'volumev3', quota, {'quota_set': {'volumes': 1}})
    try:
        server = desk.boot(desk.disk(), desk.disk('blank', uuid=None, boot_index=-1), status='ERROR')
        assert 'step make_volumes' in server['fault']['message'] and 'uota' in server['fault']['message']
        eventually(lambda: not desk.volumes(), what='no volume')
    finally:
        desk.admin.ask('DELETE', 'volumev3', quota)


def test_a_volume_that_its_host_refuses_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Refused('The pool is full.')

    monkeypatch.setattr(SimulatedPool, 'create', refuse)
    server = desk.boot(desk.disk('blank', uuid=None, boot_index=-1), imageRef=desk.image, status='ERROR')
    assert 'could not be made: The pool is full.' in server['fault']['message']
    eventually(lambda: not desk.volumes(), what='no volume')


class WithVolumes(World):
    """The world of the crash tests, with a server that has a volume made of an image and an empty one."""

    def boot(self) -> str:
        disk = {'destination_type': 'volume', 'volume_size': 1, 'delete_on_termination': True}
        disks = [
            {**disk, 'source_type': 'image', 'uuid': self.image, 'boot_index': 0},
            {**disk, 'source_type': 'blank', 'boot_index': -1},
        ]
        body = {'name': 'victim', 'flavorRef': '1', 'networks': 'none', 'block_device_mapping_v2': disks}
        made, _ = server_create.create(self.service, CTX, body, {})
        return self.live(made[0].id)

    def inventory(self) -> dict[str, Any]:
        volumes = self.service.volume.get('/v3/volumes/detail?all_tenants=1')['volumes']
        return super().inventory() | {'volumes': sorted(volume['status'] for volume in volumes if volume['status'] != 'deleting')}


def make(directory: pathlib.Path) -> Trial:
    world = WithVolumes(directory)
    return Trial(
        ops=world.service.ops, worlds=world.worlds, start=world.boot, delete=world.delete, inventory=world.inventory, close=world.close
    )


STEPS = ['make_volumes', 'choose_host', 'make_ports', 'connect_volumes', 'spawn', 'complete_volumes']


def test_no_volume_is_made_twice(tmp_path: pathlib.Path) -> None:
    assert testing.every_step_twice(make, tmp_path) == STEPS


def test_no_volume_is_left_over(tmp_path: pathlib.Path) -> None:
    assert testing.undo_twice(make, tmp_path) == STEPS[-2::-1]
