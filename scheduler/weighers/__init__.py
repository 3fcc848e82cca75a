"""Weighers: how good is a host that fits? Each returns 0 (bad) to 1 (good); the options say how much each counts.

Each is one small function over (host, request). The highest sum wins; among equals one is drawn, so that several schedulers do not
all pick the same host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scheduler.conf import SchedulerOptions
from scheduler.host import Host
from scheduler.request import Request
from scheduler.weighers.groups import soft_group
from scheduler.weighers.room import free_disk, free_ram, free_vcpus


class Weigher(NamedTuple):
    """A weigher with its name and multiplier."""

    name: str
    weigh: Callable[[Host, Request], float]
    multiplier: float


def weighers_for(request: Request, options: SchedulerOptions) -> list[Weigher]:
    """The weighers that count for a request."""
    room = [
        Weigher('free_ram', free_ram, options.weight_ram if request.ram else 0.0),
        Weigher('free_vcpus', free_vcpus, options.weight_vcpus if request.vcpus else 0.0),
        Weigher('free_disk', free_disk, options.weight_disk if request.disk else 0.0),
    ]
    group = [Weigher('soft_group', soft_group, 10.0)] if request.group else []
    return [one for one in [*room, *group] if one.multiplier]
