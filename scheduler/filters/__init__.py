"""Filters: may this host take this request? Each is one small function; the order below is the order of asking.

A filter gets the host and the request and returns FIT or Refused(dimension, wanted, had). `applies` says whether the request has
anything that the filter looks at, so that a plain request asks only the few that matter to all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scheduler.filters.aggregates import extra_specs_match
from scheduler.filters.groups import group_allows
from scheduler.filters.hints import different_host, same_host
from scheduler.filters.image import image_matches
from scheduler.filters.resources import enough_disk, enough_ram, enough_vcpus
from scheduler.filters.state import enabled, forced, not_excluded, up
from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.filters.zone import in_zone
from scheduler.host import Host
from scheduler.request import Request


class Filter(NamedTuple):
    """A filter with its name and the requests that it is for."""

    name: str
    check: Callable[[Host, Request], Verdict]
    applies: Callable[[Request], object]


def _always(request: Request) -> bool:
    return True


FILTERS: tuple[Filter, ...] = (
    Filter('forced', forced, lambda request: request.force_host),
    Filter('enabled', enabled, _always),
    Filter('up', up, _always),
    Filter('zone', in_zone, lambda request: request.zone),
    Filter('excluded', not_excluded, lambda request: request.exclude),
    Filter('image', image_matches, lambda request: request.image),
    Filter('extra_specs', extra_specs_match, lambda request: request.extra_specs),
    Filter('vcpus', enough_vcpus, lambda request: request.vcpus),
    Filter('ram', enough_ram, lambda request: request.ram),
    Filter('disk', enough_disk, lambda request: request.disk),
    Filter('different_host', different_host, lambda request: request.different_host),
    Filter('same_host', same_host, lambda request: request.same_host),
    Filter('group', group_allows, lambda request: request.group),
)


def filters_for(request: Request) -> list[Filter]:
    """The filters that have something to say about a request."""
    return [one for one in FILTERS if one.applies(request)]


__all__ = ['FILTERS', 'FIT', 'Filter', 'Refused', 'Verdict', 'filters_for']
