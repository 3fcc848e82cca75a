"""What a hypervisor driver must do, and the plain values it is told.

Names of everything made on a host derive from ids: the domain `pl-<server id>`, the disk directory `<server id>`, the tap
`plt<port id[:11]>`. So every method can look before it acts, and may be called again after a crash. A driver knows nothing of
databases, HTTP or messages. It raises `Transient` for what may pass, `Refused` for what this host cannot do, and other
`PileusError`s for what is hopeless.
"""

from __future__ import annotations

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

# Power states, as the API numbers them.
NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED = 0, 1, 3, 4, 6, 7


@dataclasses.dataclass(frozen=True, slots=True)
class InterfaceSpec:
    """A network card. The tap is made, plugged and filtered by the network agent before the server starts."""

    port_id: str
    mac: str
    mtu: int = 1500
    network_id: str = ''

    @property
    def tap(self) -> str:
        """Name of the device on the host."""
        return f'plt{self.port_id[:11]}'


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A volume to be attached. `connection` holds iSCSI portal, name, unit and CHAP credentials; never logged."""

    volume_id: str
    attachment_id: str
    device: str | None = None
    read_only: bool = False
    connection: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image in the host's cache. `path` is None for a driver that needs no data."""

    image_id: str
    disk_format: str
    path: pathlib.Path | None
    properties: dict[str, str] = dataclasses.field(default_factory=dict)


def nothing_to_tell(done: int = 0, total: int = 0) -> None:
    """A `Tell` for callers that have none."""


Tell = Callable[[int, int], None]
"""Called now and then by long work with (bytes done, bytes in all; 0: unknown). It raises when the work should end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """An image to be had from the image service.

    `open(offset)` gives its data from a byte on, and may break off with Transient. `size` in bytes, if it is known;
    `hash_algorithm` and `hash_value` are what the image service has recorded of the whole.
    """

    image_id: str
    disk_format: str
    open: Callable[[int], Iterator[bytes]]
    size: int | None = None
    hash_algorithm: str = 'sha512'
    hash_value: str | None = None
    tell: Tell = nothing_to_tell


@dataclasses.dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much a host keeps of images that no server on it uses. 0: no limit."""

    max_bytes: int = 0
    max_idle: float = 0.0  # seconds since the last use


@dataclasses.dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server as a host needs to know it. Memory in MiB, disk in GiB (0: as large as the image)."""

    id: str
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    image: ImageSpec | None = None
    interfaces: tuple[InterfaceSpec, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    config_drive: bool = False
    project_id: str = ''
    user_id: str = ''
    flavor_name: str = ''
    extra_specs: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """What a host has. Memory in MiB, disk in GiB; version as a number like 7002000."""

    vcpus: int
    memory_mib: int
    disk_gib: int
    hypervisor_type: str
    hypervisor_version: int
    cpu_info: dict[str, Any] = dataclasses.field(default_factory=dict)
    free_disk_gib: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a driver from working, and what to do about it."""

    what: str
    remedy: str


LifecycleEvent = Callable[[str, int], None]
"""Called with (server id, power state) when a guest changes state by itself."""


class Driver(abc.ABC):
    """A hypervisor on one host."""

    name = 'driver'
    # Asked by the domain before work: 'pause', 'suspend', 'attach_volume', 'attach_interface', 'console_log', ...
    capabilities: frozenset[str] = frozenset()
    # Whether `make_disk` reads the image; a driver without guests saves the download.
    needs_image_data = True

    @abc.abstractmethod
    def start(self, on_event: LifecycleEvent) -> None:
        """Connect to the hypervisor. May return before it answers."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Let go of the hypervisor; guests run on."""

    @abc.abstractmethod
    def check(self) -> list[Problem]:
        """What keeps the driver from working; empty when nothing does."""

    @abc.abstractmethod
    def inventory(self) -> Inventory:
        """What the host has."""

    # -- disks

    @abc.abstractmethod
    def make_disk(self, server: ServerSpec) -> None:
        """Make the root disk (and ephemeral, swap) from the cached image. Refused when there is no room."""

    @abc.abstractmethod
    def delete_disk(self, server_id: str) -> None:
        """Remove all disks and the config drive of a server; absent ones are fine."""

    @abc.abstractmethod
    def make_config_drive(self, server: ServerSpec, files: dict[str, bytes]) -> None:
        """Write the drive that holds these files (path -> content), labelled `config-2`."""

    # -- power

    @abc.abstractmethod
    def spawn(self, server: ServerSpec) -> None:
        """Define and start the guest. One that runs already is fine."""

    @abc.abstractmethod
    def destroy(self, server_id: str) -> None:
        """Stop the guest at once and forget its definition; an absent one is fine. Disks stay."""

    @abc.abstractmethod
    def power_on(self, server: ServerSpec) -> None:
        """Start a guest that was shut off, defining it anew if need be."""

    @abc.abstractmethod
    def power_off(self, server_id: str, timeout: float) -> None:
        """Press the power button, wait up to `timeout` seconds, then pull the plug (0: at once)."""

    @abc.abstractmethod
    def reboot(self, server: ServerSpec, hard: bool, timeout: float) -> None:
        """Soft: ask the guest, hard after `timeout` seconds. Hard: off and on with a definition made anew."""

    @abc.abstractmethod
    def pause(self, server_id: str) -> None:
        """Stop the guest's processors."""

    @abc.abstractmethod
    def unpause(self, server_id: str) -> None:
        """Let them go on."""

    @abc.abstractmethod
    def suspend(self, server_id: str) -> None:
        """Write the guest's memory to disk and stop it."""

    @abc.abstractmethod
    def resume(self, server: ServerSpec) -> None:
        """Go on from there."""

    # -- looking

    @abc.abstractmethod
    def power_state(self, server_id: str) -> int:
        """NOSTATE when there is no such guest."""

    @abc.abstractmethod
    def list_servers(self) -> dict[str, int]:
        """Power state by server id of all guests of ours on this host."""

    @abc.abstractmethod
    def list_disks(self) -> set[str]:
        """Ids of servers that have disks on this host."""

    @abc.abstractmethod
    def console_log(self, server_id: str, lines: int | None) -> str:
        """The last lines of the serial console (None: the last 100 KiB)."""

    @abc.abstractmethod
    def diagnostics(self, server_id: str) -> dict[str, Any]:
        """Figures of a running guest. NotFound when there is none."""

    @abc.abstractmethod
    def vnc_address(self, server_id: str) -> tuple[str, int] | None:
        """(host, port) of the guest's screen, or None."""

    # -- hot plug

    @abc.abstractmethod
    def attach_volume(self, server_id: str, volume: VolumeSpec) -> str:
        """Plug a volume into a guest (and its definition); gives the device name, for example `/dev/vdb`."""

    @abc.abstractmethod
    def detach_volume(self, server_id: str, volume_id: str, timeout: float) -> None:
        """Unplug it and wait until the guest has let go. Transient when it does not within `timeout` seconds."""

    @abc.abstractmethod
    def attach_interface(self, server_id: str, interface: InterfaceSpec) -> None:
        """Plug in a network card."""

    @abc.abstractmethod
    def detach_interface(self, server_id: str, port_id: str, timeout: float) -> None:
        """Unplug it and wait until the guest has let go."""

    # -- image cache

    def cached_image(self, image_id: str) -> pathlib.Path | None:
        """Where an image is in the host's cache, or None."""
        return None

    def cache_image(self, image: Download) -> pathlib.Path | None:
        """Take an image into the cache, verified by its hash and inspected; gives its path. A cached one is kept.

        Transient when the data broke off (what has arrived is kept, the next call goes on from there) or arrived damaged;
        InvalidInput when the data is not what it is said to be, or not safe to open: no host can use it.
        """
        return None

    def prune_images(self) -> list[str]:
        """Remove images that have no user, as far as the limits of the cache want it; gives their ids."""
        return []

    # -- copies of disks (capability 'snapshot')

    # The disk format of the copies.
    snapshot_format = 'raw'

    @abc.abstractmethod
    def make_snapshot(self, server_id: str, snapshot_id: str, tell: Tell) -> int:
        """Copy the root disk as it is at one instant, flat, into a file of the host; a running guest runs on. Gives its bytes.

        One that is whole already is kept; one that was begun is begun anew. Refused when there is no root disk or no room.
        """

    @abc.abstractmethod
    def open_snapshot(self, server_id: str, snapshot_id: str) -> BinaryIO:
        """The copy, to be read. NotFound when there is none."""

    @abc.abstractmethod
    def delete_snapshot(self, server_id: str, snapshot_id: str) -> None:
        """Remove the copy, and end the making of it; an absent one is fine."""
