"""Flat copies of the disks of real guests."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import uuid

import pytest

from common.errors import NotFound, Refused, Superseded
from compute.virt.base import RUNNING, SHUTDOWN, SUSPENDED, ImageSpec, nothing_to_tell
from tests.driver_walk import download
from tests.host.virt.lan import ssh
from tests.host.virt.waits import until

TOP = pathlib.Path(__file__).parents[3]
DIES = """
import os, pathlib, signal, sys
from compute.virt.base import nothing_to_tell
from compute.virt.libvirt.driver import LibvirtDriver
driver = LibvirtDriver('host', pathlib.Path(sys.argv[1]), uri=sys.argv[2], virt_type='qemu')
begin = driver.hypervisor.call
def call(*words, **named):
    value = begin(*words, **named)
    if named.get('doing') == 'copy the disk':
        os.kill(os.getpid(), signal.SIGKILL)
    return value
driver.hypervisor.call = call
driver.make_snapshot(sys.argv[3], sys.argv[4], nothing_to_tell)
"""


def info(path):
    done = subprocess.run(['qemu-img', 'info', '--output=json', str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def take(driver, server):
    """Copy the disk of a server and bring the copy into the cache, as another server's boot does; gives its image and its bytes."""
    made = str(uuid.uuid4())
    size = driver.make_snapshot(server.id, made, nothing_to_tell)
    assert driver.make_snapshot(server.id, made, nothing_to_tell) == size, 'a copy that is whole is not made again'
    with driver.open_snapshot(server.id, made) as file:
        data = file.read()
    assert len(data) == size
    for _ in range(2):
        driver.delete_snapshot(server.id, made)
    with pytest.raises(NotFound):
        driver.open_snapshot(server.id, made)
    assert [path.name for path in driver.disks.folder(server.id).iterdir() if 'snapshot' in path.name] == []
    path = driver.cache_image(download(made, driver.snapshot_format, data))
    facts = info(path)
    assert (facts['format'], 'backing-filename' in facts) == ('qcow2', False)
    subprocess.run(['qemu-img', 'check', '-q', str(path)], check=True)
    return ImageSpec(made, 'qcow2', path)


def lines(host, key, address):
    """How much the guest has written."""
    return int(ssh(host, key, address, 'wc -l < clock'))


def test_a_guest_is_copied_while_it_runs_and_its_copy_boots(driver, host, lan, key, make_server):
    card, address = lan.plug(str(uuid.uuid4()))
    server = make_server((card,))
    driver.spawn(server)
    ssh(host, key, address, 'echo kept > note; date > clock; sync')
    ssh(host, key, address, 'setsid sh -c "while sleep 0.1; do date >> clock; sync; done" < /dev/null > /dev/null 2>&1 &')
    written = lines(host, key, address)
    until(lambda: lines(host, key, address) > written)
    image = take(driver, server)
    assert driver.power_state(server.id) == RUNNING
    ssh(host, key, address, 'echo later > note; sync')
    written = lines(host, key, address)
    until(lambda: lines(host, key, address) > written)  # the guest runs on and writes on
    driver.destroy(server.id)
    driver.delete_disk(server.id)

    second = make_server((card,), image=image)
    driver.spawn(second)
    assert ssh(host, key, address, 'hostname; cat note') == f'{second.name}\nkept\n'


def test_a_guest_that_is_off_is_copied(driver, make_server):
    server = make_server()
    driver.spawn(server)
    driver.suspend(server.id)
    take(driver, server)
    assert driver.power_state(server.id) == SUSPENDED
    driver.resume(server)
    driver.pause(server.id)
    take(driver, server)
    driver.power_off(server.id, 0)
    take(driver, server)
    assert driver.power_state(server.id) == SHUTDOWN


def test_a_copy_can_be_stopped(driver, make_server):
    server, made = make_server(), str(uuid.uuid4())
    driver.spawn(server)

    def enough(done, total):
        raise Superseded('The server is being deleted.')

    with pytest.raises(Superseded):
        driver.make_snapshot(server.id, made, enough)
    driver.delete_snapshot(server.id, made)
    assert [path.name for path in driver.disks.folder(server.id).iterdir() if 'snapshot' in path.name] == []
    take(driver, server)


@pytest.mark.parametrize('act', ['go on', 'undo'])
def test_a_copy_whose_worker_was_killed_is_made_again_or_cleared_away(driver, folder, host, make_server, act):
    server, made = make_server(), str(uuid.uuid4())
    driver.spawn(server)
    words = [sys.executable, '-c', DIES, str(folder / 'state'), host.libvirt_uri, server.id, made]
    done = subprocess.run(
        words, cwd=TOP, capture_output=True, text=True, check=False, timeout=180, env={**os.environ, 'PYTHONPATH': str(TOP)}
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.suffix for path in driver.disks.folder(server.id).iterdir() if made in path.name] == ['.part']
    if act == 'undo':
        driver.delete_snapshot(server.id, made)
        assert [path.name for path in driver.disks.folder(server.id).iterdir() if made in path.name] == []
    assert driver.make_snapshot(server.id, made, nothing_to_tell) > 0
    assert driver.power_state(server.id) == RUNNING


def test_a_server_without_a_disk_cannot_be_copied(driver, make_server):
    server = dataclasses.replace(make_server(), id=str(uuid.uuid4()))
    with pytest.raises(Refused, match='no disk'):
        driver.make_snapshot(server.id, str(uuid.uuid4()), nothing_to_tell)
