"""Network cards, events, the image cache and the trial of KVM, on a real libvirtd."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
import uuid

import pytest

from common.errors import InvalidInput, Refused, Transient
from compute.virt.base import NOSTATE, SHUTDOWN, ImageSpec, ServerSpec
from compute.virt.libvirt.driver import LibvirtDriver
from tests.driver_walk import download
from tests.host.virt.lan import ssh
from tests.host.virt.waits import until


def test_a_network_card_is_plugged_in_and_out(driver, host, lan, key, make_server):
    (card, address), (extra, other) = lan.plug(str(uuid.uuid4())), lan.plug(str(uuid.uuid4()))
    server = make_server((card,))
    driver.spawn(server)
    ssh(host, key, address, 'true')
    for _ in range(2):
        driver.attach_interface(server.id, extra)
    assert ssh(host, key, other, 'cat /sys/class/net/eth1/address').strip() == extra.mac, 'the guest asks for an address by itself'
    assert ssh(host, key, address, 'cat /sys/class/net/eth0/mtu').strip() == '1450'
    for _ in range(2):
        driver.detach_interface(server.id, extra.port_id, 60)
    assert 'eth1' not in ssh(host, key, address, 'ls /sys/class/net')


def test_a_guest_that_goes_off_by_itself_is_told_of(host, folder, lan, key, driver, make_server):
    told = []
    watcher = LibvirtDriver('watcher', folder / 'state', uri=host.libvirt_uri, virt_type='qemu')
    watcher.start(lambda server_id, state: told.append((server_id, state)))
    try:
        card, address = lan.plug(str(uuid.uuid4()))
        server = make_server((card,))
        driver.spawn(server)
        ssh(host, key, address, 'sudo poweroff')
        until(lambda: (server.id, SHUTDOWN) in told)
        driver.destroy(server.id)
        assert driver.power_state(server.id) == NOSTATE
    finally:
        watcher.stop()


def test_two_drivers_agree_on_kvm_and_keep_the_verdict(host, folder):
    driver = LibvirtDriver('k', folder / 'kvm-state', uri=host.libvirt_uri)
    verdict = driver.virt_type()
    assert verdict in ('kvm', 'qemu')
    kept = json.loads((folder / 'kvm-state/instances/kvm.json').read_text())
    assert kept['works'] is (verdict == 'kvm')
    assert not (folder / 'kvm-state/instances/kvm-trial').exists()
    began = time.monotonic()
    assert LibvirtDriver('again', folder / 'kvm-state', uri=host.libvirt_uri).virt_type() == verdict
    print(f'virt_type {verdict}, again after {time.monotonic() - began:.2f} s')
    assert 'kvm-trial' not in host.run('virsh', 'list', '--all')
    driver.stop()


def test_inventory_and_check(driver):
    until(lambda: driver.inventory().hypervisor_version)
    found = driver.inventory()
    assert found.vcpus > 0
    assert found.memory_mib > 0
    assert found.hypervisor_version > 1_000_000
    assert found.cpu_info['arch'] == 'x86_64'
    assert driver.check() == []


def test_check_says_that_libvirtd_is_away(folder):
    driver = LibvirtDriver('x', folder / 'state', uri='qemu+unix:///system?socket=/nonexistent')
    assert any('libvirtd' in problem.remedy for problem in driver.check())
    with pytest.raises(Transient):
        driver.inventory()


def _qcow2(path, *options):
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', *options, str(path), '8M'], check=True)
    return path.read_bytes()


def test_the_image_cache_verifies_what_it_takes(driver, tmp_path):
    data = _qcow2(tmp_path / 'plain')
    image_id = str(uuid.uuid4())
    with pytest.raises(Transient, match='damaged'):
        driver.cache_image(download(image_id, 'qcow2', data, hash_value='f' * 128))
    assert driver.cached_image(image_id) is None
    path = driver.cache_image(download(image_id, 'qcow2', data, hash_value=hashlib.sha512(data).hexdigest()))
    assert path.read_bytes() == data
    assert driver.cache_image(download(image_id, 'qcow2', b'not read')) == path == driver.cached_image(image_id)


def test_the_image_cache_refuses_what_would_open_other_files(driver, tmp_path):
    (tmp_path / 'base').write_bytes(bytes(1 << 20))
    backed = _qcow2(tmp_path / 'backed', '-b', str(tmp_path / 'base'), '-F', 'raw')
    external = _qcow2(tmp_path / 'external', '-o', f'data_file={tmp_path}/data')
    for data, claimed in ((backed, 'qcow2'), (external, 'qcow2'), (backed, 'raw'), (b'no image at all', 'qcow2')):
        image_id = str(uuid.uuid4())
        with pytest.raises(InvalidInput):
            driver.cache_image(download(image_id, claimed, data))
        assert driver.cached_image(image_id) is None
    with pytest.raises(Refused, match='aki'):
        driver.cache_image(download(str(uuid.uuid4()), 'aki', b''))
    assert [p.name for p in driver.images.top.iterdir() if not p.suffix.startswith(('.qcow2', '.raw'))] == []


def test_an_image_larger_than_the_disk_is_refused(driver, tmp_path):
    image_id = str(uuid.uuid4())
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', str(tmp_path / 'large'), '3G'], check=True)
    path = driver.cache_image(download(image_id, 'qcow2', (tmp_path / 'large').read_bytes()))
    server = ServerSpec(str(uuid.uuid4()), 'small', 1, 64, 2, image=ImageSpec(image_id, 'qcow2', path))
    with pytest.raises(Refused, match='3 GiB.*2 GiB'):
        driver.make_disk(server)
    driver.delete_disk(server.id)
    assert server.id not in driver.list_disks()
