"""Images made of servers, seen over HTTP as users do. How the making survives crashes is in test_snapshot_crash.py."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from common.rest import HttpTransport, RestClient
from compute.virt.simulated import SimulatedDriver
from compute.virt.simulated.images import snapshot_data
from tests.functional.cloud import TestCloud, eventually
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image, make_network

OLD = {'OpenStack-API-Version': 'compute 2.1'}


class Desk:
    """What the tests do over and over."""

    def __init__(self, cloud: TestCloud) -> None:
        self.cloud, self.client = cloud, cloud.client()
        self.image = make_image(
            self.client, 'base', min_ram=32, hw_disk_bus='virtio', edition='3', img_signature='of the data', long='l' * 300
        )
        self.network = make_network(self.client, 'snapshots', '10.12.0.0/24')
        usual = {'imageRef': self.image, 'flavorRef': make_flavor(self.client, 'snap'), 'networks': [{'uuid': self.network}]}
        self.servers = Servers(self.client, **usual)
        self.wait, self.remove = self.servers.reach, self.servers.remove
        self.worker = cloud.runtime.parts['compute'].service.worker
        self.hosts = list(self.worker.drivers.values())

    def boot(self, image: str | None = None) -> str:
        return str(self.servers.create(imageRef=image or self.image)['id'])

    def act(self, server: str, action: dict[str, Any], headers: dict[str, str] = NEW) -> tuple[int, dict[str, str], Any]:
        found = self.client.raw('POST', f'{self.client.catalog["compute"]}/servers/{server}/action', action, headers=headers)
        return found[0], {name.lower(): value for name, value in dict(found[1]).items()}, json.loads(found[2]) if found[2] else None

    def snapshot(self, server: str, name: str = 'copy', **values: Any) -> str:
        status, _, body = self.act(server, {'createImage': {'name': name, **values}})
        assert status == 202, body
        return str(body['image_id'])

    def shown(self, image: str) -> dict[str, Any]:
        return dict(self.client.ask('GET', 'image', f'/v2/images/{image}'))

    def whole(self, image: str) -> dict[str, Any]:
        return dict(eventually(lambda: (found := self.shown(image))['status'] == 'active' and found, what=f'image {image} active'))

    def has(self, image: str) -> bool:
        return self.client.raw('GET', f'{self.client.catalog["image"]}/v2/images/{image}')[0] == 200

    def copies(self) -> int:
        return sum(len(host.contents()['snapshots']) for host in self.hosts)


@pytest.fixture(scope='module')
def desk(cloud: TestCloud) -> Iterator[Desk]:
    made = Desk(cloud)
    yield made
    made.servers.clear()


@pytest.fixture
def server(desk: Desk) -> Iterator[str]:
    made = desk.boot()
    yield made
    desk.remove(made)


def test_an_image_of_a_server_is_whole_says_where_it_is_from_and_boots(desk: Desk, server: str) -> None:
    made = desk.snapshot(server, 'golden', metadata={'purpose': 'test', 'image_type': 'mine'})
    image = desk.whole(made)
    about = {name: image[name] for name in ('name', 'visibility', 'min_disk', 'min_ram', 'disk_format', 'container_format', 'owner')}
    owner = desk.servers.show(server)['tenant_id']
    assert about == {
        'name': 'golden', 'visibility': 'private', 'min_disk': 1, 'min_ram': 32, 'disk_format': 'raw', 'container_format': 'bare', 'owner': owner,
    }  # fmt: skip
    kept = {name: image[name] for name in ('base_image_ref', 'instance_uuid', 'image_type', 'purpose', 'hw_disk_bus', 'edition')}
    assert kept == {
        'base_image_ref': desk.image, 'instance_uuid': server, 'image_type': 'mine', 'purpose': 'test', 'hw_disk_bus': 'virtio', 'edition': '3',
    }  # fmt: skip
    assert not {'img_signature', 'long'} & image.keys()
    status, _, data = desk.client.raw('GET', f'{desk.client.catalog["image"]}/v2/images/{made}/file')
    assert (status, data) == (200, snapshot_data(server))
    desk.wait(server)
    assert desk.copies() == 0, 'the host keeps no copy'
    desk.boot(made)


def test_the_sdk_makes_an_image_and_waits_for_it(desk: Desk, server: str) -> None:
    connection = desk.cloud.sdk()
    image = connection.compute.create_server_image(server, 'by-sdk', metadata={'made': 'by sdk'}, wait=True)
    assert (image.status, image.name, image.properties['made']) == ('active', 'by-sdk', 'by sdk')
    connection.compute.backup_server(server, 'weekly-by-sdk', 'weekly', 1)
    desk.wait(server)
    assert [found.status for found in connection.image.images(name='weekly-by-sdk')] == ['active']


def test_the_image_is_there_when_the_answer_names_it(desk: Desk, server: str) -> None:
    for headers in (OLD, NEW):
        status, said, body = desk.act(server, {'createImage': {'name': 'copy'}}, headers)
        assert status == 202
        image = body['image_id'] if headers is NEW else re.fullmatch(r'http://.*/images/([0-9a-f-]{36})', said['location'])[1]  # type: ignore[index]
        assert desk.has(image)
        desk.whole(image)
        desk.wait(server)


@pytest.mark.parametrize(('verb', 'status'), [('os-stop', 'SHUTOFF'), ('pause', 'PAUSED'), ('suspend', 'SUSPENDED')])
def test_a_server_that_does_not_run_can_be_copied(desk: Desk, server: str, verb: str, status: str) -> None:
    desk.act(server, {verb: None})
    desk.wait(server, status)
    desk.whole(desk.snapshot(server))
    desk.wait(server, status)


class Held:
    """A method of the hosts that waits: `came` when it was called, until `go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.came, self.go = threading.Event(), threading.Event()
        real = getattr(SimulatedDriver, method)

        def wait(driver: SimulatedDriver, *given: Any) -> Any:
            self.came.set()
            assert self.go.wait(120)
            return real(driver, *given)

        monkeypatch.setattr(SimulatedDriver, method, wait)


def test_while_an_image_is_made_nothing_else_is_done_but_deleting(desk: Desk, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, 'make_snapshot')
    image = desk.snapshot(server)
    assert held.came.wait(60)
    assert desk.servers.show(server)['OS-EXT-STS:task_state'] == 'image_snapshot'
    for action in ({'createImage': {'name': 'second'}}, {'reboot': {'type': 'HARD'}}):
        status, _, body = desk.act(server, action)
        assert status == 409, body
        assert 'image_snapshot' in body['conflictingRequest']['message']
    assert desk.has(image)
    desk.client.ask('DELETE', 'compute', f'/servers/{server}')
    held.go.set()
    desk.remove(server)
    assert not desk.has(image), 'half an image is no image'
    assert desk.copies() == 0


def test_an_image_deleted_while_it_is_made_stays_deleted(desk: Desk, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, 'open_snapshot')
    image = desk.snapshot(server)
    assert held.came.wait(60) and desk.shown(image)['status'] != 'active'
    desk.client.ask('DELETE', 'image', f'/v2/images/{image}')
    held.go.set()
    found = desk.wait(server)
    assert not desk.has(image)
    assert 'fault' not in found
    assert desk.copies() == 0


def test_a_host_that_cannot_copy_leaves_no_image(desk: Desk, server: str) -> None:
    desk.hosts[0].faults.replace([{'op': 'make_snapshot', 'do': 'refuse'}])
    image = desk.snapshot(server)
    desk.wait(server)
    assert not desk.has(image)


@pytest.mark.parametrize(
    ('action', 'status'),
    [
        ({'createImage': {}}, 400),
        ({'createImage': {'name': ''}}, 400),
        ({'createImage': {'name': 'a' * 256}}, 400),
        ({'createImage': {'name': 'x', 'metadata': {'': ''}}}, 400),
        ({'createImage': {'name': 'x', 'metadata': {'a' * 256: 'b'}}}, 400),
        ({'createImage': {'name': 'x', 'metadata': {'disk_format': 'vmdk'}}}, 400),
        ({'createImage': {'name': 'x', 'metadata': {f'k{n}': 'v' for n in range(129)}}}, 403),
        ({'createBackup': {'name': 'x', 'backup_type': 'daily'}}, 400),
        ({'createBackup': {'name': 'x', 'backup_type': 'daily', 'rotation': -1}}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, server: str, action: dict[str, Any], status: int) -> None:
    assert desk.act(server, action)[0] == status
    assert desk.servers.show(server)['OS-EXT-STS:task_state'] is None


def test_what_the_image_service_refuses_is_told_and_undone(desk: Desk, server: str) -> None:
    status, _, body = desk.act(server, {'createImage': {'name': 'x', 'metadata': {f'k{n}': 'v' for n in range(128)}}})
    assert status == 413
    assert 'limit of image properties' in next(iter(body.values()))['message']
    desk.wait(server)
    assert desk.client.ask('GET', 'image', '/v2/images?name=x')['images'] == []


def test_the_image_of_a_server_that_boots_from_a_volume_names_snapshots(desk: Desk) -> None:
    volume = desk.client.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1}})['volume']['id']
    eventually(lambda: desk.client.ask('GET', 'volumev3', f'/volumes/{volume}')['volume']['status'] == 'available', what='a volume')
    desk.client.ask('POST', 'volumev3', f'/volumes/{volume}/action', {'os-set_bootable': {'bootable': True}})
    disk = {'source_type': 'volume', 'destination_type': 'volume', 'uuid': volume, 'boot_index': 0, 'delete_on_termination': True}
    server = Servers(desk.client, flavorRef='snap').create(networks=[{'uuid': desk.network}], block_device_mapping_v2=[disk])['id']
    image = desk.whole(desk.snapshot(server))
    desk.wait(server)
    [mapping] = json.loads(image['block_device_mapping'])
    assert (mapping['source_type'], mapping['boot_index'], mapping['volume_size'], image['size']) == ('snapshot', 0, 1, 0)
    snapshot = desk.client.ask('GET', 'volumev3', f'/snapshots/{mapping["snapshot_id"]}')['snapshot']
    assert (snapshot['volume_id'], snapshot['status']) == (volume, 'available')
    copy = desk.boot(image['id'])
    [held] = desk.servers.show(copy)['os-extended-volumes:volumes_attached']
    assert desk.client.ask('GET', 'volumev3', f'/volumes/{held["id"]}')['volume']['snapshot_id'] == snapshot['id']
    desk.remove(copy)
    status, _, body = desk.act(server, {'createBackup': {'name': 'b', 'backup_type': 'daily', 'rotation': 1}})
    assert status == 400 and 'boots from a volume' in body['badRequest']['message']
    desk.client.ask('DELETE', 'image', f'/v2/images/{image["id"]}')
    desk.client.ask('DELETE', 'volumev3', f'/snapshots/{snapshot["id"]}')
    desk.remove(server)


def test_a_server_in_error_cannot_be_copied(desk: Desk, server: str) -> None:
    desk.act(server, {'os-resetState': {'state': 'error'}})
    status, _, body = desk.act(server, {'createImage': {'name': 'x'}})
    assert (status, 'vm_state error' in body['conflictingRequest']['message']) == (409, True)


def test_images_go_over_http_where_the_image_service_is_another_process(desk: Desk, server: str) -> None:
    service = desk.worker.service
    near = service.image
    service.image = RestClient(HttpTransport(), f'http://127.0.0.1:{desk.cloud.ports["image"]}', desk.client.token, 'image')
    try:
        image = desk.whole(desk.snapshot(server))
        desk.wait(server)
        desk.boot(image['id'])
    finally:
        service.image = near
    assert image['size'] == len(snapshot_data(server))


def test_backups_are_rotated(desk: Desk, server: str) -> None:
    def backup(rotation: int) -> str | None:
        status, _, body = desk.act(server, {'createBackup': {'name': 'b', 'backup_type': 'daily', 'rotation': rotation}})
        assert status == 202, body
        desk.wait(server)
        return body['image_id'] if body else None

    made = [backup(2) for _ in range(3)]
    assert [desk.has(str(image)) for image in made] == [False, True, True]
    assert desk.shown(str(made[-1]))['backup_type'] == 'daily'
    assert desk.shown(str(made[-1]))['image_type'] == 'backup'
    assert backup(0) is None
    assert [desk.has(str(image)) for image in made] == [False, False, False]
