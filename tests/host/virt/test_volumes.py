"""Volumes over real iSCSI with CHAP, plugged into a real guest and out of it, all of it twice."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import subprocess
import uuid

import pytest

from common.errors import PileusError
from compute.virt.base import VolumeSpec
from tests.host.virt.lan import ssh
from volume.drivers.base import Credentials
from volume.targets.tgt import TgtTarget

CONTROL, PORTAL = 21, '127.0.0.1:3260'
SIZE = 64 << 20


@pytest.fixture(scope='module')
def target(host):
    directory = host.start_tgt(CONTROL, PORTAL)
    return TgtTarget.at(CONTROL, PORTAL, directory)


@pytest.fixture
def make_volume(target, folder):
    """Exports a new volume; gives what the compute service would hand to the driver, and its password."""
    made = []

    def make():
        volume_id, password = str(uuid.uuid4()), secrets.token_hex(12)
        path = pathlib.Path(folder) / f'volume-{volume_id}'
        with path.open('wb') as file:
            file.truncate(SIZE)
        made.append(volume_id)
        found = target.export(volume_id, str(path), Credentials(volume_id, password))
        found['data'] |= {'auth_method': 'CHAP', 'auth_username': volume_id, 'auth_password': password}
        return VolumeSpec(volume_id, str(uuid.uuid4()), connection=found)

    yield make
    for volume_id in made:
        target.unexport(volume_id)


def disks(host, key, address):
    """Names of the disks that the guest sees."""
    return set(ssh(host, key, address, 'ls /sys/block').split())


def without_connection(volume, device):
    return VolumeSpec(volume.volume_id, volume.attachment_id, device)


def test_data_follows_a_volume_from_guest_to_guest(driver, host, lan, key, make_server, make_volume):
    (one, first), (two, second) = lan.plug(str(uuid.uuid4())), lan.plug(str(uuid.uuid4()))
    a, b = make_server((one,)), make_server((two,))
    volume = make_volume()
    driver.spawn(a)
    driver.spawn(b)
    before = disks(host, key, first)

    for _ in range(2):
        assert driver.attach_volume(a.id, volume) == '/dev/vdb'
    assert disks(host, key, first) - before == {'vdb'}
    assert int(ssh(host, key, first, 'cat /sys/block/vdb/size')) * 512 == SIZE
    assert ssh(host, key, first, 'cat /sys/block/vdb/serial').strip() == volume.volume_id[:20]
    ssh(
        host, key, first, 'sudo mkfs.ext4 -q /dev/vdb && sudo mount /dev/vdb /mnt && echo precious | sudo tee /mnt/file && sudo umount /mnt'
    )

    for _ in range(2):
        driver.detach_volume(a.id, volume.volume_id, 60)
    assert disks(host, key, first) == before
    assert driver.attach_volume(b.id, volume) == '/dev/vdb'
    assert ssh(host, key, second, 'sudo mount /dev/vdb /mnt && cat /mnt/file && sudo umount /mnt') == 'precious\n'

    assert driver.attach_volume(a.id, make_volume()) == '/dev/vdb', 'the first guest can take another one'
    driver.detach_volume(b.id, volume.volume_id, 60)
    assert driver.attach_volume(a.id, volume) == '/dev/vdc'
    assert 'precious' in ssh(host, key, first, 'sudo mount /dev/vdc /mnt && cat /mnt/file && sudo umount /mnt')

    driver.detach_volume(a.id, volume.volume_id, 60)
    connection = {**volume.connection, 'data': {**volume.connection['data'], 'access_mode': 'ro'}}
    assert driver.attach_volume(b.id, dataclasses.replace(volume, connection=connection)) == '/dev/vdb'
    write = 'sudo dd if=/dev/zero of=/dev/vdb bs=4096 count=1 conv=fsync 2>&1 || echo refused'
    assert 'refused' in ssh(host, key, second, write)
    assert (
        ssh(host, key, second, 'cat /sys/block/vdb/ro; sudo mount -o ro /dev/vdb /mnt && cat /mnt/file && sudo umount /mnt')
        == '1\nprecious\n'
    )


def test_a_volume_stays_through_stop_start_hard_reboot_and_a_new_libvirtd(driver, host, lan, key, make_server, make_volume):
    card, address = lan.plug(str(uuid.uuid4()))
    server, volume = make_server((card,)), make_volume()
    driver.spawn(server)
    ssh(host, key, address, 'true')
    device = driver.attach_volume(server.id, volume)
    ssh(host, key, address, 'echo mark | sudo dd of=/dev/vdb conv=fsync 2>/dev/null')
    # The compute service does not keep credentials: it hands over volumes without their connection.
    known = type(server)(**{**{f: getattr(server, f) for f in server.__slots__}, 'volumes': (without_connection(volume, device),)})
    assert 'mark' in ssh(host, key, address, 'sudo head -c 5 /dev/vdb')

    driver.reboot(known, hard=True, timeout=0)
    assert 'mark' in ssh(host, key, address, 'sudo head -c 5 /dev/vdb')

    driver.power_off(server.id, 60)
    host.kill('libvirtd')  # and with it the secrets, which are in its memory only
    with pytest.raises(PileusError):
        driver.power_state(server.id)
    host.start_libvirt()
    driver.power_on(known)
    assert 'mark' in ssh(host, key, address, 'sudo head -c 5 /dev/vdb')
    driver.detach_volume(server.id, volume.volume_id, 60)
    assert 'vdb' not in disks(host, key, address)


def test_passwords_are_in_no_command_line_and_no_definition(driver, host, make_server, make_volume):
    server, volume = make_server(), make_volume()
    driver.spawn(server)
    driver.attach_volume(server.id, volume)
    password = volume.connection['data']['auth_password']
    commands = subprocess.run(['ps', '-eo', 'args', 'ww'], capture_output=True, text=True, check=True).stdout
    assert server.id in commands
    assert password not in commands
    assert password not in host.run('virsh', 'dumpxml', '--security-info', f'pl-{server.id}')
    secret_files = [
        p
        for p in (driver.state / 'instances').rglob('*')
        if p.is_file() and p.stat().st_mode & 0o077 and password.encode() in p.read_bytes()
    ]
    assert secret_files == []
    assert volume.volume_id in host.run('virsh', 'secret-list')
    driver.destroy(server.id)
    assert volume.volume_id not in host.run('virsh', 'secret-list')


def test_a_wrong_password_is_a_refusal_and_leaves_nothing(driver, host, lan, key, make_server, make_volume):
    card, address = lan.plug(str(uuid.uuid4()))
    server, volume = make_server((card,)), make_volume()
    driver.spawn(server)
    before = disks(host, key, address)
    volume.connection['data']['auth_password'] = 'not-the-password'
    with pytest.raises(PileusError) as caught:
        driver.attach_volume(server.id, volume)
    assert volume.volume_id in caught.value.message
    assert 'not-the-password' not in f'{caught.value.message} {caught.value.admin_detail}'
    driver.detach_volume(server.id, volume.volume_id, 30)  # the step is undone
    assert disks(host, key, address) == before
    assert volume.volume_id not in host.run('virsh', 'secret-list')
