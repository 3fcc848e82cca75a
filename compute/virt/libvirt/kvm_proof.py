"""Whether KVM truly works: a boot sector has to say so on its serial port. /dev/kvm can exist, and guests hang all the same."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import threading
from xml.etree import ElementTree as ET

import libvirt

from common.clock import monotonic, sleep
from common.errors import PileusError
from compute.virt.libvirt.connection import Hypervisor

LOG = logging.getLogger(__name__)

_LIMIT = 6.0
_DEVICE = pathlib.Path('/dev/kvm')
# mov dx, 0x3f8; mov al, 'K'; out dx, al; stop: hlt; jmp stop - at the end the mark of a boot sector
_SECTOR = bytes.fromhex('baf803b04beef4ebfd').ljust(510, b'\0') + b'\x55\xaa'


class KvmProof:
    """Finds out once, in the background, and keeps the verdict in a file for as long as kernel and QEMU stay the same.

    :param folder: where the verdict is kept, and the disk of the trial
    """

    def __init__(self, hypervisor: Hypervisor, folder: pathlib.Path) -> None:
        self._hypervisor = hypervisor
        self._folder = folder
        self._lock = threading.Lock()
        self._verdict: bool | None = None

    def works(self) -> bool:
        """The verdict; whoever asks first waits for the trial, some seconds at most."""
        with self._lock:
            if self._verdict is None:
                self._verdict = _DEVICE.exists() and self._known_or_tried()
            return self._verdict

    def _known_or_tried(self) -> bool:
        file = self._folder / 'kvm.json'
        circumstances = {
            'kernel': os.uname().release,
            'qemu': self._hypervisor.call(self._hypervisor.connection().getVersion),
            'device': _DEVICE.stat().st_rdev,
        }
        try:
            kept = json.loads(file.read_text())
            if kept['circumstances'] == circumstances:
                return bool(kept['works'])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            LOG.debug('no verdict on KVM is kept in %s', file)
        works = self._try()
        LOG.info('KVM %s on this host', 'works' if works else 'does not work: guests are emulated, which is slow')
        new = file.with_suffix('.new')
        new.write_text(json.dumps({'circumstances': circumstances, 'works': works}))
        new.replace(file)
        return works

    def _try(self) -> bool:
        folder = self._folder / 'kvm-trial'
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
        disk, output = folder / 'sector', folder / f'output.{os.getpid()}'
        disk.write_bytes(_SECTOR + bytes(64 * 1024 - len(_SECTOR)))
        output.write_bytes(b'')
        domain = None
        connection = self._hypervisor.connection()
        try:
            domain = self._hypervisor.call(connection.createXML, _definition(disk, output), libvirt.VIR_DOMAIN_START_AUTODESTROY)
            end = monotonic() + _LIMIT
            while monotonic() < end:
                if b'K' in output.read_bytes():
                    return True
                sleep(0.05)
            return False
        except PileusError as error:
            LOG.info('the trial of KVM could not start: %s', error.admin_detail or error.message)
            return False
        finally:
            if domain is not None:
                codes = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)
                self._hypervisor.forgiving(domain.destroy, codes=codes, doing='end the trial of KVM')
            for path in (disk, output):
                path.unlink(missing_ok=True)
            folder.rmdir()


def _definition(disk: pathlib.Path, output: pathlib.Path) -> str:
    top = ET.Element('domain', type='kvm')
    for tag, text in (('name', f'pileus-kvm-trial-{os.getpid()}'), ('memory', '16384'), ('vcpu', '1')):
        ET.SubElement(top, tag).text = text
    system = ET.SubElement(top, 'os')
    ET.SubElement(system, 'type', arch='x86_64', machine='pc').text = 'hvm'
    ET.SubElement(system, 'boot', dev='hd')
    devices = ET.SubElement(top, 'devices')
    drive = ET.SubElement(devices, 'disk', type='file', device='disk')
    ET.SubElement(drive, 'driver', name='qemu', type='raw')
    ET.SubElement(drive, 'source', file=str(disk))
    ET.SubElement(drive, 'target', dev='hda', bus='ide')
    ET.SubElement(devices, 'controller', type='usb', model='none')
    serial = ET.SubElement(devices, 'serial', type='file')
    ET.SubElement(serial, 'source', path=str(output))
    ET.SubElement(devices, 'memballoon', model='none')
    return ET.tostring(top, encoding='unicode')
