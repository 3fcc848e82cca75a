"""What every hypervisor driver must do, whatever is behind it: each verb twice, from every state, with the states seen from outside.

A test of a driver calls these with the driver and `make`, which gives a new server whose disks are not made yet.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from common.errors import NotFound
from compute.virt.base import NOSTATE, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, Download, Driver, InterfaceSpec, ServerSpec, VolumeSpec

Make = Callable[[], ServerSpec]


def download(image_id: str, disk_format: str, data: bytes, **rest: Any) -> Download:
    """An image service that has this one image; its data comes in two pieces."""
    half = len(data) // 2
    return Download(image_id, disk_format, lambda offset: iter([data[offset : offset + half], data[offset + half :]]), **rest)


def twice(do: Callable[[], object]) -> None:
    """As a step does that was cut short after its effect."""
    do()
    do()


def walk_power(driver: Driver, make: Make) -> None:
    """Through all power states and back to nothing."""
    server = make()
    before = driver.list_servers(), driver.list_disks()
    twice(lambda: driver.make_disk(server))
    assert server.id in driver.list_disks()
    assert driver.power_state(server.id) == NOSTATE
    for _ in range(2):  # the second time as after an undo
        twice(lambda: driver.spawn(server))
        assert driver.list_servers()[server.id] == driver.power_state(server.id) == RUNNING
        twice(lambda: driver.destroy(server.id))
        assert driver.power_state(server.id) == NOSTATE
        assert server.id in driver.list_disks()

    driver.power_on(server)  # a guest whose definition was lost
    verbs: list[tuple[Callable[[], object], int]] = [
        (lambda: driver.power_off(server.id, 0), SHUTDOWN),
        (lambda: driver.power_on(server), RUNNING),
        (lambda: driver.reboot(server, True, 0), RUNNING),
        (lambda: driver.pause(server.id), PAUSED),
        (lambda: driver.unpause(server.id), RUNNING),
        (lambda: driver.pause(server.id), PAUSED),
        (lambda: driver.reboot(server, True, 0), RUNNING),
        (lambda: driver.suspend(server.id), SUSPENDED),
        (lambda: driver.resume(server), RUNNING),
        (lambda: driver.suspend(server.id), SUSPENDED),
        (lambda: driver.power_off(server.id, 0), SUSPENDED),
        (lambda: driver.reboot(server, True, 0), RUNNING),
        (lambda: driver.pause(server.id), PAUSED),
        (lambda: driver.power_off(server.id, 0), SHUTDOWN),
        (lambda: driver.reboot(server, True, 0), RUNNING),
    ]
    for number, (verb, state) in enumerate(verbs):
        twice(verb)
        assert driver.power_state(server.id) == state, f'verb {number}'
    assert driver.diagnostics(server.id)['vcpus'] == server.vcpus
    assert isinstance(driver.console_log(server.id, 5), str)

    twice(lambda: driver.destroy(server.id))
    twice(lambda: driver.delete_disk(server.id))
    assert (driver.list_servers(), driver.list_disks()) == before


def walk_devices_of_a_guest_that_is_off(driver: Driver, make: Make, volume: VolumeSpec, card: InterfaceSpec) -> None:
    """Plugged in while it is off, they are there; unplugged, they are gone. Each twice."""
    server = make()
    driver.make_disk(server)
    driver.spawn(server)
    driver.power_off(server.id, 0)
    device = driver.attach_volume(server.id, volume)
    assert driver.attach_volume(server.id, volume) == device
    twice(lambda: driver.attach_interface(server.id, card))
    twice(lambda: driver.detach_volume(server.id, volume.volume_id, 5))
    twice(lambda: driver.detach_interface(server.id, card.port_id, 5))
    driver.power_on(server)
    assert driver.power_state(server.id) == RUNNING
    driver.destroy(server.id)
    driver.delete_disk(server.id)


def walk_nothing(driver: Driver) -> None:
    """What undoes is fine with nothing to undo; what acts on a guest says that there is none."""
    missing = str(uuid.uuid4())
    driver.destroy(missing)
    driver.delete_disk(missing)
    driver.power_off(missing, 5)
    driver.detach_volume(missing, str(uuid.uuid4()), 5)
    driver.detach_interface(missing, str(uuid.uuid4()), 5)
    assert driver.power_state(missing) == NOSTATE
    assert driver.vnc_address(missing) is None
    calls: list[Callable[[], object]] = [
        lambda: driver.pause(missing), lambda: driver.unpause(missing), lambda: driver.suspend(missing), lambda: driver.diagnostics(missing),
        lambda: driver.console_log(missing, None), lambda: driver.attach_interface(missing, InterfaceSpec(str(uuid.uuid4()), 'fa:16:3e:00:00:01')),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert missing not in driver.list_disks()
