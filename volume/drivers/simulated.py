"""A pool and a target that keep honest state in memory, with failures and delays on demand.

A fault is a dict: `op` (method name), `do` ('transient', 'refuse', 'break' or 'wait <seconds>'), `after` (how many calls
pass first, default 0), `times` (how many calls it hits, default 1).
"""

from __future__ import annotations

import threading
from typing import Any

from common.clock import sleep
from common.errors import PileusError, Refused, Transient
from volume.drivers.base import Capacity, Check, Credentials, ImageData, Pool, Problem, Target


class Faults:
    """The table of failures to come."""

    def __init__(self, entries: list[dict[str, Any]] | None = None) -> None:
        self.entries = [{'after': 0, 'times': 1, **entry} for entry in entries or []]
        self._lock = threading.Lock()

    def meet(self, operation: str) -> None:
        """Fail or wait, if the table says so for this call. Raises Transient, Refused or PileusError."""
        with self._lock:
            action = self._next(operation)
        if action is None:
            return
        word, _, amount = action.partition(' ')
        if word == 'wait':
            sleep(float(amount))
        elif word == 'transient':
            raise Transient(f'Simulated passing failure of {operation}.')
        elif word == 'refuse':
            raise Refused(f'Simulated refusal of {operation}.')
        else:
            raise PileusError(f'Simulated failure of {operation}.')

    def _next(self, operation: str) -> str | None:
        for entry in self.entries:
            if entry['op'] != operation or entry['times'] <= 0:
                continue
            if entry['after'] > 0:
                entry['after'] -= 1
                return None
            entry['times'] -= 1
            return str(entry['do'])
        return None


class SimulatedPool(Pool):
    """Sizes in a dict."""

    name = 'simulated'
    capabilities = frozenset({'extend', 'thin'})

    def __init__(self, total_gib: int = 1 << 20, faults: Faults | None = None) -> None:
        self.total_gib = total_gib
        self.faults = faults or Faults()
        self.sizes: dict[str, int] = {}
        self.kept: dict[str, int] = {}
        self._lock = threading.Lock()

    def create(self, volume_id: str, size_gib: int) -> None:
        self.faults.meet('create')
        with self._lock:
            free = self.total_gib - sum(self.sizes.values())
            if volume_id not in self.sizes and size_gib > free:
                raise Refused(f'The volume store has no room for {size_gib} GiB ({free} GiB free).')
            self.sizes[volume_id] = max(size_gib, self.sizes.get(volume_id, 0))

    def delete(self, volume_id: str) -> None:
        self.faults.meet('delete')
        self.sizes.pop(volume_id, None)

    def extend(self, volume_id: str, size_gib: int) -> None:
        self.faults.meet('extend')
        self.create(volume_id, size_gib)

    def fill(self, volume_id: str, size_gib: int, image: ImageData, check: Check) -> None:
        self.faults.meet('fill')
        self.create(volume_id, size_gib)

    def snapshot(self, volume_id: str, snapshot_id: str, in_use: bool, check: Check) -> None:
        self.faults.meet('snapshot')
        self.kept[snapshot_id] = self.sizes.get(volume_id, 0)

    def delete_snapshot(self, snapshot_id: str) -> None:
        self.faults.meet('delete_snapshot')
        self.kept.pop(snapshot_id, None)

    def copy(self, volume_id: str, size_gib: int, *, snapshot_id: str | None, source_id: str | None, in_use: bool, check: Check) -> None:
        self.faults.meet('copy')
        self.create(volume_id, size_gib)

    def snapshots(self) -> list[str]:
        return list(self.kept)

    def exists(self, volume_id: str) -> bool:
        return volume_id in self.sizes

    def path(self, volume_id: str) -> str:
        return f'simulated:{volume_id}'

    def inventory(self) -> list[str]:
        return list(self.sizes)

    def capacity(self) -> Capacity:
        used = sum(self.sizes.values())
        return Capacity(self.total_gib, self.total_gib - used, used)

    def check(self) -> list[Problem]:
        return []


class SimulatedTarget(Target):
    """Exports in a set."""

    name = 'simulated'

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.exports: dict[str, str] = {}

    def export(self, volume_id: str, path: str, credentials: Credentials) -> dict[str, Any]:
        self.faults.meet('export')
        self.exports[volume_id] = path
        data = {
            'target_portal': '127.0.0.1:3260',
            'target_iqn': f'iqn.2026-11.org.pileus:{volume_id}',
            'target_lun': 1,
            'volume_id': volume_id,
        }
        return {'driver_volume_type': 'iscsi', 'data': data}

    def unexport(self, volume_id: str) -> None:
        self.faults.meet('unexport')
        self.exports.pop(volume_id, None)

    def resized(self, volume_id: str) -> None:
        self.faults.meet('resized')

    def inventory(self) -> list[str]:
        return list(self.exports)

    def check(self) -> list[Problem]:
        return []
