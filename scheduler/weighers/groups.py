"""Soft server groups."""

from __future__ import annotations

from scheduler.host import Host
from scheduler.request import Request


def soft_group(host: Host, request: Request) -> float:
    """Soft affinity likes hosts with many members, soft anti-affinity those with few."""
    if not request.members or request.policy not in ('soft-affinity', 'soft-anti-affinity'):
        return 0.0
    share = request.members.get(host.name, 0) / max(request.members.values())
    return share if request.policy == 'soft-affinity' else 1.0 - share
