"""Is the host there and in use at all?"""

from __future__ import annotations

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request


def forced(host: Host, request: Request) -> Verdict:
    """An administrator may name the host."""
    return FIT if host.name == request.force_host else Refused('other_host', request.force_host, host.name)


def enabled(host: Host, request: Request) -> Verdict:
    """Not taken out of use by an operator."""
    return FIT if host.enabled else Refused('disabled')


def up(host: Host, request: Request) -> Verdict:
    """Heard of lately."""
    return FIT if host.is_up else Refused('down')


def not_excluded(host: Host, request: Request) -> Verdict:
    """Has not refused this very request before."""
    return Refused('tried') if host.name in request.exclude else FIT
