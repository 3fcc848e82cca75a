"""Hosts look at images themselves: what the image service let pass is not opened, and the user reads why."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance import image_formats
from tests.functional.cloud import TestCloud, running
from tests.functional.compute.servers import Servers, make_flavor, make_image, make_network

pytestmark = pytest.mark.skipif(
    not (shutil.which('qemu-img') and shutil.which('genisoimage')), reason='qemu-img or genisoimage is not installed'
)


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
def servers(trusting: TestCloud) -> Servers:
    client = trusting.client()
    return Servers(client, flavorRef=make_flavor(client, 'f'), networks=[{'uuid': make_network(client, 'n', '10.13.0.0/24')}])


def boot(servers: Servers, data: bytes, disk_format: str, status: str) -> dict[str, Any]:
    """A server of this image once it is in this status."""
    return servers.create(status, imageRef=make_image(servers.client, 'i', data, disk_format))


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
    trusting: TestCloud, servers: Servers, files: pathlib.Path, name: str, claimed: str, why: str
) -> None:
    server = boot(servers, (files / f'{name}.img').read_bytes(), claimed, 'ERROR')
    assert why in server['fault']['message']
    service = trusting.runtime.parts['compute'].service
    with service.db.read() as session:
        (operation,) = service.ops.history(session, server['id'])
    assert [attempt['step'] for attempt in operation.fault['tried']] == ['fetch_image'], 'no other host is bothered with it'


@pytest.mark.parametrize('name', ['qcow2', 'raw', 'iso', 'vmdk-streamOptimized', 'vdi', 'vhd', 'vhdx'])
def test_a_good_image_boots(servers: Servers, files: pathlib.Path, name: str) -> None:
    assert boot(servers, (files / f'{name}.img').read_bytes(), name.partition('-')[0], 'ACTIVE')
