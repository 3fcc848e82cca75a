"""The simulated host. It does what a real one would be seen to do, state by state, and refuses what a real one would refuse."""

from __future__ import annotations

import contextlib
import io
import pathlib
import random
from collections.abc import Iterator
from typing import Any, BinaryIO

from common import clock
from common.errors import Conflict, NotFound, Refused
from compute.virt import base
from compute.virt.base import Download, Driver, InterfaceSpec, Inventory, LifecycleEvent, Problem, ServerSpec, Tell, VolumeSpec
from compute.virt.simulated.faults import FaultTable
from compute.virt.simulated.images import SNAPSHOT_SIZE, ImageChecks, snapshot_data
from compute.virt.simulated.store import Folder, Memory, Store

_CAPABILITIES = frozenset({'pause', 'suspend', 'attach_volume', 'attach_interface', 'console_log', 'reboot', 'config_drive', 'snapshot'})
_ALIVE = frozenset({base.RUNNING, base.PAUSED})
_LETTERS = 'abcdefghijklmnopqrstuvwxyz'
_LONGEST_LOG = 100 * 1024
_BOOT = """[    0.000000] Pileus simulated guest {name}: {vcpus} processors, {memory} MiB
[    0.100000] {disks} disks, {cards} network cards

{name} login: """


class SimulatedDriver(Driver):
    """One simulated host; a process may play thousands.

    :param state: folder in which guests and disks outlive the process; None keeps them in memory
    :param faults: failures to come
    :param latency: method name -> seconds that it takes (mean of an exponential distribution)
    :param checks: what is known of images, to be shared by the hosts of a process
    """

    name = 'simulated'
    capabilities = _CAPABILITIES
    needs_image_data = False

    def __init__(
        self,
        host: str,
        *,
        vcpus: int = 16,
        memory_mib: int = 65536,
        disk_gib: int = 1024,
        state: pathlib.Path | None = None,
        faults: FaultTable | None = None,
        latency: dict[str, float] | None = None,
        checks: ImageChecks | None = None,
    ) -> None:
        self.host = host
        self.faults = faults if faults is not None else FaultTable()
        self._total = Inventory(vcpus, memory_mib, disk_gib, 'simulated', 1000000, {'arch': 'x86_64'}, float(disk_gib))
        self._store: Store = Memory() if state is None else Folder(state)
        self._latency = latency or {}
        self._checks = checks if checks is not None else ImageChecks()
        self._on_event: LifecycleEvent | None = None

    @contextlib.contextmanager
    def _doing(self, operation: str) -> Iterator[None]:
        """Time and failures of a call: those before its effect, and those after it."""
        mean = self._latency.get(operation)
        if mean:
            clock.sleep(random.expovariate(1 / mean))
        self.faults.meet(self.host, operation)
        yield
        self.faults.meet(self.host, operation, late=True)

    # -- the host

    def start(self, on_event: LifecycleEvent) -> None:
        self._on_event = on_event

    def stop(self) -> None:
        self._on_event = None

    def check(self) -> list[Problem]:
        return []

    def inventory(self) -> Inventory:
        return self._total

    # -- disks

    def make_disk(self, server: ServerSpec) -> None:
        with self._doing('make_disk'):
            if self._store.get('disk', server.id) is None:
                gib = server.disk_gib + server.ephemeral_gib
                self._store.put(
                    'disk', server.id, {'gib': gib, 'image': server.image.image_id if server.image else None, 'config_drive': []}
                )

    def delete_disk(self, server_id: str) -> None:
        with self._doing('delete_disk'):
            self._store.remove('disk', server_id)

    def make_config_drive(self, server: ServerSpec, files: dict[str, bytes]) -> None:
        with self._doing('make_config_drive'):
            disk = self._store.get('disk', server.id) or {'gib': 0, 'image': None}
            self._store.put('disk', server.id, {**disk, 'config_drive': sorted(files)})

    # -- power

    def spawn(self, server: ServerSpec) -> None:
        with self._doing('spawn'):
            if self.power_state(server.id) not in _ALIVE:
                self._define_and_start(server)

    def _define_and_start(self, server: ServerSpec) -> None:
        if self._store.get('disk', server.id) is None and not server.volumes:
            raise Refused('The server has neither a disk nor a volume to start from.')
        guest = self._store.get('guest', server.id) or {}
        devices = dict(guest.get('volumes', {}))
        volumes: dict[str, str] = {}
        for volume in server.volumes:
            volumes[volume.volume_id] = _device(volume.device or devices.get(volume.volume_id), volumes)
        definition = {
            'name': server.name, 'vcpus': server.vcpus, 'memory': server.memory_mib, 'volumes': volumes,
            'ports': [interface.port_id for interface in server.interfaces],
        }  # fmt: skip
        self._boot(server.id, {'log': guest.get('log', ''), **definition})

    def _boot(self, server_id: str, guest: dict[str, Any]) -> None:
        text = _BOOT.format(**guest, disks=1 + len(guest['volumes']), cards=len(guest['ports']))
        log = f'{guest["log"]}\n{text}' if guest['log'] else text
        self._store.put('guest', server_id, {**guest, 'log': log[-_LONGEST_LOG:], 'state': base.RUNNING})

    def destroy(self, server_id: str) -> None:
        with self._doing('destroy'):
            self._store.remove('guest', server_id)

    def power_on(self, server: ServerSpec) -> None:
        with self._doing('power_on'):
            self._power_on(server)

    def _power_on(self, server: ServerSpec) -> None:
        guest = self._store.get('guest', server.id)
        if guest is None:
            self._define_and_start(server)
        elif guest['state'] == base.SUSPENDED:
            self._store.put('guest', server.id, {**guest, 'state': base.RUNNING})
        elif guest['state'] not in _ALIVE:
            self._boot(server.id, guest)

    def power_off(self, server_id: str, timeout: float) -> None:
        with self._doing('power_off'):
            if self.power_state(server_id) in _ALIVE:
                self._set_state(server_id, base.SHUTDOWN)

    def reboot(self, server: ServerSpec, hard: bool, timeout: float) -> None:
        with self._doing('reboot'):
            guest = self._store.get('guest', server.id)
            if hard or guest is None or guest['state'] == base.PAUSED:
                self._define_and_start(server)
            elif guest['state'] == base.RUNNING:
                self._boot(server.id, guest)
            else:
                self._power_on(server)

    def pause(self, server_id: str) -> None:
        with self._doing('pause'):
            self._turn(server_id, base.RUNNING, base.PAUSED, 'pause the guest')

    def unpause(self, server_id: str) -> None:
        with self._doing('unpause'):
            self._turn(server_id, base.PAUSED, base.RUNNING, 'let the guest go on')

    def suspend(self, server_id: str) -> None:
        with self._doing('suspend'):
            if self._guest(server_id)['state'] in _ALIVE:
                self._set_state(server_id, base.SUSPENDED)

    def resume(self, server: ServerSpec) -> None:
        with self._doing('resume'):
            self._power_on(server)

    def _turn(self, server_id: str, old: int, new: int, what: str) -> None:
        state = self._guest(server_id)['state']
        if state not in (old, new):
            raise Conflict(f'The hypervisor could not {what}: the guest is in another state.')
        if state == old:
            self._set_state(server_id, new)

    def _guest(self, server_id: str) -> dict[str, Any]:
        guest = self._store.get('guest', server_id)
        if guest is None:
            raise NotFound('guest', server_id)
        return guest

    def _set_state(self, server_id: str, state: int) -> None:
        self._store.put('guest', server_id, {**self._guest(server_id), 'state': state})

    # -- looking

    def power_state(self, server_id: str) -> int:
        guest = self._store.get('guest', server_id)
        return base.NOSTATE if guest is None else int(guest['state'])

    def list_servers(self) -> dict[str, int]:
        return {server_id: int(guest['state']) for server_id, guest in self._store.all('guest').items()}

    def list_disks(self) -> set[str]:
        return set(self._store.all('disk'))

    def console_log(self, server_id: str, lines: int | None) -> str:
        with self._doing('console_log'):
            log = str(self._guest(server_id)['log'])
            return log if lines is None else ''.join(log.splitlines(keepends=True)[-lines:]) if lines > 0 else ''

    def diagnostics(self, server_id: str) -> dict[str, Any]:
        guest = self._guest(server_id)
        if guest['state'] not in _ALIVE:
            raise NotFound('running guest', server_id)
        return {'memory_mib': guest['memory'], 'vcpus': guest['vcpus'], 'cpu_time_ns': [0] * guest['vcpus'], 'nics': len(guest['ports'])}

    def vnc_address(self, server_id: str) -> tuple[str, int] | None:
        return None

    # -- hot plug

    def attach_volume(self, server_id: str, volume: VolumeSpec) -> str:
        with self._doing('attach_volume'):
            guest = self._guest(server_id)
            volumes = guest['volumes']
            if volume.volume_id not in volumes:
                volumes = {**volumes, volume.volume_id: _device(volume.device, volumes)}
                self._store.put('guest', server_id, {**guest, 'volumes': volumes})
            return str(volumes[volume.volume_id])

    def detach_volume(self, server_id: str, volume_id: str, timeout: float) -> None:
        with self._doing('detach_volume'):
            guest = self._store.get('guest', server_id)
            if guest is not None and volume_id in guest['volumes']:
                kept = {name: device for name, device in guest['volumes'].items() if name != volume_id}
                self._store.put('guest', server_id, {**guest, 'volumes': kept})

    def attach_interface(self, server_id: str, interface: InterfaceSpec) -> None:
        with self._doing('attach_interface'):
            guest = self._guest(server_id)
            if interface.port_id not in guest['ports']:
                self._store.put('guest', server_id, {**guest, 'ports': [*guest['ports'], interface.port_id]})

    def detach_interface(self, server_id: str, port_id: str, timeout: float) -> None:
        with self._doing('detach_interface'):
            guest = self._store.get('guest', server_id)
            if guest is not None and port_id in guest['ports']:
                self._store.put('guest', server_id, {**guest, 'ports': [port for port in guest['ports'] if port != port_id]})

    # -- images and copies of disks

    def cache_image(self, image: Download) -> None:
        with self._doing('cache_image'):
            self._checks.check(image)

    def make_snapshot(self, server_id: str, snapshot_id: str, tell: Tell) -> int:
        with self._doing('make_snapshot'):
            if self._store.get('disk', server_id) is None:
                raise Refused('The server has no disk on this host.')
            self._store.put('snapshot', snapshot_id, {'server': server_id})
            tell(SNAPSHOT_SIZE, SNAPSHOT_SIZE)
        return SNAPSHOT_SIZE

    def open_snapshot(self, server_id: str, snapshot_id: str) -> BinaryIO:
        with self._doing('open_snapshot'):
            if self._store.get('snapshot', snapshot_id) is None:
                raise NotFound('snapshot', snapshot_id)
        return io.BytesIO(snapshot_data(server_id))

    def delete_snapshot(self, server_id: str, snapshot_id: str) -> None:
        with self._doing('delete_snapshot'):
            self._store.remove('snapshot', snapshot_id)

    # -- for tests

    def crash_guest(self, server_id: str, state: int = base.SHUTDOWN) -> None:
        """Let a guest go off by itself."""
        self._set_state(server_id, state)
        if self._on_event is not None:
            self._on_event(server_id, state)

    def contents(self) -> dict[str, Any]:
        """Everything on this host, for the search of leaks."""
        return {kind + 's': self._store.all(kind) for kind in ('guest', 'disk', 'snapshot')}


def _device(wanted: str | None, taken: dict[str, str]) -> str:
    """A device name: the wanted one if it is free, else the first free one behind the root disk. Raises Refused when there is none."""
    if wanted and wanted not in taken.values():
        return wanted
    free = next((name for letter in _LETTERS[1:] if (name := f'/dev/vd{letter}') not in taken.values()), None)
    if free is None:
        raise Refused('The guest has as many disks as it can have; detach one first.')
    return free
