"""The definition of a guest, read back as libvirt would read it."""

from __future__ import annotations

import dataclasses
import pathlib
from xml.etree import ElementTree as ET

import pytest

from compute.virt.base import InterfaceSpec, ServerSpec
from compute.virt.libvirt import domain_xml
from compute.virt.libvirt.domain_xml import SPARE_PORTS, FileDisk, NetworkDisk

SERVER = ServerSpec(
    '5b3c0e0a-8b8f-4a0e-9a53-0d6c1c1d2e3f', 'web <1> & "two"', 2, 512, 1,
    interfaces=(InterfaceSpec('0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9', 'fa:16:3e:00:00:01', 1450), InterfaceSpec('ffffffff-0000', 'fa:16:3e:00:00:02')),
)  # fmt: skip
ROOT = FileDisk(pathlib.Path('/state/disk'), 'vda')
DRIVE = FileDisk(pathlib.Path('/state/config-2.iso'), 'sda', cdrom=True)
VOLUME = NetworkDisk('d5f0', 'vdb', '192.0.2.7', 3260, 'iqn.2026-11.org.pileus:d5f0', 1, user='someone')


def define(
    server: ServerSpec = SERVER,
    virt_type: str = 'qemu',
    root: FileDisk | None = ROOT,
    disks: tuple[FileDisk, ...] = (),
    volumes: tuple[NetworkDisk, ...] = (),
) -> ET.Element:
    log = pathlib.Path('/state/console.log')
    return ET.fromstring(
        domain_xml.domain(server, virt_type=virt_type, root=root, disks=list(disks), volumes=list(volumes), console_log=log)
    )


def test_names_and_sizes() -> None:
    guest = define()
    assert guest.findtext('name') == f'pl-{SERVER.id}'
    assert guest.findtext('uuid') == SERVER.id
    assert guest.findtext('title') == SERVER.name
    assert (guest.findtext('memory'), guest.find('memory').get('unit')) == ('512', 'MiB')
    assert guest.findtext('vcpu') == '2'
    assert guest.find("sysinfo/system/entry[@name='uuid']").text == SERVER.id


@pytest.mark.parametrize(('virt_type', 'mode'), [('qemu', 'maximum'), ('kvm', 'host-model')])
def test_the_processor_fits_the_kind_of_machine(virt_type: str, mode: str) -> None:
    guest = define(virt_type=virt_type)
    assert guest.get('type') == virt_type
    assert guest.find('cpu').get('mode') == mode


def test_the_guest_stays_defined_when_it_goes_off_and_restarts_when_it_reboots() -> None:
    guest = define()
    assert [guest.findtext(event) for event in ('on_poweroff', 'on_reboot', 'on_crash')] == ['destroy', 'restart', 'destroy']


def test_a_card_uses_the_tap_that_the_agent_made() -> None:
    first, second = define().findall('devices/interface')
    assert first.get('type') == 'ethernet'
    assert first.find('target').attrib == {'dev': 'plt0a1b2c3d-4e', 'managed': 'no'}
    assert len('plt0a1b2c3d-4e') < 16, 'a device of the kernel has at most 15 characters'
    assert (first.find('mac').get('address'), first.find('mtu').get('size')) == ('fa:16:3e:00:00:01', '1450')
    assert second.find('mtu').get('size') == '1500'


def test_the_root_disk_is_started_from_then_the_volumes() -> None:
    guest = define(disks=(FileDisk(pathlib.Path('/state/disk.eph0'), 'vdc'), DRIVE), volumes=(VOLUME,))
    order = {
        disk.find('target').get('dev'): disk.find('boot').get('order')
        for disk in guest.findall('devices/disk')
        if disk.find('boot') is not None
    }
    assert order == {'vda': '1', 'vdc': '2', 'vdb': '3'}
    assert define(root=None, volumes=(dataclasses.replace(VOLUME, target='vda'),)).find('devices/disk/boot').get('order') == '1'


def test_the_config_drive_is_a_disc_that_cannot_be_written() -> None:
    (disc,) = define(root=None, disks=(DRIVE,), volumes=()).findall('devices/disk')
    assert disc.get('device') == 'cdrom'
    assert disc.find('readonly') is not None
    assert disc.find('driver').get('type') == 'raw'


def test_a_volume_names_its_secret_and_never_holds_it() -> None:
    disk = define(volumes=(VOLUME,)).findall('devices/disk')[1]
    assert disk.find('source').attrib == {'protocol': 'iscsi', 'name': 'iqn.2026-11.org.pileus:d5f0/1'}
    assert disk.find('source/host').attrib == {'name': '192.0.2.7', 'port': '3260'}
    assert disk.findtext('serial') == 'd5f0'
    assert disk.find('auth').get('username') == 'someone'
    assert disk.find('auth/secret').attrib == {'type': 'iscsi', 'uuid': domain_xml.secret_uuid('d5f0')}
    assert domain_xml.secret_uuid('d5f0') != domain_xml.secret_uuid('d5f1')
    assert disk.find('readonly') is None
    assert not {field.name for field in dataclasses.fields(NetworkDisk)} & {'password', 'secret'}, (
        'what the XML is made from has no place for a password'
    )


def test_a_volume_without_credentials_and_one_for_reading() -> None:
    plain, fixed = dataclasses.replace(VOLUME, user=None), dataclasses.replace(VOLUME, read_only=True)
    assert domain_xml.network_disk(plain).find('auth') is None
    assert domain_xml.network_disk(fixed).find('readonly') is not None


def test_devices_can_be_plugged_in_later() -> None:
    ports = [controller for controller in define().findall('devices/controller') if controller.get('model') == 'pcie-root-port']
    assert len(ports) == SPARE_PORTS


def test_screen_and_console_stay_on_the_host() -> None:
    guest = define()
    assert guest.find('devices/graphics').get('listen') == '127.0.0.1'
    assert guest.find('devices/serial/log').get('file') == '/state/console.log'


def test_what_is_written_is_found_again() -> None:
    text = domain_xml.to_text(define(disks=(DRIVE,), volumes=(VOLUME,)))
    assert domain_xml.find_volume(text, 'd5f0') is not None
    assert domain_xml.find_volume(text, 'other') is None
    assert domain_xml.find_interface(text, SERVER.interfaces[1].tap) is not None
    assert domain_xml.find_interface(text, 'pltnone') is None
    assert domain_xml.targets(text) == {'vda', 'sda', 'vdb'}
    assert domain_xml.vnc_port(text) is None, 'it has none before it runs'
    assert domain_xml.vnc_port(text.replace('port="-1"', 'port="5907"')) == 5907
