"""What a pool of volumes must do, and what a target that exports them must do; a backend is one of each."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Capacity:
    """Room of a pool in GiB; `provisioned` counts what volumes may grow to."""

    total_gib: float
    free_gib: float
    provisioned_gib: float


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """CHAP name and secret of one export (RFC 7143, section 12.1). Never written to a log."""

    username: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a driver from working, and what to do about it."""

    what: str
    remedy: str


@dataclasses.dataclass(frozen=True, slots=True)
class ImageData:
    """The data of an image on their way into a volume.

    `size` in bytes and `digest` (algorithm, hex digest) as the image service says them, None where it does not; `read` gives the
    data from the start.
    """

    image_id: str
    disk_format: str
    size: int | None
    digest: tuple[str, str] | None
    read: Callable[[], Iterator[bytes]]


Check = Callable[[], object]
"""What long work calls now and then: it raises what ends the work."""


class Pool(abc.ABC):
    """Where the data of volumes lives. Names derive from volume ids; every method may be called twice."""

    name = 'pool'
    capabilities: frozenset[str] = frozenset()

    @abc.abstractmethod
    def create(self, volume_id: str, size_gib: int) -> None:
        """Make room of so many GiB that reads as zeros. Raises Refused when the pool is full."""

    @abc.abstractmethod
    def delete(self, volume_id: str) -> None:
        """Wipe and give back; an absent volume is fine."""

    @abc.abstractmethod
    def extend(self, volume_id: str, size_gib: int) -> None:
        """Grow to so many GiB; a volume that is as large already is fine."""

    @abc.abstractmethod
    def fill(self, volume_id: str, size_gib: int, image: ImageData, check: Check) -> None:
        """As `create`, with the disk that an image holds at the start. Raises Refused (no room, too large), InvalidInput (a lie)."""

    @abc.abstractmethod
    def snapshot(self, volume_id: str, snapshot_id: str, in_use: bool, check: Check) -> None:
        """Keep a volume as it is now.

        :param in_use: a server may be writing to it
        :raises Refused: when there is no room, or the volume is in use and cannot be copied as of one moment
        """

    @abc.abstractmethod
    def delete_snapshot(self, snapshot_id: str) -> None:
        """Wipe and give back; an absent snapshot is fine."""

    @abc.abstractmethod
    def copy(self, volume_id: str, size_gib: int, *, snapshot_id: str | None, source_id: str | None, in_use: bool, check: Check) -> None:
        """As `create`, with what a snapshot or another volume holds at the start. Raises Refused as `snapshot` does."""

    @abc.abstractmethod
    def snapshots(self) -> list[str]:
        """Ids of all snapshots here, for the search of leaks."""

    @abc.abstractmethod
    def exists(self, volume_id: str) -> bool:
        """Whether the volume is here."""

    @abc.abstractmethod
    def path(self, volume_id: str) -> str:
        """What a target opens: a file or a block device."""

    @abc.abstractmethod
    def inventory(self) -> list[str]:
        """Ids of all volumes here, for reconciling and the search of leaks."""

    @abc.abstractmethod
    def capacity(self) -> Capacity:
        """Room now."""

    @abc.abstractmethod
    def check(self) -> list[Problem]:
        """What keeps the pool from working; empty when nothing does."""


class Target(abc.ABC):
    """Makes a volume reachable for hosts. Every method may be called twice."""

    name = 'target'

    @abc.abstractmethod
    def export(self, volume_id: str, path: str, credentials: Credentials) -> dict[str, Any]:
        """Make the volume reachable; gives `connection_info` without the credentials (driver_volume_type and data)."""

    @abc.abstractmethod
    def unexport(self, volume_id: str) -> None:
        """End the export and all its sessions; an absent export is fine."""

    @abc.abstractmethod
    def resized(self, volume_id: str) -> None:
        """The volume has grown: let the initiators see it."""

    @abc.abstractmethod
    def inventory(self) -> list[str]:
        """Ids of all volumes exported here."""

    @abc.abstractmethod
    def check(self) -> list[Problem]:
        """What keeps the target from working; empty when nothing does."""
