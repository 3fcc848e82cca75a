"""Plugging devices into a guest that runs, and out of it."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import libvirt

from common.clock import monotonic, sleep
from common.errors import Transient
from compute.virt.base import InterfaceSpec, VolumeSpec
from compute.virt.libvirt import domain_xml
from compute.virt.libvirt.connection import Hypervisor
from compute.virt.libvirt.volumes import Secrets, VolumeBook, choose_target, network_disk

# A guest that boots does not hear the request, and libvirt forgets it after some seconds: it is asked again.
_ASK_AGAIN = 8.0
_NOT_THERE = (libvirt.VIR_ERR_DEVICE_MISSING, libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_OPERATION_FAILED)
_CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE


class Devices:
    """Hot plug on one hypervisor."""

    def __init__(self, hypervisor: Hypervisor, secrets: Secrets, book: VolumeBook) -> None:
        self._hypervisor = hypervisor
        self._secrets = secrets
        self._book = book

    def _active(self, domain: libvirt.virDomain) -> bool:
        return bool(self._hypervisor.forgiving(domain.isActive, codes=(libvirt.VIR_ERR_NO_DOMAIN,), doing='look at the guest'))

    def _xml(self, domain: libvirt.virDomain, flags: int = 0) -> str:
        return self._hypervisor.call(domain.XMLDesc, flags, doing='describe the guest')

    # -- volumes

    def attach_volume(self, domain: libvirt.virDomain, server_id: str, volume: VolumeSpec) -> str:
        """Plug a volume in; gives its device name. One that is there already is fine."""
        live, kept = self._xml(domain), self._xml(domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
        present, noted = domain_xml.find_volume(live, volume.volume_id), domain_xml.find_volume(kept, volume.volume_id)
        if present is not None and noted is not None:
            return _device(present)
        known = present if present is not None else noted
        wanted = _device(known) if known is not None else volume.device
        used = domain_xml.targets(live) | domain_xml.targets(kept)
        target = wanted.removeprefix('/dev/') if known is not None and wanted else choose_target(wanted, used)
        self._book.note(server_id, volume, f'/dev/{target}')
        self._secrets.put(volume)
        flags = (_CONFIG if noted is None else 0) | (_LIVE if present is None and self._active(domain) else 0)
        if flags:
            text = domain_xml.to_text(domain_xml.network_disk(network_disk(volume, target)))
            self._hypervisor.call(domain.attachDeviceFlags, text, flags, doing=f'attach volume {volume.volume_id}')
        return f'/dev/{target}'

    def detach_volume(self, domain: libvirt.virDomain | None, server_id: str, volume_id: str, timeout: float) -> None:
        """Unplug it and forget its credentials."""
        if domain is not None:
            self._unplug(domain, lambda xml: domain_xml.find_volume(xml, volume_id), f'volume {volume_id}', timeout)
        self._secrets.drop(volume_id)
        self._book.forget(server_id, volume_id)

    # -- network cards

    def attach_interface(self, domain: libvirt.virDomain, interface: InterfaceSpec) -> None:
        """Plug a network card in; one that is there already is fine."""
        present = domain_xml.find_interface(self._xml(domain), interface.tap)
        noted = domain_xml.find_interface(self._xml(domain, libvirt.VIR_DOMAIN_XML_INACTIVE), interface.tap)
        flags = (_CONFIG if noted is None else 0) | (_LIVE if present is None and self._active(domain) else 0)
        if flags:
            self._hypervisor.call(
                domain.attachDeviceFlags, domain_xml.to_text(domain_xml.interface(interface)), flags, doing='attach the network card'
            )

    def detach_interface(self, domain: libvirt.virDomain | None, tap: str, timeout: float) -> None:
        """Unplug it."""
        if domain is not None:
            self._unplug(domain, lambda xml: domain_xml.find_interface(xml, tap), 'the network card', timeout)

    # -- both

    def _unplug(self, domain: libvirt.virDomain, find: Callable[[str], ET.Element | None], what: str, timeout: float) -> None:
        kept = find(self._xml(domain, libvirt.VIR_DOMAIN_XML_INACTIVE))
        if kept is not None:
            self._detach(domain, kept, _CONFIG, what)
        end, ask = monotonic() + timeout, 0.0
        while self._active(domain):
            present = find(self._xml(domain))
            if present is None:
                return
            if monotonic() >= end:
                raise Transient(f'The guest has not let go of {what} within {timeout:.0f} s.')
            if monotonic() >= ask:
                self._detach(domain, present, _LIVE, what)
                ask = monotonic() + _ASK_AGAIN
            else:
                sleep(0.1)

    def _detach(self, domain: libvirt.virDomain, element: ET.Element, flags: int, what: str) -> None:
        # "Operation failed" is also said of a device that is being unplugged already.
        self._hypervisor.forgiving(domain.detachDeviceFlags, domain_xml.to_text(element), flags, codes=_NOT_THERE, doing=f'detach {what}')


def _device(disk: ET.Element) -> str:
    target = disk.find('target')
    return f'/dev/{target.get("dev") if target is not None else ""}'
