"""What projects used over a time: hours of servers, and these times processors, memory and disk. Counted from the servers' rows."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

from common import clock

_HOUR = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Period:
    """A time from `start` to `end`, both UTC without zone."""

    start: datetime.datetime
    end: datetime.datetime


def hours(row: Any, period: Period, now: datetime.datetime) -> float:
    """Hours of the period that a server ran; nothing is counted for what is still to come."""
    begin = max(row.launched_at, period.start)
    end = min(row.terminated_at or now, period.end, now)
    return max((end - begin).total_seconds(), 0.0) / _HOUR


def _one(row: Any, spent: float, now: datetime.datetime) -> dict[str, Any]:
    return {
        'instance_id': row.id,
        'name': row.name,
        'tenant_id': row.project_id,
        'flavor': str(row.flavor.get('original_name', '')),
        'vcpus': row.vcpus,
        'memory_mb': row.memory_mib,
        'local_gb': _disk(row),
        'started_at': clock.iso(row.launched_at, micro=True, zulu=False),
        'ended_at': clock.iso(row.terminated_at, micro=True, zulu=False),
        'uptime': int(max(((row.terminated_at or now) - row.launched_at).total_seconds(), 0.0)),
        'hours': spent,
        'state': 'terminated' if row.deleted or row.terminated_at else row.vm_state,
    }


def _disk(row: Any) -> int:
    return int(row.root_gib) + int(row.flavor.get('ephemeral', 0))


def by_project(rows: Iterable[Any], period: Period, detailed: bool) -> list[dict[str, Any]]:
    """The use of each project in the form of the API, in the order of the rows.

    :param rows: of `compute.db.usage.servers_between`
    :param detailed: with each server
    """
    now = clock.now()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        spent = hours(row, period, now)
        project = found.setdefault(row.project_id, _nothing(row.project_id, period, detailed))
        project['total_hours'] += spent
        project['total_vcpus_usage'] += spent * row.vcpus
        project['total_memory_mb_usage'] += spent * row.memory_mib
        project['total_local_gb_usage'] += spent * _disk(row)
        if detailed:
            project['server_usages'].append(_one(row, spent, now))
    return list(found.values())


def _nothing(project_id: str, period: Period, detailed: bool) -> dict[str, Any]:
    return {
        'tenant_id': project_id,
        'start': clock.iso(period.start, micro=True, zulu=False),
        'stop': clock.iso(period.end, micro=True, zulu=False),
        'total_hours': 0.0,
        'total_vcpus_usage': 0.0,
        'total_memory_mb_usage': 0.0,
        'total_local_gb_usage': 0.0,
        **({'server_usages': []} if detailed else {}),
    }
