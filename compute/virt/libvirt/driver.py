"""The libvirt driver: guests on this host by QEMU, with KVM where it truly works."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import libvirt

from common.clock import monotonic, sleep
from common.errors import NotFound, PileusError
from common.ids import is_uuid
from compute.virt.base import (
    CRASHED,
    NOSTATE,
    PAUSED,
    RUNNING,
    SHUTDOWN,
    Driver,
    InterfaceSpec,
    Inventory,
    LifecycleEvent,
    Problem,
    ServerSpec,
    VolumeSpec,
)
from compute.virt.libvirt import capabilities, domain_xml, volumes
from compute.virt.libvirt.connection import Connection, errors
from compute.virt.libvirt.disks import Disks

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: RUNNING,
    libvirt.VIR_DOMAIN_SHUTOFF: SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: PAUSED,
}
_EVENTS = {libvirt.VIR_DOMAIN_EVENT_STOPPED: SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_CRASHED: CRASHED}
_CONSOLE_BYTES = 100 * 1024
_CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE


class LibvirtDriver(Driver):
    """One host.

    :param state: the state folder: disks, image cache, console logs
    :param virt: `auto`, `kvm` or `qemu`
    """

    name = 'libvirt'
    capabilities = frozenset({'pause', 'suspend', 'attach_volume', 'attach_interface', 'console_log', 'reboot', 'config_drive', 'vnc'})

    def __init__(self, host: str, state: pathlib.Path, virt: str = 'auto') -> None:
        self.host, self.state, self._virt = host, state, virt
        self.disks = Disks(state)
        self.connection = Connection(on_event=self._event)
        self._on_event: LifecycleEvent | None = None
        self._machine: domain_xml.Machine | None = None

    @classmethod
    def from_state(cls, host: str, state: pathlib.Path) -> LibvirtDriver:
        """The driver of a host whose files are below `state`."""
        return cls(host, state)

    def _event(self, server_id: str, event: int) -> None:
        if self._on_event is not None and event in _EVENTS:
            self._on_event(server_id, _EVENTS[event])

    def start(self, on_event: LifecycleEvent) -> None:
        self._on_event = on_event
        with contextlib.suppress(PileusError):
            self.connection.get()

    def stop(self) -> None:
        self._on_event = None
        self.connection.close()

    def check(self) -> list[Problem]:
        problems = []
        try:
            self.connection.get()
        except PileusError as error:
            problems.append(Problem(error.message, 'Install libvirt-daemon-system and start libvirtd.'))
        if not pathlib.Path(capabilities.emulator()).exists():
            problems.append(Problem('QEMU is not installed.', 'apt-get install qemu-system-x86'))
        return problems

    @property
    def machine(self) -> domain_xml.Machine:
        """What the host can do, found out once."""
        if self._machine is None:
            kind = capabilities.virt_type(self.state, self._virt)
            self._machine = domain_xml.Machine(kind, capabilities.emulator(), 'qemu64')
        return self._machine

    def inventory(self) -> Inventory:
        connection = self.connection.get()
        with errors('host', self.host):
            model, memory_mib, cpus = connection.getInfo()[:3]
            version = connection.getVersion()
        total, free = self.disks.room()
        kind = 'KVM' if self.machine.virt_type == 'kvm' else 'QEMU'
        return Inventory(cpus, memory_mib, total, kind, version, {'arch': model, 'virt_type': self.machine.virt_type}, free)

    # -- disks

    def cached_image(self, image_id: str) -> pathlib.Path | None:
        return self.disks.cached(image_id)

    def cache_image(self, image_id: str, disk_format: str, chunks: Iterator[bytes], sha512: str | None) -> pathlib.Path | None:
        return self.disks.take_image(image_id, disk_format, chunks, sha512)

    def make_disk(self, server: ServerSpec) -> None:
        self.disks.make(server)

    def delete_disk(self, server_id: str) -> None:
        self.disks.remove(server_id)

    def make_config_drive(self, server: ServerSpec, files: dict[str, bytes]) -> None:
        self.disks.make_config_drive(server.id, files)

    # -- power

    def _define(self, server: ServerSpec) -> Any:
        """The guest's definition, made if there is none; one that is there keeps what was plugged in since."""
        domain = self.connection.find(server.id)
        if domain is not None:
            return domain
        extra = dict(zip(('ephemeral', 'swap'), self._extra(server), strict=True))
        drive = self.disks.config_drive(server.id)
        files = domain_xml.Files(
            self.disks.root(server.id), self.disks.console(server.id), drive if drive.exists() else None, extra['ephemeral'], extra['swap']
        )
        with errors('guest', server.id):
            return self.connection.get().defineXML(domain_xml.domain(server, files, self.machine))

    def _extra(self, server: ServerSpec) -> tuple[pathlib.Path | None, pathlib.Path | None]:
        folder = self.disks.of(server.id)
        return folder / 'disk.eph0' if server.ephemeral_gib else None, folder / 'disk.swap' if server.swap_mib else None

    def spawn(self, server: ServerSpec) -> None:
        domain = self._define(server)
        for volume in server.volumes:
            if volume.connection:
                volumes.attach(self.connection, server.id, volume)
        self._create(server.id, domain)

    def _create(self, server_id: str, domain: Any) -> None:
        with errors('guest', server_id):
            if not domain.isActive():
                domain.create()

    def destroy(self, server_id: str) -> None:
        domain = self.connection.find(server_id)
        if domain is None:
            return
        with errors('guest', server_id):
            attached = [serial for serial in _serials(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) if is_uuid(serial)]
        self._plug_out(server_id, domain)
        with contextlib.suppress(NotFound), errors('guest', server_id):
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
        for volume_id in attached:
            volumes.forget_secret(self.connection, volume_id)

    def _plug_out(self, server_id: str, domain: Any) -> None:
        """Stop a guest at once; one that is off is fine."""
        try:
            domain.destroy()
        except libvirt.libvirtError as error:
            if error.get_error_code() not in (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN):
                with errors('guest', server_id):
                    raise

    def power_on(self, server: ServerSpec) -> None:
        domain = self._define(server)
        self._know_secrets(server)
        self._create(server.id, domain)

    def _know_secrets(self, server: ServerSpec) -> None:
        """libvirtd forgets secrets when it is restarted: tell them again before a guest that needs them starts."""
        for volume in server.volumes:
            if volume.connection:
                volumes.define_secret(self.connection, volume)

    def power_off(self, server_id: str, timeout: float) -> None:
        domain = self.connection.domain(server_id)
        if timeout > 0 and self._shut_down(server_id, domain, timeout):
            return
        self._plug_out(server_id, domain)

    def _shut_down(self, server_id: str, domain: Any, timeout: float) -> bool:
        """Press the power button, now and then, until the guest is off; False when it is not in time."""
        end = monotonic() + timeout
        press_at = 0.0
        while monotonic() < end:
            with errors('guest', server_id):
                if not domain.isActive():
                    return True
            if monotonic() >= press_at:
                press_at = monotonic() + 10.0
                with contextlib.suppress(libvirt.libvirtError):
                    domain.shutdown()
            sleep(0.1)
        return False

    def reboot(self, server: ServerSpec, hard: bool, timeout: float) -> None:
        domain = self._define(server)
        with errors('guest', server.id):
            active = bool(domain.isActive())
        if active and (hard or not self._shut_down(server.id, domain, timeout)):
            self._plug_out(server.id, domain)
        self._know_secrets(server)
        self._create(server.id, domain)

    def pause(self, server_id: str) -> None:
        with errors('guest', server_id):
            self.connection.domain(server_id).suspend()

    def unpause(self, server_id: str) -> None:
        with errors('guest', server_id):
            self.connection.domain(server_id).resume()

    def suspend(self, server_id: str) -> None:
        domain = self.connection.domain(server_id)
        with errors('guest', server_id):
            if domain.isActive():
                domain.managedSave()

    def resume(self, server: ServerSpec) -> None:
        self.power_on(server)

    # -- looking

    def power_state(self, server_id: str) -> int:
        domain = self.connection.find(server_id)
        if domain is None:
            return NOSTATE
        with errors('guest', server_id):
            return _STATES.get(domain.state()[0], NOSTATE)

    def list_servers(self) -> dict[str, int]:
        with errors('host', self.host):
            found = self.connection.get().listAllDomains()
            ours = {domain.name().removeprefix(domain_xml.PREFIX): domain for domain in found if domain.name().startswith(domain_xml.PREFIX)}
            return {server_id: _STATES.get(domain.state()[0], NOSTATE) for server_id, domain in ours.items() if is_uuid(server_id)}

    def list_disks(self) -> set[str]:
        return self.disks.servers()

    def console_log(self, server_id: str, lines: int | None) -> str:
        try:
            with self.disks.console(server_id).open('rb') as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _CONSOLE_BYTES))
                text = file.read().decode(errors='replace').replace('\r\n', '\n')
        except FileNotFoundError:
            raise NotFound('console', server_id) from None
        return text if lines is None else '\n'.join(text.splitlines()[-lines:] if lines else []) + ('\n' if lines else '')

    def diagnostics(self, server_id: str) -> dict[str, Any]:
        domain = self.connection.domain(server_id)
        with errors('guest', server_id):
            state, _, memory, vcpus, cpu_time = domain.info()
            found: dict[str, Any] = {'cpu0_time': cpu_time, 'memory': memory, 'vcpus': vcpus, 'state': state}
            if domain.isActive():
                found |= {f'memory-{key}': value for key, value in domain.memoryStats().items()}
        return found

    def vnc_address(self, server_id: str) -> tuple[str, int] | None:
        domain = self.connection.find(server_id)
        if domain is None:
            return None
        with errors('guest', server_id):
            port = domain_xml.vnc_port(domain.XMLDesc(0))
        return ('127.0.0.1', port) if port else None

    # -- hot plug

    def attach_volume(self, server_id: str, volume: VolumeSpec) -> str:
        return volumes.attach(self.connection, server_id, volume)

    def detach_volume(self, server_id: str, volume_id: str, timeout: float) -> None:
        volumes.detach(self.connection, server_id, volume_id, timeout)

    def attach_interface(self, server_id: str, interface: InterfaceSpec) -> None:
        domain = self.connection.domain(server_id)
        with errors('guest', server_id):
            flags = 0
            if domain_xml.interface_of(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), interface.tap) is None:
                flags |= _CONFIG
            if domain.isActive() and domain_xml.interface_of(domain.XMLDesc(0), interface.tap) is None:
                flags |= _LIVE
            if flags:
                domain.attachDeviceFlags(domain_xml.text_of(domain_xml.interface_element(interface)), flags)

    def detach_interface(self, server_id: str, port_id: str, timeout: float) -> None:
        domain = self.connection.find(server_id)
        if domain is None:
            return
        tap = InterfaceSpec(port_id, '').tap
        with errors('guest', server_id):
            stored = domain_xml.interface_of(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), tap)
            if stored is not None:
                domain.detachDeviceFlags(domain_xml.text_of(stored), _CONFIG)
        volumes.wait_unplugged(domain, server_id, lambda xml: domain_xml.interface_of(xml, tap), timeout, f'port {port_id}')


def _serials(xml: str) -> list[str]:
    import xml.etree.ElementTree as ET

    return [disk.findtext('serial') or '' for disk in ET.fromstring(xml).iterfind('./devices/disk')]
