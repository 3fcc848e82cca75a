"""Which hosts have a volume worker, and which of them takes a new volume."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import NoValidHost
from volume.db import volumes as queries
from volume.db.models import VolumeHost

if TYPE_CHECKING:
    from volume.service import VolumeService


def is_up(service: VolumeService, host: VolumeHost) -> bool:
    """Whether the worker has been heard of lately."""
    return now() - host.seen_at < datetime.timedelta(seconds=service.options.host_timeout)


def pool_name(service: VolumeService, host: str) -> str:
    """What clients call the pool of a host: `host@backend#pool`."""
    pool = service.options.pool
    return f'{host}@{pool}#{pool}'


def list_hosts(service: VolumeService) -> list[VolumeHost]:
    """All hosts."""
    with service.db.read() as session:
        return queries.hosts(session)


def choose(service: VolumeService, size_gib: int, zone: str | None, excluded: frozenset[str] = frozenset()) -> str:
    """The host with the most free room that fits. Raises NoValidHost, which says per reason how many hosts it refused."""
    refused: dict[str, int] = {}
    best: VolumeHost | None = None
    most_free = 0.0
    candidates = list_hosts(service)
    for host in candidates:
        reason = _refusal(service, host, size_gib, zone, excluded)
        most_free = max(most_free, host.free_gib)
        if reason is not None:
            refused[reason] = refused.get(reason, 0) + 1
        elif best is None or host.free_gib > best.free_gib:
            best = host
    if best is not None:
        return best.name
    why = ', '.join(f'{count} {reason}' for reason, count in sorted(refused.items()))
    details: dict[str, Any] = {'wanted_gib': size_gib, 'best_gib': int(most_free), 'refused': refused}
    raise NoValidHost(f'No volume host fits: {len(candidates)} hosts: {why or "none has reported"}.'[:255], details=details)


def _refusal(service: VolumeService, host: VolumeHost, size_gib: int, zone: str | None, excluded: frozenset[str]) -> str | None:
    if host.name in excluded:
        return 'refused already'
    if not host.enabled:
        return 'disabled'
    if not is_up(service, host):
        return 'down'
    if zone and host.availability_zone != zone:
        return 'in other zones'
    if host.free_gib < size_gib:
        return f'lack room (want {size_gib} GiB, best {host.free_gib:.0f})'
    return None


def set_enabled(service: VolumeService, name: str, enabled: bool, reason: str | None = None) -> VolumeHost | None:
    """Let a host take new volumes, or not; None if there is no such host."""
    with service.db.write() as session:
        host = session.get(VolumeHost, name)
        if host is not None:
            host.enabled, host.disabled_reason = enabled, reason
        return host
