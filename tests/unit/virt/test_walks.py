"""The simulated hypervisor does what every driver must do."""

from __future__ import annotations

import pathlib
import uuid

import pytest

from compute.virt.base import InterfaceSpec, ServerSpec, VolumeSpec
from compute.virt.simulated import SimulatedDriver
from tests import driver_walk


@pytest.fixture(params=['memory', 'files'])
def driver(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> SimulatedDriver:
    return SimulatedDriver('h1', state=None if request.param == 'memory' else tmp_path / 'h1')


def make() -> ServerSpec:
    return ServerSpec(str(uuid.uuid4()), 'web', 1, 64, 1)


def test_power(driver: SimulatedDriver) -> None:
    driver_walk.walk_power(driver, make)


def test_devices(driver: SimulatedDriver) -> None:
    card = InterfaceSpec(str(uuid.uuid4()), 'fa:16:3e:00:00:07')
    driver_walk.walk_devices_of_a_guest_that_is_off(driver, make, VolumeSpec(str(uuid.uuid4()), 'a', connection={'x': 1}), card)


def test_nothing(driver: SimulatedDriver) -> None:
    driver_walk.walk_nothing(driver)
