"""Volumes of guests: plugged in and out, with their CHAP secrets in libvirtd's memory."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

import libvirt

from common.clock import monotonic, sleep
from common.errors import NotFound, PileusError, Transient
from compute.virt.base import VolumeSpec
from compute.virt.libvirt import domain_xml
from compute.virt.libvirt.connection import Connection, errors

_SPACE = uuid.UUID('5b1f6a0e-0b0a-5f43-8a43-1d2f4c8e9a10')
_LETTERS = 'bcdefghijklmnopqrstuvw'


def secret_id(volume_id: str) -> str:
    """The id of the libvirt secret of a volume: the same every time."""
    return str(uuid.uuid5(_SPACE, volume_id))


def define_secret(connection: Connection, volume: VolumeSpec) -> str | None:
    """Let libvirtd know the CHAP password of a volume; None for a volume without one."""
    data: dict[str, Any] = volume.connection.get('data', volume.connection)
    password = data.get('auth_password')
    if not password:
        return None
    identifier = secret_id(volume.volume_id)
    with errors('secret', identifier):
        secret = connection.get().secretDefineXML(domain_xml.secret_xml(volume.volume_id, identifier))
        secret.setValue(str(password).encode())
    return identifier


def forget_secret(connection: Connection, volume_id: str) -> None:
    """Let libvirtd forget it; an absent one is fine."""
    with contextlib.suppress(NotFound), errors('secret', volume_id):
        connection.get().secretLookupByUUIDString(secret_id(volume_id)).undefine()


def attach(connection: Connection, server_id: str, volume: VolumeSpec) -> str:
    """Plug a volume into a guest and its definition; gives the device name."""
    domain = connection.domain(server_id)
    with errors('guest', server_id):
        stored = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        running = bool(domain.isActive())
        live = domain.XMLDesc(0) if running else stored
    present = domain_xml.disk_of(stored, volume.volume_id)
    device = _device(volume, present, domain_xml.used_devices(stored) | domain_xml.used_devices(live))
    element = domain_xml.volume_element(volume, device, define_secret(connection, volume))
    flags = 0
    if present is None:
        flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if running and domain_xml.disk_of(live, volume.volume_id) is None:
        flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    if flags:
        with errors('guest', server_id):
            domain.attachDeviceFlags(domain_xml.text_of(element), flags)
    return f'/dev/{device}'


def _device(volume: VolumeSpec, present: Any, used: set[str]) -> str:
    if present is not None:
        return str(present.find('target').get('dev'))
    wanted = (volume.device or '').removeprefix('/dev/')
    if wanted and wanted not in used:
        return wanted
    free = next((f'vd{letter}' for letter in _LETTERS if f'vd{letter}' not in used), None)
    if free is None:
        raise PileusError('The server has no free disk slot; detach a volume first.', code='no_slot')
    return free


def detach(connection: Connection, server_id: str, volume_id: str, timeout: float) -> None:
    """Unplug a volume and wait until the guest has let go. Raises Transient when it does not in time."""
    domain = connection.find(server_id)
    if domain is not None:
        with errors('guest', server_id):
            stored = domain_xml.disk_of(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), volume_id)
            if stored is not None:
                domain.detachDeviceFlags(domain_xml.text_of(stored), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        wait_unplugged(domain, server_id, lambda xml: domain_xml.disk_of(xml, volume_id), timeout, f'volume {volume_id}')
    forget_secret(connection, volume_id)


def wait_unplugged(domain: Any, server_id: str, find: Any, timeout: float, what: str) -> None:
    """Ask the guest to let go of a device, again every few seconds, until it has. Raises Transient."""
    end = monotonic() + timeout
    ask_at = 0.0
    while True:
        with errors('guest', server_id):
            element = find(domain.XMLDesc(0)) if domain.isActive() else None
        if element is None:
            return
        if monotonic() > end:
            raise Transient(f'The guest does not let go of {what}; unmount it there.')
        if monotonic() >= ask_at:
            ask_at = monotonic() + 5.0
            # A request that is under way already is refused; the next look tells whether it worked.
            with contextlib.suppress(PileusError, NotFound), errors('guest', server_id):
                domain.detachDeviceFlags(domain_xml.text_of(element), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        sleep(0.1)
