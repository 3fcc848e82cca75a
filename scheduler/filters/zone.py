"""Availability zones."""

from __future__ import annotations

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request


def in_zone(host: Host, request: Request) -> Verdict:
    """In the zone asked for."""
    return FIT if host.zone == request.zone else Refused('zone', request.zone, host.zone)
