"""The hosts in memory: what decisions look at. A copy of the rows that follows them; the rows decide.

Reports and heartbeats of hosts come in here too. A heartbeat is a time in memory, written for all hosts together every few seconds.
"""

from __future__ import annotations

import calendar
import datetime
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common import clock
from common.db import Database
from common.db.chunks import chunks
from common.errors import Conflict, InvalidInput, NotFound
from scheduler.conf import SchedulerOptions
from scheduler.db import rows
from scheduler.host import Host
from scheduler.request import AMOUNTS, KINDS

OVERLAP = datetime.timedelta(seconds=5)
"""Changes are looked for from this long before the last look, since transactions end later than they begin."""
FRESH = 0.25
"""Seconds for which a look at the rows is fresh enough to refuse a request on."""
RATIOS = tuple(f'ratio_{name}' for name in AMOUNTS)
REPORTED = ('zone', 'hypervisor', 'architecture', 'traits', 'capabilities', *AMOUNTS, *(f'reserved_{name}' for name in AMOUNTS), *RATIOS)
SETTABLE = ('enabled', 'disabled_reason', 'zone', 'aggregates', *RATIOS)


class HostTable:
    """All hosts, by kind. Thread-safe: `lock` is held while a decision looks and takes."""

    def __init__(self, db: Database, options: SchedulerOptions) -> None:
        self.db = db
        self.options = options
        self.lock = threading.RLock()
        self.version = 0
        """Moves with everything that a decision could see."""
        self._by_id: dict[int, Host] = {}
        self._by_name: dict[tuple[str, str], Host] = {}
        self._lists: dict[str, list[Host]] = {kind: [] for kind in KINDS}
        self._unwritten: set[int] = set()
        self._looked_at: datetime.datetime | None = None
        self._look_again = 0.0
        self._seen_again = 0.0
        self._write_again = 0.0

    def of_kind(self, kind: str) -> list[Host]:
        """The hosts of a kind, with their states as of now."""
        self.refresh_if_due()
        return self._lists[kind]

    def get(self, kind: str, name: str) -> Host | None:
        """A host by name."""
        return self._by_name.get((kind, name))

    # -- following the rows

    def refresh_if_due(self) -> None:
        """Look for changes of other processes every `refresh` seconds."""
        if clock.monotonic() >= self._look_again:
            self.refresh()

    def refresh(self, *, everything: bool = False) -> None:
        """Read what changed (or everything), and who was heard of."""
        now = clock.now()
        since = None if everything or self._looked_at is None else self._looked_at - OVERLAP
        with self.lock, self.db.read() as session:
            for row in rows.all_hosts(session, since):
                self._put(row)
            if everything or clock.monotonic() >= self._seen_again:
                self._take_in_seen(rows.seen_times(session))
            alive = clock.timestamp() - self.options.down_after
            for host in self._by_id.values():
                if host.is_up != (host.seen_at >= alive):
                    host.is_up = not host.is_up
                    self.version += 1
            self._looked_at = now
            self._look_again = clock.monotonic() + self.options.refresh

    def take(self, host: Host, vcpus: int, ram: int, disk: int) -> None:
        """Count room of a host as used in memory (negative amounts give it back); the row is changed by the claim."""
        with self.lock:
            host.free_vcpus -= vcpus
            host.free_ram -= ram
            host.free_disk -= disk
            self.version += 1

    def refresh_unless_fresh(self) -> None:
        """Look for changes, unless that was done a moment ago."""
        if clock.monotonic() >= self._look_again - self.options.refresh + FRESH:
            self.refresh()

    def _take_in_seen(self, seen: Mapping[int, datetime.datetime]) -> None:
        """Heartbeats that other processes wrote, and hosts that they removed."""
        for host_id in [known for known in self._by_id if known not in seen]:
            self._drop(host_id)
        for host_id, at in seen.items():
            host = self._by_id.get(host_id)
            if host is not None:
                host.seen_at = max(host.seen_at, _epoch(at))
        self._seen_again = clock.monotonic() + self.options.down_after / 6

    def reread(self, host_id: int) -> Host | None:
        """Read one host again, after a claim on it did not work."""
        with self.lock, self.db.read() as session:
            found = rows.all_hosts(session, ids=[host_id])
            if not found:
                self._drop(host_id)
                return None
            return self._put(found[0])

    def _put(self, row: Any) -> Host:
        old = self._by_id.get(row.id)
        if old is not None and old.generation == row.generation and _free(row) == (old.free_vcpus, old.free_ram, old.free_disk):
            return old
        self.version += 1
        host = _host(row, self.options)
        if old is None:
            self._by_id[row.id] = host
            self._by_name[(host.kind, host.name)] = host
            self._lists[host.kind].append(host)
            return host
        host.seen_at = max(host.seen_at, old.seen_at)
        for name in Host.__slots__:
            setattr(old, name, getattr(host, name))
        return old

    def _drop(self, host_id: int) -> None:
        host = self._by_id.pop(host_id, None)
        if host is not None:
            self.version += 1
            self._by_name.pop((host.kind, host.name), None)
            self._lists[host.kind] = [other for other in self._lists[host.kind] if other is not host]

    # -- reports

    def report(self, reports: Sequence[Mapping[str, Any]]) -> None:
        """Hosts say what they have. New hosts and changed ones are written; for the others it is a heartbeat."""
        parsed: dict[str, dict[str, dict[str, Any]]] = {}
        for one in reports:
            values = _checked_report(one)
            parsed.setdefault(values['kind'], {})[values['name']] = values
        written: set[tuple[str, str]] = set()
        for kind, by_name in parsed.items():
            written |= self.db.transaction(self._write_reports, kind, by_name)
            self.beat(kind, [name for name in by_name if (kind, name) not in written])
        if written:
            self.refresh()

    def _write_reports(self, session: Any, kind: str, by_name: Mapping[str, dict[str, Any]]) -> set[tuple[str, str]]:
        known: dict[str, Any] = {}
        for names in chunks(by_name):
            known |= rows.find_hosts(session, kind, names)
        new: list[dict[str, Any]] = []
        written: set[tuple[str, str]] = set()
        for name, values in by_name.items():
            row = known.get(name)
            if row is None:
                new.append(self._new_row(values))
                written.add((kind, name))
                continue
            changes = {
                key: values[key] for key in REPORTED if key in values and key not in row.operator_set and getattr(row, key) != values[key]
            }
            if changes:
                rows.change_host(session, row.id, self._with_capacity({**row._mapping, **changes}, changes) | {'seen_at': clock.now()})
                written.add((kind, name))
        if new:
            rows.add_hosts(session, new)
        return written

    def _new_row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        now = clock.now()
        row: dict[str, Any] = {'zone': self.options.default_zone, 'hypervisor': None, 'architecture': None, 'disabled_reason': None}
        row |= {'traits': [], 'capabilities': {}, 'aggregates': {}, 'operator_set': [], 'enabled': True, 'generation': 0}
        row |= {f'{prefix}_{name}': 0 for prefix in ('reserved', 'used') for name in AMOUNTS} | dict.fromkeys(RATIOS)
        row |= {**values, 'seen_at': now, 'changed_at': now, 'created_at': now}
        return self._with_capacity(row, row)

    def _with_capacity(self, row: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes, and the capacities that follow from the whole row."""
        out = dict(changes)
        for name in AMOUNTS:
            ratio = row[f'ratio_{name}'] or getattr(self.options, f'ratio_{name}')
            out[f'capacity_{name}'] = max(0, int((row[name] - row[f'reserved_{name}']) * ratio))
        return out

    def beat(self, kind: str, names: Iterable[str]) -> None:
        """These hosts live."""
        if self._looked_at is None:
            self.refresh()  # just started: without the rows there would be nobody to hear of
        now = clock.timestamp()
        with self.lock:
            for name in names:
                host = self._by_name.get((kind, name))
                if host is not None:
                    host.seen_at = now
                    if not host.is_up:
                        host.is_up = True
                        self.version += 1
                    self._unwritten.add(host.id)
        if clock.monotonic() >= self._write_again:
            self.write_heartbeats()

    def write_heartbeats(self) -> None:
        """Write the heartbeats since the last time."""
        self._write_again = clock.monotonic() + max(1.0, self.options.down_after / 10)
        with self.lock:
            ids, self._unwritten = sorted(self._unwritten), set()
        if ids:
            self.db.transaction(rows.write_seen, ids, clock.now())

    # -- operators

    def set_host(self, kind: str, name: str, values: Mapping[str, Any]) -> None:
        """Change what an operator decides (see `SETTABLE`). Raises NotFound, InvalidInput."""
        unknown = sorted(set(values) - set(SETTABLE))
        if unknown:
            raise InvalidInput(f'A host has no {unknown[0]} to set; possible: {", ".join(SETTABLE)}.', field=unknown[0])

        def body(session: Any) -> int:
            row = rows.find_host(session, kind, name)
            if row is None:
                raise NotFound('host', name)
            sticky = [key for key in values if key in REPORTED]
            changes = {**values, 'operator_set': sorted({*row.operator_set, *sticky})}
            rows.change_host(session, row.id, self._with_capacity({**row._mapping, **changes}, changes))
            return int(row.id)

        self.reread(self.db.transaction(body))

    def remove_host(self, kind: str, name: str) -> None:
        """Forget a host. Raises NotFound, and Conflict while anything is claimed on it."""

        def body(session: Any) -> int:
            row = rows.find_host(session, kind, name)
            if row is None:
                raise NotFound('host', name)
            number = rows.count_claims(session, row.id)
            if number:
                raise Conflict(f'Host {name} holds {number} {kind}s; move or delete them first.')
            rows.delete_host(session, row.id)
            return int(row.id)

        host_id = self.db.transaction(body)
        with self.lock:
            self._drop(host_id)

    def zones(self, kind: str) -> dict[str, dict[str, Any]]:
        """Availability zones: how many hosts they have, and whether one of them can be used."""
        found: dict[str, dict[str, Any]] = {}
        with self.lock:
            for host in self.of_kind(kind):
                zone = found.setdefault(host.zone, {'hosts': 0, 'available': False})
                zone['hosts'] += 1
                zone['available'] = zone['available'] or (host.enabled and host.is_up)
        return found

    def describe(self, kind: str | None) -> list[dict[str, Any]]:
        """All hosts for `hosts()`: totals, capacities, use, state."""
        self.refresh_if_due()
        with self.lock:
            hosts = [host for one, hosts in self._lists.items() if kind in (None, one) for host in hosts]
            return [_described(host) for host in sorted(hosts, key=lambda host: (host.kind, host.name))]


def _described(host: Host) -> dict[str, Any]:
    out: dict[str, Any] = {
        name: getattr(host, name) for name in ('kind', 'name', 'zone', 'enabled', 'disabled_reason', 'hypervisor', 'architecture')
    }
    out |= {'up': host.is_up, 'seen_at': host.seen_at, 'traits': sorted(host.traits), 'capabilities': dict(host.capabilities)}
    for name in AMOUNTS:
        capacity = getattr(host, f'capacity_{name}')
        out |= {name: getattr(host, name), f'capacity_{name}': capacity, f'used_{name}': capacity - getattr(host, f'free_{name}')}
    return out


def _checked_report(one: Mapping[str, Any]) -> dict[str, Any]:
    values = {'kind': 'server', **one}
    unknown = sorted(set(values) - {'kind', 'name', *REPORTED})
    if unknown:
        raise InvalidInput(f'A host reports no {unknown[0]}.', field=unknown[0])
    if values['kind'] not in KINDS or not values.get('name'):
        raise InvalidInput('A report names the host and its kind.', field='name')
    for name in AMOUNTS:
        values[name] = int(values.get(name) or 0)
    if 'traits' in values:
        values['traits'] = sorted(values['traits'])
    return {key: value for key, value in values.items() if value is not None}


def _free(row: Any) -> tuple[int, int, int]:
    return row.capacity_vcpus - row.used_vcpus, row.capacity_ram - row.used_ram, row.capacity_disk - row.used_disk


def _epoch(at: datetime.datetime) -> float:
    return calendar.timegm(at.timetuple()) + at.microsecond / 1e6


def _host(row: Any, options: SchedulerOptions) -> Host:
    metadata: dict[str, set[str]] = {}
    for aggregate in (row.aggregates or {}).values():
        for key, value in aggregate.items():
            metadata.setdefault(key, set()).update(part.strip() for part in str(value).split(','))
    seen = _epoch(row.seen_at)
    return Host(
        id=row.id,
        kind=row.kind,
        name=row.name,
        zone=row.zone,
        enabled=row.enabled,
        is_up=seen >= clock.timestamp() - options.down_after,
        **{name: getattr(row, name) for name in AMOUNTS},
        **{f'capacity_{name}': getattr(row, f'capacity_{name}') for name in AMOUNTS},
        **{f'free_{name}': getattr(row, f'capacity_{name}') - getattr(row, f'used_{name}') for name in AMOUNTS},
        hypervisor=row.hypervisor,
        architecture=row.architecture,
        traits=frozenset(row.traits or ()),
        metadata={key: frozenset(values) for key, values in metadata.items()},
        capabilities=row.capabilities or {},
        disabled_reason=row.disabled_reason,
        seen_at=seen,
        generation=row.generation,
    )
