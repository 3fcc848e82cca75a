"""The definition of a guest as libvirt wants it. Pure: values in, XML out."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import uuid
from typing import Any
from xml.etree import ElementTree as ET

from compute.virt.base import InterfaceSpec, ServerSpec

SPARE_PORTS = 12  # q35 needs a free root port for each device that is plugged in later
_UNPRINTABLE = re.compile(r'[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')  # what XML cannot hold, and the end of a line
_SECRETS = uuid.UUID('0b1d0f9b-5a0e-4c4f-9d53-6f3d4f3a9c11')


@dataclasses.dataclass(frozen=True, slots=True)
class FileDisk:
    """A disk in a file: `target` is the device name without /dev."""

    path: pathlib.Path
    target: str
    disk_format: str = 'qcow2'
    cdrom: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class NetworkDisk:
    """An iSCSI volume. The CHAP password is in a libvirt secret, never here."""

    volume_id: str
    target: str
    address: str
    port: int
    iqn: str
    lun: int
    user: str | None = None
    read_only: bool = False


def secret_uuid(volume_id: str) -> str:
    """The id of the libvirt secret with a volume's CHAP password."""
    return str(uuid.uuid5(_SECRETS, volume_id))


def domain(
    server: ServerSpec,
    *,
    virt_type: str,
    root: FileDisk | None,
    disks: list[FileDisk],
    volumes: list[NetworkDisk],
    console_log: pathlib.Path,
) -> str:
    """The whole definition."""
    top = ET.Element('domain', type=virt_type)
    _text(top, 'name', f'pl-{server.id}')
    _text(top, 'uuid', server.id)
    _text(top, 'title', _UNPRINTABLE.sub(' ', server.name))
    _text(top, 'memory', str(server.memory_mib), unit='MiB')
    _text(top, 'vcpu', str(server.vcpus), placement='static')
    _system_information(top, server)
    system = _sub(top, 'os')
    _text(system, 'type', 'hvm', arch='x86_64', machine='q35')
    _sub(system, 'smbios', mode='sysinfo')
    features = _sub(top, 'features')
    _sub(features, 'acpi')
    _sub(features, 'apic')
    _processor(top, server, virt_type)
    clock = _sub(top, 'clock', offset='utc')
    _sub(clock, 'timer', name='rtc', tickpolicy='catchup')
    _sub(clock, 'timer', name='pit', tickpolicy='delay')
    _sub(clock, 'timer', name='hpet', present='no')
    for event, action in (('on_poweroff', 'destroy'), ('on_reboot', 'restart'), ('on_crash', 'destroy')):
        _text(top, event, action)
    power = _sub(top, 'pm')
    _sub(power, 'suspend-to-mem', enabled='no')
    _sub(power, 'suspend-to-disk', enabled='no')
    devices = _sub(top, 'devices')
    _controllers(devices)
    order = 1
    for disk in ([root] if root else []) + disks:
        order = _file_disk(devices, disk, order)
    for volume in volumes:
        element = network_disk(volume)
        ET.SubElement(element, 'boot', order=str(order))
        order += 1
        devices.append(element)
    for card in server.interfaces:
        devices.append(interface(card))
    _other_devices(devices, console_log)
    return ET.tostring(top, encoding='unicode')


def _sub(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _system_information(top: ET.Element, server: ServerSpec) -> None:
    information = _sub(top, 'sysinfo', type='smbios')
    system = _sub(information, 'system')
    values = {'manufacturer': 'Pileus', 'product': 'OpenStack Nova', 'serial': server.id, 'uuid': server.id, 'family': 'Virtual Machine'}
    for name, value in values.items():
        _text(system, 'entry', value, name=name)


def _processor(top: ET.Element, server: ServerSpec, virt_type: str) -> None:
    # Under emulation QEMU shows all that it can emulate; under KVM a named model that other hosts may have as well.
    cpu = _sub(top, 'cpu', mode='host-model' if virt_type == 'kvm' else 'maximum')
    _sub(cpu, 'topology', sockets=str(server.vcpus), dies='1', cores='1', threads='1')


def _controllers(devices: ET.Element) -> None:
    _sub(devices, 'controller', type='pci', index='0', model='pcie-root')
    for index in range(1, SPARE_PORTS + 1):
        _sub(devices, 'controller', type='pci', index=str(index), model='pcie-root-port')
    _sub(devices, 'controller', type='usb', index='0', model='none')


def _file_disk(devices: ET.Element, disk: FileDisk, order: int) -> int:
    """Gives the boot order of the next disk; a CD is not booted from."""
    element = _sub(devices, 'disk', type='file', device='cdrom' if disk.cdrom else 'disk')
    if disk.cdrom:
        _sub(devices, 'controller', type='scsi', index='0', model='virtio-scsi')
        _sub(element, 'driver', name='qemu', type='raw')
    else:
        _sub(element, 'driver', name='qemu', type=disk.disk_format, cache='writeback', discard='unmap')
    _sub(element, 'source', file=str(disk.path))
    _sub(element, 'target', dev=disk.target, bus='scsi' if disk.cdrom else 'virtio')
    if disk.cdrom:
        _sub(element, 'readonly')
        return order
    _sub(element, 'boot', order=str(order))
    return order + 1


def network_disk(volume: NetworkDisk) -> ET.Element:
    """A volume as a device, for the definition and for hot plug."""
    element = ET.Element('disk', type='network', device='disk')
    _sub(element, 'driver', name='qemu', type='raw', cache='none', io='threads', discard='unmap')
    if volume.user:
        auth = _sub(element, 'auth', username=volume.user)
        _sub(auth, 'secret', type='iscsi', uuid=secret_uuid(volume.volume_id))
    source = _sub(element, 'source', protocol='iscsi', name=f'{volume.iqn}/{volume.lun}')
    _sub(source, 'host', name=volume.address, port=str(volume.port))
    _sub(element, 'target', dev=volume.target, bus='virtio')
    if volume.read_only:
        _sub(element, 'readonly')
    _text(element, 'serial', volume.volume_id)
    return element


def interface(card: InterfaceSpec) -> ET.Element:
    """A network card as a device. Its tap exists already and stays when the guest goes."""
    element = ET.Element('interface', type='ethernet')
    _sub(element, 'mac', address=card.mac)
    _sub(element, 'target', dev=card.tap, managed='no')
    _sub(element, 'model', type='virtio')
    _sub(element, 'mtu', size=str(card.mtu))
    return element


def _other_devices(devices: ET.Element, console_log: pathlib.Path) -> None:
    serial = _sub(devices, 'serial', type='pty')
    _sub(serial, 'log', file=str(console_log), append='on')
    _sub(serial, 'target', port='0')
    graphics = _sub(devices, 'graphics', type='vnc', port='-1', autoport='yes', listen='127.0.0.1')
    _sub(graphics, 'listen', type='address', address='127.0.0.1')
    video = _sub(devices, 'video')
    _sub(video, 'model', type='vga', vram='16384')
    random = _sub(devices, 'rng', model='virtio')
    _text(random, 'backend', '/dev/urandom', model='random')
    balloon = _sub(devices, 'memballoon', model='virtio')
    _sub(balloon, 'stats', period='10')


# -- reading a definition


def find_volume(xml: str, volume_id: str) -> ET.Element | None:
    """The disk device of a volume, or None."""
    return next((disk for disk in ET.fromstring(xml).iter('disk') if disk.findtext('serial') == volume_id), None)


def find_interface(xml: str, tap: str) -> ET.Element | None:
    """The network card behind a tap, or None."""
    return next((card for card in ET.fromstring(xml).iter('interface') if _attribute(card, 'target', 'dev') == tap), None)


def targets(xml: str) -> set[str]:
    """Device names in use, such as `vda`."""
    return {str(target.get('dev')) for target in ET.fromstring(xml).iterfind('./devices/disk/target')}


def vnc_port(xml: str) -> int | None:
    """The port of a running guest's screen."""
    port = _attribute(ET.fromstring(xml), "./devices/graphics[@type='vnc']", 'port')
    return int(port) if port and int(port) > 0 else None


def _attribute(parent: ET.Element, path: str, name: str) -> Any:
    found = parent.find(path)
    return None if found is None else found.get(name)


def to_text(element: ET.Element) -> str:
    """A device as text."""
    return ET.tostring(element, encoding='unicode')
