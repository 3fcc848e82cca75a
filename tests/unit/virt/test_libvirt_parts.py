"""The parts of the libvirt driver that need no libvirtd: devices, notes, states, the console's files."""

from __future__ import annotations

import json
import pathlib
import stat

import pytest

libvirt = pytest.importorskip('libvirt', reason='libvirt-python is not installed')

from common.errors import Refused  # noqa: E402
from compute.virt import base  # noqa: E402
from compute.virt.base import VolumeSpec  # noqa: E402
from compute.virt.libvirt import console, states  # noqa: E402
from compute.virt.libvirt.disks import DiskStore, is_id  # noqa: E402
from compute.virt.libvirt.volumes import VolumeBook, choose_target, network_disk  # noqa: E402

SERVER = '3f2b7c1e-8a4d-4c6b-9e21-5d0f7a6b1c34'
DATA = {
    'target_portal': '192.0.2.1:3260',
    'target_iqn': 'iqn.2026-11.org.pileus:v',
    'target_lun': 1,
    'auth_username': 'u',
    'auth_password': 'hush',
}


def volume(**changes: object) -> VolumeSpec:
    return VolumeSpec('v', 'a', connection={'driver_volume_type': 'iscsi', 'data': {**DATA, **changes}})


# -- devices


@pytest.mark.parametrize(
    ('wanted', 'used', 'given'),
    [
        (None, set(), 'vda'), (None, {'vda'}, 'vdb'), ('/dev/vdf', {'vda'}, 'vdf'), ('vdf', {'vda', 'vdf'}, 'vdb'), ('/dev/sdb', {'vda'}, 'vdb'),
        ('auto', {'vda', 'vdb', 'vdd'}, 'vdc'),
    ],
)  # fmt: skip
def test_a_device_name_is_given_once(wanted: str | None, used: set[str], given: str) -> None:
    assert choose_target(wanted, used) == given


def test_a_full_guest_says_what_to_do() -> None:
    with pytest.raises(Refused, match='detach one first'):
        choose_target(None, {f'vd{letter}' for letter in 'abcdefghijklmnopqrstuvwxyz'})


def test_the_connection_becomes_a_device() -> None:
    disk = network_disk(volume(), 'vdb')
    assert (disk.address, disk.port, disk.iqn, disk.lun, disk.user, disk.read_only) == (
        '192.0.2.1',
        3260,
        DATA['target_iqn'],
        1,
        'u',
        False,
    )
    assert network_disk(volume(target_portal='[2001:db8::1]:3261'), 'vdb').address == '2001:db8::1'
    assert network_disk(volume(access_mode='ro'), 'vdb').read_only
    with pytest.raises(Refused, match='rbd'):
        network_disk(VolumeSpec('v', 'a', connection={'driver_volume_type': 'rbd'}), 'vdb')


def test_a_password_is_in_no_text_of_a_volume() -> None:
    assert 'hush' not in repr(volume())
    assert 'hush' not in repr(network_disk(volume(), 'vdb'))


# -- notes


def test_volumes_are_noted_for_root_alone(tmp_path: pathlib.Path) -> None:
    book = VolumeBook(DiskStore(tmp_path))
    assert book.read(SERVER) == {}
    book.note(SERVER, volume(), '/dev/vdb')
    book.note(SERVER, volume(), '/dev/vdb')
    path = tmp_path / SERVER / 'volumes.json'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {'v'}
    again = book.known(SERVER, VolumeSpec('v', 'a'))
    assert again.device == '/dev/vdb'
    assert again.connection == volume().connection
    book.forget(SERVER, 'v')
    book.forget(SERVER, 'v')
    with pytest.raises(Refused, match='attach it again'):
        book.known(SERVER, VolumeSpec('v', 'a'))


def test_a_note_cut_short_does_not_stop_the_next(tmp_path: pathlib.Path) -> None:
    book = VolumeBook(DiskStore(tmp_path))
    (tmp_path / SERVER).mkdir()
    (tmp_path / SERVER / 'volumes.new').write_text('{"half')
    book.note(SERVER, volume(), '/dev/vdb')
    assert set(book.read(SERVER)) == {'v'}


# -- states


@pytest.mark.parametrize(
    ('state', 'reason', 'seen'),
    [
        (libvirt.VIR_DOMAIN_RUNNING, 0, base.RUNNING), (libvirt.VIR_DOMAIN_PAUSED, 0, base.PAUSED),
        (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN, base.SHUTDOWN),
        (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED, base.SHUTDOWN),
        (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN, base.CRASHED),
        (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DAEMON, base.CRASHED),
        (libvirt.VIR_DOMAIN_SHUTDOWN, 0, base.RUNNING), (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SAVED, base.SUSPENDED),
        (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, base.CRASHED), (99, 0, base.NOSTATE),
    ],
)  # fmt: skip
def test_power_states(state: int, reason: int, seen: int) -> None:
    assert states.power_state(state, reason) == seen


def test_figures_of_a_guest() -> None:
    facts = {
        'vcpu.current': 2, 'vcpu.0.time': 10, 'vcpu.1.time': 20, 'balloon.current': 524288, 'balloon.available': 500000, 'balloon.unused': 397600,
        'net.count': 1, 'net.0.name': 'plt1', 'net.0.rx.bytes': 7, 'net.0.tx.pkts': 3, 'block.count': 1, 'block.0.name': 'vda', 'block.0.rd.reqs': 5,
    }  # fmt: skip
    found = states.diagnostics(facts)
    assert (found['vcpus'], found['cpu_time_ns'], found['memory_mib'], found['memory_used_mib']) == (2, [10, 20], 512, 100)
    assert found['nic_details'][0]['rx_octets'] == 7
    assert found['nic_details'][0]['tx_packets'] == 3
    assert found['disk_details'][0]['read_requests'] == 5
    assert states.diagnostics({})['nics'] == 0


# -- the console


def test_the_console_log_goes_on_over_files_that_were_turned(tmp_path: pathlib.Path) -> None:
    log = tmp_path / 'console.log'
    assert console.read(log, None) == ''
    (tmp_path / 'console.log.1').write_text('first\n')
    (tmp_path / 'console.log.0').write_text('second\n')
    log.write_bytes(b'third\n\0\xfffourth')
    assert console.read(log, None) == 'first\nsecond\nthird\n\ufffdfourth'
    assert console.read(log, 2) == 'third\n\ufffdfourth'
    assert console.read(log, 0) == ''


def test_only_the_end_of_a_long_log_is_read(tmp_path: pathlib.Path) -> None:
    log = tmp_path / 'console.log'
    (tmp_path / 'console.log.0').write_text('o' * 200_000)
    log.write_text('n' * 60_000)
    text = console.read(log, None)
    assert len(text) == 100 * 1024
    assert text.count('n') == 60_000
    log.write_text('n' * 300_000)
    assert console.read(log, None) == 'n' * 100 * 1024


# -- ids


@pytest.mark.parametrize(
    'name', ['', '..', 'a/b', 'pl-x', SERVER.upper(), SERVER.replace('-', ''), f'{{{SERVER}}}', f'{SERVER}/..', SERVER + '\n']
)
def test_only_ids_name_folders(name: str, tmp_path: pathlib.Path) -> None:
    assert not is_id(name)


def test_folders_of_others_are_not_servers(tmp_path: pathlib.Path) -> None:
    store = DiskStore(tmp_path)
    assert DiskStore(tmp_path / 'not there').servers() == set()
    (tmp_path / SERVER).mkdir()
    (tmp_path / 'kvm-trial').mkdir()
    assert store.servers() == {SERVER}
    store.delete(SERVER)
    store.delete(SERVER)
    assert store.servers() == set()
    with pytest.raises(ValueError, match='badly formed'):
        store.folder('../etc')
