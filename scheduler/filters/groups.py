"""Server groups."""

from __future__ import annotations

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request


def group_allows(host: Host, request: Request) -> Verdict:
    """Affinity: where the group is, if it is anywhere. Anti-affinity: at most `max_per_host` members on a host."""
    policy = request.policy
    here = request.members.get(host.name, 0)
    if policy == 'affinity':
        return FIT if here or not request.members else Refused('affinity', had=host.name)
    if policy == 'anti-affinity':
        most = int((request.group or {}).get('max_per_host') or 1)
        return FIT if here < most else Refused('anti_affinity', most, here)
    return FIT
