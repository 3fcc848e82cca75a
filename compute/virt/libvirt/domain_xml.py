"""The definition of a guest as libvirt wants it: pure functions from plain values to XML (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import dataclasses
import pathlib
import xml.etree.ElementTree as ET
from typing import Any

from compute.virt.base import InterfaceSpec, ServerSpec, VolumeSpec

NAMESPACE = 'https://pileus.invalid/xmlns/domain/1'
PREFIX = 'pl-'
# Hot-plugged devices each take a root port of their own on a q35 machine.
SPARE_PORTS = 12


@dataclasses.dataclass(frozen=True)
class Files:
    """Where a guest's disks and logs are; `config_drive`, `ephemeral` and `swap` None where there is none."""

    root: pathlib.Path
    console: pathlib.Path
    config_drive: pathlib.Path | None = None
    ephemeral: pathlib.Path | None = None
    swap: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the host can do: `virt_type` kvm or qemu, `emulator` the path of QEMU."""

    virt_type: str
    emulator: str
    cpu: str


def domain_name(server_id: str) -> str:
    """The name of a server's domain."""
    return f'{PREFIX}{server_id}'


def domain(server: ServerSpec, files: Files, machine: Machine) -> str:
    """The whole definition. Volumes come by hot plug or `with_devices`, since theirs needs a secret that libvirt must know first."""
    root = ET.Element('domain', type=machine.virt_type)
    _text(root, 'name', domain_name(server.id))
    _text(root, 'uuid', server.id)
    _text(root, 'title', server.name[:255])
    _text(root, 'memory', str(server.memory_mib), unit='MiB')
    _text(root, 'vcpu', str(server.vcpus))
    system = ET.SubElement(root, 'os')
    _text(system, 'type', 'hvm', arch='x86_64', machine='q35')
    ET.SubElement(system, 'boot', dev='hd')
    features = ET.SubElement(root, 'features')
    for name in ('acpi', 'apic'):
        ET.SubElement(features, name)
    if machine.virt_type == 'kvm':
        ET.SubElement(root, 'cpu', mode='host-model')
    else:
        _text(ET.SubElement(root, 'cpu', mode='custom', match='exact', check='none'), 'model', machine.cpu, fallback='allow')
    clock = ET.SubElement(root, 'clock', offset='utc')
    ET.SubElement(clock, 'timer', name='rtc', tickpolicy='catchup')
    for event, action in (('on_poweroff', 'destroy'), ('on_reboot', 'restart'), ('on_crash', 'destroy')):
        _text(root, event, action)
    _devices(root, server, files, machine)
    return ET.tostring(root, encoding='unicode')


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _devices(root: ET.Element, server: ServerSpec, files: Files, machine: Machine) -> None:
    devices = ET.SubElement(root, 'devices')
    _text(devices, 'emulator', machine.emulator)
    ET.SubElement(devices, 'controller', type='pci', model='pcie-root')
    for _ in range(SPARE_PORTS):
        ET.SubElement(devices, 'controller', type='pci', model='pcie-root-port')
    devices.append(_file_disk(files.root, 'qcow2', 'vda'))
    # The letters behind the root disk belong to volumes; disks of the flavor count from the end of the alphabet.
    for path, letter in ((files.ephemeral, 'z'), (files.swap, 'y')):
        if path is not None:
            devices.append(_file_disk(path, 'qcow2', f'vd{letter}'))
    if files.config_drive is not None:
        devices.append(_file_disk(files.config_drive, 'raw', 'vdx', read_only=True))
    for interface in server.interfaces:
        devices.append(interface_element(interface))
    serial = ET.SubElement(devices, 'serial', type='pty')
    ET.SubElement(serial, 'log', file=str(files.console), append='on')
    ET.SubElement(serial, 'target', port='0')
    ET.SubElement(devices, 'input', type='tablet', bus='usb')
    graphics = ET.SubElement(devices, 'graphics', type='vnc', port='-1', autoport='yes', listen='127.0.0.1')
    ET.SubElement(graphics, 'listen', type='address', address='127.0.0.1')
    ET.SubElement(ET.SubElement(devices, 'video'), 'model', type='vga', vram='16384')
    rng = ET.SubElement(devices, 'rng', model='virtio')
    _text(rng, 'backend', '/dev/urandom', model='random')
    ET.SubElement(devices, 'memballoon', model='virtio')


def _file_disk(path: pathlib.Path, form: str, device: str, read_only: bool = False) -> ET.Element:
    disk = ET.Element('disk', type='file', device='disk')
    ET.SubElement(disk, 'driver', name='qemu', type=form, cache='none' if form == 'qcow2' else 'writeback', discard='unmap')
    ET.SubElement(disk, 'source', file=str(path))
    ET.SubElement(disk, 'target', dev=device, bus='virtio')
    if read_only:
        ET.SubElement(disk, 'readonly')
    return disk


def interface_element(interface: InterfaceSpec) -> ET.Element:
    """A network card on a tap that the network agent has made."""
    element = ET.Element('interface', type='ethernet')
    ET.SubElement(element, 'mac', address=interface.mac)
    ET.SubElement(element, 'target', dev=interface.tap, managed='no')
    ET.SubElement(element, 'model', type='virtio')
    # Offloading to a thread of the kernel is not to be had everywhere; QEMU itself always works.
    ET.SubElement(element, 'driver', name='qemu')
    ET.SubElement(element, 'mtu', size=str(interface.mtu))
    return element


def volume_element(volume: VolumeSpec, device: str, secret: str | None) -> ET.Element:
    """A volume by QEMU's own iSCSI initiator; the credentials lie in a libvirt secret, which `secret` names."""
    data: dict[str, Any] = volume.connection.get('data', volume.connection)
    host, _, port = str(data['target_portal']).rpartition(':')
    disk = ET.Element('disk', type='network', device='disk')
    ET.SubElement(disk, 'driver', name='qemu', type='raw', cache='none', discard='unmap')
    source = ET.SubElement(disk, 'source', protocol='iscsi', name=f'{data["target_iqn"]}/{data["target_lun"]}')
    ET.SubElement(source, 'host', name=host, port=port)
    if secret is not None:
        auth = ET.SubElement(source, 'auth', username=str(data['auth_username']))
        ET.SubElement(auth, 'secret', type='iscsi', uuid=secret)
    ET.SubElement(disk, 'target', dev=device, bus='virtio')
    _text(disk, 'serial', volume.volume_id)
    if volume.read_only:
        ET.SubElement(disk, 'readonly')
    return disk


def secret_xml(volume_id: str, secret_id: str) -> str:
    """A libvirt secret for a volume's CHAP password: in libvirtd's memory only, and never given out again."""
    root = ET.Element('secret', ephemeral='yes', private='yes')
    _text(root, 'uuid', secret_id)
    _text(root, 'description', f'Pileus volume {volume_id}')
    _text(ET.SubElement(root, 'usage', type='iscsi'), 'target', f'pileus:{volume_id}')
    return ET.tostring(root, encoding='unicode')


def text_of(element: ET.Element) -> str:
    """As text."""
    return ET.tostring(element, encoding='unicode')


def disk_of(xml: str, volume_id: str) -> ET.Element | None:
    """The disk of a volume in a domain's definition, by its serial number."""
    for disk in ET.fromstring(xml).iterfind('./devices/disk'):
        if disk.findtext('serial') == volume_id:
            return disk
    return None


def interface_of(xml: str, tap: str) -> ET.Element | None:
    """The network card on a tap in a domain's definition."""
    for interface in ET.fromstring(xml).iterfind('./devices/interface'):
        target = interface.find('target')
        if target is not None and target.get('dev') == tap:
            return interface
    return None


def used_devices(xml: str) -> set[str]:
    """Names of all disks of a domain."""
    return {target.get('dev', '') for target in ET.fromstring(xml).iterfind('./devices/disk/target')}


def vnc_port(xml: str) -> int | None:
    """The port of the screen of a running domain."""
    graphics = ET.fromstring(xml).find('./devices/graphics[@type="vnc"]')
    port = graphics.get('port') if graphics is not None else None
    return int(port) if port and port != '-1' else None
