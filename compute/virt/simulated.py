"""A hypervisor that keeps honest state without guests, with failures and delays on demand.

State lives in memory or, given a path, in an SQLite file: then the 'hypervisor' outlives a killed worker as a real one would.
A fault is a dict: `op` (method name), `do` ('transient', 'refuse', 'break', 'die', 'wait <seconds>'), `host` (default any),
`after` (calls that pass first), `times` (calls it hits, default 1), `p` (probability, default 1).
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import sqlite3
import threading
from typing import Any

from common import clock
from common.errors import NotFound, PileusError, Refused, Transient
from compute.virt.base import NOSTATE, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, Driver, InterfaceSpec, Inventory, LifecycleEvent, Problem, ServerSpec, VolumeSpec

_CAPABILITIES = frozenset({'pause', 'suspend', 'attach_volume', 'attach_interface', 'console_log', 'reboot', 'config_drive'})


class FaultTable:
    """Failures to come, shared by the hosts of a process."""

    def __init__(self, entries: list[dict[str, Any]] | None = None) -> None:
        self._lock = threading.Lock()
        self.replace(entries or [])

    def replace(self, entries: list[dict[str, Any]]) -> None:
        """Forget the old table and take this one."""
        with self._lock:
            self.entries = [{'after': 0, 'times': 1, 'p': 1.0, **entry} for entry in entries]

    def meet(self, host: str, operation: str) -> None:
        """Fail, wait or die, if the table says so for this call."""
        if not self.entries:
            return
        with self._lock:
            action = self._next(host, operation)
        if action is None:
            return
        word, _, amount = action.partition(' ')
        if word == 'wait':
            clock.sleep(float(amount))
        elif word == 'die':
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == 'transient':
            raise Transient(f'Simulated passing failure of {operation}.')
        elif word == 'refuse':
            raise Refused(f'Simulated refusal of {operation}.')
        else:
            raise PileusError(f'Simulated failure of {operation}.')

    def _next(self, host: str, operation: str) -> str | None:
        for entry in self.entries:
            if entry['op'] != operation or entry.get('host', host) != host or entry['times'] <= 0:
                continue
            if entry['after'] > 0:
                entry['after'] -= 1
                return None
            if random.random() < entry['p']:
                entry['times'] -= 1
                return str(entry['do'])
        return None


class _Memory:
    """Guests and disks as dicts."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        return self._rows.get((kind, key))

    def put(self, kind: str, key: str, value: dict[str, Any]) -> None:
        self._rows[(kind, key)] = value

    def remove(self, kind: str, key: str) -> None:
        self._rows.pop((kind, key), None)

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        return {key: value for (k, key), value in list(self._rows.items()) if k == kind}


class _File:
    """The same in an SQLite file."""

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.execute('PRAGMA journal_mode=WAL')
        self._connection.execute('PRAGMA synchronous=OFF')  # it need outlive a process only, not the machine
        self._connection.execute('CREATE TABLE IF NOT EXISTS things (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))')

    def _ask(self, sql: str, *values: str) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        rows = self._ask('SELECT value FROM things WHERE kind = ? AND key = ?', kind, key)
        return json.loads(rows[0][0]) if rows else None

    def put(self, kind: str, key: str, value: dict[str, Any]) -> None:
        self._ask('INSERT OR REPLACE INTO things VALUES (?, ?, ?)', kind, key, json.dumps(value))

    def remove(self, kind: str, key: str) -> None:
        self._ask('DELETE FROM things WHERE kind = ? AND key = ?', kind, key)

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        return {key: json.loads(value) for key, value in self._ask('SELECT key, value FROM things WHERE kind = ?', kind)}


class SimulatedDriver(Driver):
    """One simulated host.

    :param latency: method name -> seconds that it takes (mean of an exponential distribution)
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
    ) -> None:
        self.host = host
        self._inventory = Inventory(vcpus, memory_mib, disk_gib, 'simulated', 1000000, {'arch': 'x86_64'}, float(disk_gib))
        self._things: Any = _File(state) if state is not None else _Memory()
        self.faults = faults or FaultTable()
        self._latency = latency or {}
        self._on_event: LifecycleEvent | None = None

    def _meet(self, operation: str) -> None:
        mean = self._latency.get(operation)
        if mean:
            clock.sleep(random.expovariate(1 / mean))
        self.faults.meet(self.host, operation)

    def start(self, on_event: LifecycleEvent) -> None:
        self._on_event = on_event

    def stop(self) -> None:
        self._on_event = None

    def check(self) -> list[Problem]:
        return []

    def inventory(self) -> Inventory:
        return self._inventory

    def make_disk(self, server: ServerSpec) -> None:
        self._meet('make_disk')
        self._things.put('disk', server.id, {'gib': server.disk_gib})

    def delete_disk(self, server_id: str) -> None:
        self._meet('delete_disk')
        self._things.remove('disk', server_id)

    def make_config_drive(self, server: ServerSpec, files: dict[str, bytes]) -> None:
        self._meet('make_config_drive')
        self._things.put('disk', server.id, {'gib': server.disk_gib, 'config_drive': sorted(files)})

    def spawn(self, server: ServerSpec) -> None:
        self._meet('spawn')
        if self._things.get('guest', server.id) is None:
            self._write(server, f'[    0.000000] Pileus simulated guest {server.name}\n')

    def _write(self, server: ServerSpec, log: str) -> None:
        guest = {
            'state': RUNNING,
            'name': server.name,
            'log': log,
            'volumes': [volume.volume_id for volume in server.volumes],
            'ports': [interface.port_id for interface in server.interfaces],
            'vcpus': server.vcpus,
            'memory': server.memory_mib,
        }
        self._things.put('guest', server.id, guest)

    def destroy(self, server_id: str) -> None:
        self._meet('destroy')
        self._things.remove('guest', server_id)

    def power_on(self, server: ServerSpec) -> None:
        self._meet('power_on')
        guest = self._things.get('guest', server.id)
        self._write(server, (guest or {}).get('log', '') + 'Pileus simulated guest started\n')

    def power_off(self, server_id: str, timeout: float) -> None:
        self._meet('power_off')
        self._set_state(server_id, SHUTDOWN)

    def reboot(self, server: ServerSpec, hard: bool, timeout: float) -> None:
        self._meet('reboot')
        guest = self._things.get('guest', server.id)
        self._write(server, (guest or {}).get('log', '') + 'Pileus simulated guest rebooted\n')

    def pause(self, server_id: str) -> None:
        self._meet('pause')
        self._set_state(server_id, PAUSED)

    def unpause(self, server_id: str) -> None:
        self._meet('unpause')
        self._set_state(server_id, RUNNING)

    def suspend(self, server_id: str) -> None:
        self._meet('suspend')
        self._set_state(server_id, SUSPENDED)

    def resume(self, server: ServerSpec) -> None:
        self._meet('resume')
        self._set_state(server.id, RUNNING)

    def _guest(self, server_id: str) -> dict[str, Any]:
        guest = self._things.get('guest', server_id)
        if guest is None:
            raise NotFound('guest', server_id)
        return dict(guest)

    def _set_state(self, server_id: str, state: int) -> None:
        self._things.put('guest', server_id, {**self._guest(server_id), 'state': state})

    def power_state(self, server_id: str) -> int:
        guest = self._things.get('guest', server_id)
        return NOSTATE if guest is None else int(guest['state'])

    def list_servers(self) -> dict[str, int]:
        return {server_id: int(guest['state']) for server_id, guest in self._things.all('guest').items()}

    def list_disks(self) -> set[str]:
        return set(self._things.all('disk'))

    def console_log(self, server_id: str, lines: int | None) -> str:
        self._meet('console_log')
        log = str(self._guest(server_id)['log'])
        return log if lines is None else ''.join(log.splitlines(keepends=True)[-lines:] if lines else [])

    def diagnostics(self, server_id: str) -> dict[str, Any]:
        guest = self._guest(server_id)
        return {'memory_mib': guest['memory'], 'vcpus': guest['vcpus'], 'cpu_time_ns': [0] * guest['vcpus'], 'nics': len(guest['ports'])}

    def vnc_address(self, server_id: str) -> tuple[str, int] | None:
        return None

    def attach_volume(self, server_id: str, volume: VolumeSpec) -> str:
        self._meet('attach_volume')
        guest = self._guest(server_id)
        if volume.volume_id not in guest['volumes']:
            guest['volumes'].append(volume.volume_id)
            self._things.put('guest', server_id, guest)
        return volume.device or f'/dev/vd{chr(ord("b") + guest["volumes"].index(volume.volume_id))}'

    def detach_volume(self, server_id: str, volume_id: str, timeout: float) -> None:
        self._meet('detach_volume')
        self._unplug(server_id, 'volumes', volume_id)

    def attach_interface(self, server_id: str, interface: InterfaceSpec) -> None:
        self._meet('attach_interface')
        guest = self._guest(server_id)
        if interface.port_id not in guest['ports']:
            guest['ports'].append(interface.port_id)
            self._things.put('guest', server_id, guest)

    def detach_interface(self, server_id: str, port_id: str, timeout: float) -> None:
        self._meet('detach_interface')
        self._unplug(server_id, 'ports', port_id)

    def _unplug(self, server_id: str, kind: str, identifier: str) -> None:
        guest = self._things.get('guest', server_id)
        if guest is not None and identifier in guest[kind]:
            guest[kind].remove(identifier)
            self._things.put('guest', server_id, guest)

    # -- for tests

    def crash_guest(self, server_id: str, state: int = SHUTDOWN) -> None:
        """Let a guest go off by itself."""
        self._set_state(server_id, state)
        if self._on_event is not None:
            self._on_event(server_id, state)

    def contents(self) -> dict[str, Any]:
        """Everything on this host, for the search of leaks."""
        return {'guests': self._things.all('guest'), 'disks': self._things.all('disk')}
