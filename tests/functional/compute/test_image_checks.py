"""Hosts look at images themselves: what the image service let pass is not opened, and the user reads why."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance import image_formats
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually, running

pytestmark = pytest.mark.skipif(
    not (shutil.which('qemu-img') and shutil.which('genisoimage')), reason='qemu-img or genisoimage is not installed'
)
NEW = {'OpenStack-API-Version': 'compute 2.79'}


@pytest.fixture(scope='module')
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """A cloud of two hosts whose image service takes data unseen."""
    with running(
        tmp_path_factory.mktemp('trusting'), image={'check_formats': False}, compute={'simulated_hosts': 2, 'quota_instances': -1}
    ) as cloud:
        yield cloud


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return image_formats.make(tmp_path_factory.mktemp('formats')).parent


@pytest.fixture(scope='module')
def client(trusting: TestCloud) -> Client:
    made = trusting.client()
    made.ask('POST', 'compute', '/flavors', {'flavor': {'id': 'f', 'name': 'f', 'ram': 64, 'vcpus': 1, 'disk': 1}})
    network = made.ask('POST', 'network', '/v2.0/networks', {'network': {'name': 'n'}})['network']['id']
    made.ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': network, 'ip_version': 4, 'cidr': '10.13.0.0/24'}})
    return made


def boot(client: Client, data: bytes, disk_format: str) -> dict[str, Any]:
    """A server of this image once it is made, or is not."""
    image = client.ask('POST', 'image', '/v2/images', {'name': 'i', 'disk_format': disk_format, 'container_format': 'bare'})['id']
    client.ask('PUT', 'image', f'/v2/images/{image}/file', data, headers={'Content-Type': 'application/octet-stream'})
    network = client.ask('GET', 'network', '/v2.0/networks?name=n')['networks'][0]['id']
    body = {'name': 's', 'imageRef': image, 'flavorRef': 'f', 'networks': [{'uuid': network}]}
    server = client.ask('POST', 'compute', '/servers', {'server': body}, headers=NEW)['server']['id']

    def made() -> dict[str, Any] | None:
        found = client.ask('GET', 'compute', f'/servers/{server}', headers=NEW)['server']
        return found if found['status'] in ('ACTIVE', 'ERROR') and found['OS-EXT-STS:task_state'] is None else None

    return dict(eventually(made, what='an end of the boot'))


@pytest.mark.parametrize(
    ('name', 'claimed', 'why'),
    [
        ('qcow2-backing', 'qcow2', 'has a backing file'),
        ('qcow2-data-file', 'qcow2', 'has data_file set'),
        ('vmdk-monolithicFlat', 'vmdk', 'Unsupported subformat'),
        ('qcow2', 'raw', 'looks like qcow2'),
        ('iso', 'raw', 'looks like iso'),
        ('raw', 'qcow2', 'does not match disk_format qcow2'),
    ],
)
def test_a_bad_image_ends_the_boot_on_the_first_host(
    trusting: TestCloud, client: Client, files: pathlib.Path, name: str, claimed: str, why: str
) -> None:
    server = boot(client, (files / f'{name}.img').read_bytes(), claimed)
    assert server['status'] == 'ERROR'
    assert why in server['fault']['message']
    service = trusting.runtime.parts['compute'].service
    with service.db.read() as session:
        (operation,) = service.ops.history(session, server['id'])
    assert [attempt['step'] for attempt in operation.fault['tried']] == ['fetch_image'], 'no other host is bothered with it'


@pytest.mark.parametrize('name', ['qcow2', 'raw', 'iso', 'vmdk-streamOptimized', 'vdi', 'vhd', 'vhdx'])
def test_a_good_image_boots(client: Client, files: pathlib.Path, name: str) -> None:
    server = boot(client, (files / f'{name}.img').read_bytes(), name.partition('-')[0])
    assert server['status'] == 'ACTIVE', server.get('fault')
