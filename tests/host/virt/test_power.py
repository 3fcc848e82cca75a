"""A real guest through its life: boot, ssh, console, power."""

from __future__ import annotations

import time
import uuid

import pytest

from common.errors import NotFound, Refused
from compute.virt.base import NOSTATE, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, ServerSpec
from tests.host.virt.lan import ssh
from tests.host.virt.waits import until


def test_life_of_a_guest(driver, host, lan, key, make_server):
    card, address = lan.plug(str(uuid.uuid4()))
    server = make_server((card,), user_data='#!/bin/sh\necho the script ran as $(id -un)\n')
    began = time.monotonic()
    driver.spawn(server)
    driver.spawn(server)
    assert ssh(host, key, address, 'hostname; sudo id -u').split() == ['web-0', '0']
    print(f'ssh after {time.monotonic() - began:.1f} s')

    assert driver.power_state(server.id) == RUNNING
    assert driver.list_servers() == {server.id: RUNNING}
    assert driver.list_disks() == {server.id}
    assert driver.vnc_address(server.id)[0] == '127.0.0.1'
    assert driver.diagnostics(server.id)['nics'] == 1
    until(lambda: 'the script ran as root' in driver.console_log(server.id, None))
    until(lambda: 'login:' in driver.console_log(server.id, 5))

    ssh(host, key, address, 'echo kept > note; sync')
    driver.reboot(server, hard=False, timeout=60)
    assert 'power button pressed' in driver.console_log(server.id, None)
    assert ssh(host, key, address, 'cat note; cut -d. -f1 /proc/uptime').split()[0] == 'kept'
    assert driver.console_log(server.id, None).count('the script ran as root') == 1

    driver.pause(server.id)
    driver.pause(server.id)
    assert driver.power_state(server.id) == PAUSED
    driver.unpause(server.id)
    assert driver.power_state(server.id) == RUNNING

    driver.suspend(server.id)
    driver.suspend(server.id)
    assert driver.power_state(server.id) == SUSPENDED
    driver.resume(server)
    assert ssh(host, key, address, 'cat note') == 'kept\n'

    for _ in range(2):
        driver.power_off(server.id, 60)
        assert driver.power_state(server.id) == SHUTDOWN
    driver.power_on(server)
    driver.power_on(server)
    assert ssh(host, key, address, 'cat note') == 'kept\n'
    driver.reboot(server, hard=True, timeout=0)
    assert ssh(host, key, address, 'cat note') == 'kept\n'

    for _ in range(2):
        driver.destroy(server.id)
        driver.delete_disk(server.id)
    assert driver.power_state(server.id) == NOSTATE
    assert driver.list_servers() == {}
    assert driver.list_disks() == set()
    assert host.run('virsh', '-q', 'list', '--all', '--name').split() == []
    assert host.run('ip', '-br', 'link', 'show', 'dev', card.tap), "the tap is the network agent's and stays"


def test_a_guest_that_is_not_there(driver):
    nobody = str(uuid.uuid4())
    driver.power_off(nobody, 10)
    driver.destroy(nobody)
    assert driver.vnc_address(nobody) is None
    for method in (driver.pause, driver.suspend, driver.diagnostics):
        with pytest.raises(NotFound):
            method(nobody)
    with pytest.raises(NotFound):
        driver.console_log(nobody, 10)


def test_a_server_without_any_disk_is_refused(driver):
    with pytest.raises(Refused, match='neither a disk nor a volume'):
        driver.spawn(ServerSpec(str(uuid.uuid4()), 'bare', 1, 64, 0))
