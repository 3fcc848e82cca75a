"""libvirt does what every driver must do. The guests need not boot for that."""

from __future__ import annotations

import uuid

import pytest

from compute.virt.base import ImageSpec, ServerSpec, VolumeSpec
from tests import driver_walk


@pytest.fixture
def make(driver, image: ImageSpec):
    made = []

    def new() -> ServerSpec:
        made.append(ServerSpec(str(uuid.uuid4()), f'walk-{len(made)}', 1, 64, 0, image=image))
        return made[-1]

    yield new
    for server in made:
        driver.destroy(server.id)
        driver.delete_disk(server.id)


def test_power(driver, make):
    driver_walk.walk_power(driver, make)


def test_devices(driver, make, lan):
    card, _ = lan.plug(str(uuid.uuid4()))
    volume_id = str(uuid.uuid4())
    data = {
        'target_portal': '127.0.0.1:3999',
        'target_iqn': f'iqn.2026-11.org.pileus:{volume_id}',
        'target_lun': 1,
        'auth_username': 'u',
        'auth_password': 'p' * 12,
    }
    volume = VolumeSpec(volume_id, 'a', connection={'driver_volume_type': 'iscsi', 'data': data})
    driver_walk.walk_devices_of_a_guest_that_is_off(driver, make, volume, card)


def test_nothing(driver):
    driver_walk.walk_nothing(driver)
