"""Hints: near to or far from other servers."""

from __future__ import annotations

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request


def different_host(host: Host, request: Request) -> Verdict:
    """On none of the hosts of these servers."""
    return Refused('different_host', had=host.name) if host.name in request.far else FIT


def same_host(host: Host, request: Request) -> Verdict:
    """On a host of one of these servers."""
    return FIT if host.name in request.near else Refused('same_host', had=host.name)
