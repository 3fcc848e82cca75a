"""The driver of libvirt: each method looks before it acts, so that a step cut short can simply be run again."""

from __future__ import annotations

import logging
import pathlib
import threading
from typing import Any, BinaryIO

import libvirt

from common.clock import monotonic, sleep
from common.errors import Conflict, NotFound, PileusError, Refused
from compute.virt import base
from compute.virt.base import (
    CacheLimits,
    Download,
    Driver,
    InterfaceSpec,
    Inventory,
    LifecycleEvent,
    Problem,
    ServerSpec,
    Tell,
    VolumeSpec,
)
from compute.virt.libvirt import capabilities, console, domain_xml, states
from compute.virt.libvirt.connection import PREFIX, Hypervisor
from compute.virt.libvirt.devices import Devices
from compute.virt.libvirt.disks import DiskStore, is_id
from compute.virt.libvirt.image_cache import ImageCache
from compute.virt.libvirt.kvm_proof import KvmProof
from compute.virt.libvirt.snapshots import FORMAT, Snapshots
from compute.virt.libvirt.volumes import Secrets, VolumeBook, choose_target, network_disk

LOG = logging.getLogger(__name__)
_CAPABILITIES = frozenset({
    'pause', 'suspend', 'attach_volume', 'attach_interface', 'console_log', 'reboot', 'config_drive', 'vnc', 'snapshot',
})  # fmt: skip
_GONE = (libvirt.VIR_ERR_NO_DOMAIN,)
_OFF_ALREADY = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)
_PRESS_AGAIN = 10.0  # seconds after which a guest that did not hear the power button gets another press


class LibvirtDriver(Driver):
    """One host with libvirtd.

    :param state: folder that holds `instances` and `base-images`; QEMU's user must be able to pass it
    :param virt_type: `kvm`, `qemu`, or `auto`: KVM if it proves to work
    """

    name = 'libvirt'
    capabilities = _CAPABILITIES
    snapshot_format = FORMAT

    def __init__(
        self,
        host: str,
        state: pathlib.Path,
        *,
        uri: str = 'qemu:///system',
        virt_type: str = 'auto',
        limits: CacheLimits = CacheLimits(),
    ) -> None:
        self.host = host
        self.state = state
        self.hypervisor = Hypervisor(uri)
        self.disks = DiskStore(state / 'instances')
        self.images = ImageCache(state / 'base-images', self.disks.bases, limits)
        self._virt_type = virt_type
        self._about = capabilities.About()
        self._kvm = KvmProof(self.hypervisor, self.disks.top)
        self._book = VolumeBook(self.disks)
        self._secrets = Secrets(self.hypervisor)
        self._snapshots = Snapshots(self.hypervisor, self.disks)
        self._devices = Devices(self.hypervisor, self._secrets, self._book)

    @classmethod
    def from_state(cls, host: str, state: pathlib.Path, limits: CacheLimits) -> LibvirtDriver:
        """The driver of this machine."""
        return cls(host, state, limits=limits)

    # -- the host

    def start(self, on_event: LifecycleEvent) -> None:
        self.disks.prepare()

        def changed(name: str) -> None:
            server_id = name.removeprefix(PREFIX)
            if name.startswith(PREFIX) and is_id(server_id):
                on_event(server_id, self.power_state(server_id))

        self.hypervisor.start(changed)
        threading.Thread(target=self._get_to_know, name='libvirt-host', daemon=True).start()

    def _get_to_know(self) -> None:
        """What takes long is found out before the first guest wants it."""
        try:
            self._about = capabilities.ask(self.hypervisor)
            self.virt_type()
        except PileusError as error:
            LOG.info('the host is looked at when the first guest starts: %s', error.admin_detail or error.message)

    def stop(self) -> None:
        self.hypervisor.stop()

    def check(self) -> list[Problem]:
        return capabilities.problems(self.hypervisor, [self.disks.top, self.images.top])

    def inventory(self) -> Inventory:
        self.disks.prepare()
        return capabilities.inventory(self.hypervisor, self.disks.top, self._about)

    def virt_type(self) -> str:
        """`kvm` or `qemu`. The first call may take some seconds."""
        if self._virt_type != 'auto':
            return self._virt_type
        self.disks.prepare()
        return 'kvm' if self._kvm.works() else 'qemu'

    # -- disks

    def make_disk(self, server: ServerSpec) -> None:
        self.disks.make(server)

    def delete_disk(self, server_id: str) -> None:
        self.disks.delete(server_id)

    def make_config_drive(self, server: ServerSpec, files: dict[str, bytes]) -> None:
        self.disks.make_config_drive(server.id, files)

    def cached_image(self, image_id: str) -> pathlib.Path | None:
        return self.images.find(image_id)

    def cache_image(self, image: Download) -> pathlib.Path | None:
        return self.images.take(image)

    def prune_images(self) -> list[str]:
        return self.images.prune()

    def make_snapshot(self, server_id: str, snapshot_id: str, tell: Tell) -> int:
        return self._snapshots.make(server_id, snapshot_id, tell)

    def open_snapshot(self, server_id: str, snapshot_id: str) -> BinaryIO:
        return self._snapshots.open(server_id, snapshot_id)

    def delete_snapshot(self, server_id: str, snapshot_id: str) -> None:
        self._snapshots.delete(server_id, snapshot_id)

    # -- power

    def spawn(self, server: ServerSpec) -> None:
        domain = self.hypervisor.domain(server.id)
        if domain is not None and self._state(domain) in states.ALIVE:
            return
        self._define_and_start(server)

    def _define_and_start(self, server: ServerSpec) -> None:
        root = self.disks.root(server.id)
        volumes = [self._book.known(server.id, volume) for volume in server.volumes]
        if root is None and not volumes:
            raise Refused('The server has neither a disk nor a volume to start from.')
        others = self.disks.others(server.id)
        used = {disk.target for disk in others} | ({root.target} if root else set())
        network_disks = []
        for volume in volumes:
            target = choose_target(volume.device, used)
            used.add(target)
            self._secrets.put(volume)
            self._book.note(server.id, volume, f'/dev/{target}')
            network_disks.append(network_disk(volume, target))
        xml = domain_xml.domain(
            server,
            virt_type=self.virt_type(),
            root=root,
            disks=others,
            volumes=network_disks,
            console_log=self.disks.console_log(server.id),
        )
        domain = self.hypervisor.call(self.hypervisor.connection().defineXML, xml, doing='define the guest')
        self._create(domain)

    def _create(self, domain: libvirt.virDomain) -> None:
        try:
            self.hypervisor.call(domain.create, doing='start the guest')
        except (Conflict, Refused) as error:
            if self._state(domain) not in states.ALIVE:  # it may have been started by a step that was thought to have failed
                raise Refused(error.message, admin_detail=error.admin_detail) from None

    def destroy(self, server_id: str) -> None:
        domain = self.hypervisor.domain(server_id)
        if domain is not None:
            self.hypervisor.forgiving(domain.destroy, codes=_OFF_ALREADY, doing='stop the guest')
            flags = (
                libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
            )
            self.hypervisor.forgiving(domain.undefineFlags, flags, codes=_GONE, doing='forget the guest')
        for volume_id in self._book.read(server_id):
            self._secrets.drop(volume_id)

    def power_on(self, server: ServerSpec) -> None:
        domain = self.hypervisor.domain(server.id)
        if domain is None:
            self._define_and_start(server)
        elif self._state(domain) not in states.ALIVE:
            for volume in server.volumes:
                self._secrets.put(self._book.known(server.id, volume))
            self._create(domain)

    def power_off(self, server_id: str, timeout: float) -> None:
        domain = self.hypervisor.domain(server_id)
        if domain is None or self._state(domain) not in states.ALIVE:
            return
        if timeout <= 0 or not self._press_and_wait(domain, timeout):
            self.hypervisor.forgiving(domain.destroy, codes=_OFF_ALREADY, doing='stop the guest')

    def _press_and_wait(self, domain: libvirt.virDomain, timeout: float) -> bool:
        """Press the power button; whether the guest went off in time."""
        end = monotonic() + timeout
        press = 0.0
        while monotonic() < end:
            if self._state(domain) not in states.ALIVE:
                return True
            if monotonic() >= press:
                flags = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
                self.hypervisor.forgiving(domain.shutdownFlags, flags, codes=_OFF_ALREADY, doing='press the power button')
                press = monotonic() + _PRESS_AGAIN
            sleep(0.1)
        return self._state(domain) not in states.ALIVE

    def reboot(self, server: ServerSpec, hard: bool, timeout: float) -> None:
        if not hard:
            domain = self.hypervisor.domain(server.id)
            if domain is not None and self._state(domain) == base.RUNNING:
                self._press_and_wait(domain, timeout)
            if domain is not None and self._state(domain) not in states.ALIVE:
                self.power_on(server)
                return
        domain = self.hypervisor.domain(server.id)
        if domain is not None:
            self.hypervisor.forgiving(domain.destroy, codes=_OFF_ALREADY, doing='stop the guest')
            if self.hypervisor.call(domain.hasManagedSaveImage):
                self.hypervisor.call(domain.managedSaveRemove, doing='forget the saved memory')
        self._define_and_start(server)

    def pause(self, server_id: str) -> None:
        domain = self._domain(server_id)
        if self._state(domain) != base.PAUSED:
            self.hypervisor.call(domain.suspend, doing='pause the guest')

    def unpause(self, server_id: str) -> None:
        domain = self._domain(server_id)
        if self._state(domain) != base.RUNNING:
            self.hypervisor.call(domain.resume, doing='let the guest go on')

    def suspend(self, server_id: str) -> None:
        domain = self._domain(server_id)
        if self._state(domain) in states.ALIVE:
            self.hypervisor.call(domain.managedSave, 0, doing="save the guest's memory")

    def resume(self, server: ServerSpec) -> None:
        self.power_on(server)

    # -- looking

    def _domain(self, server_id: str) -> libvirt.virDomain:
        domain = self.hypervisor.domain(server_id)
        if domain is None:
            raise NotFound('guest', server_id)
        return domain

    def _state(self, domain: libvirt.virDomain) -> int:
        found = self.hypervisor.forgiving(domain.state, codes=_GONE, doing="tell the guest's state")
        return base.NOSTATE if found is None else states.power_state(*found)

    def power_state(self, server_id: str) -> int:
        domain = self.hypervisor.domain(server_id)
        return base.NOSTATE if domain is None else self._state(domain)

    def list_servers(self) -> dict[str, int]:
        connection = self.hypervisor.connection()
        found = self.hypervisor.call(connection.getAllDomainStats, libvirt.VIR_DOMAIN_STATS_STATE, doing='list its guests')
        named = {domain.name(): states.power_state(facts.get('state.state', 0), facts.get('state.reason', 0)) for domain, facts in found}
        return {
            name.removeprefix(PREFIX): state
            for name, state in named.items()
            if name.startswith(PREFIX) and is_id(name.removeprefix(PREFIX))
        }

    def list_disks(self) -> set[str]:
        return self.disks.servers()

    def console_log(self, server_id: str, lines: int | None) -> str:
        path = self.disks.console_log(server_id)
        if not path.exists():
            self._domain(server_id)
        return console.read(path, lines)

    def diagnostics(self, server_id: str) -> dict[str, Any]:
        domain = self._domain(server_id)
        if self._state(domain) not in states.ALIVE:
            raise NotFound('running guest', server_id)
        connection = self.hypervisor.connection()
        found = self.hypervisor.call(connection.domainListGetStats, [domain], doing='tell figures of the guest')
        return states.diagnostics(found[0][1] if found else {})

    def vnc_address(self, server_id: str) -> tuple[str, int] | None:
        domain = self.hypervisor.domain(server_id)
        if domain is None or self._state(domain) not in states.ALIVE:
            return None
        port = domain_xml.vnc_port(self.hypervisor.call(domain.XMLDesc, 0, doing='describe the guest'))
        return None if port is None else ('127.0.0.1', port)

    # -- hot plug

    def attach_volume(self, server_id: str, volume: VolumeSpec) -> str:
        return self._devices.attach_volume(self._domain(server_id), server_id, volume)

    def detach_volume(self, server_id: str, volume_id: str, timeout: float) -> None:
        self._devices.detach_volume(self.hypervisor.domain(server_id), server_id, volume_id, timeout)

    def attach_interface(self, server_id: str, interface: InterfaceSpec) -> None:
        self._devices.attach_interface(self._domain(server_id), interface)

    def detach_interface(self, server_id: str, port_id: str, timeout: float) -> None:
        self._devices.detach_interface(self.hypervisor.domain(server_id), InterfaceSpec(port_id, '').tap, timeout)
