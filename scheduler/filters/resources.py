"""Room: what is left of a host's capacity, ratios included. One function per dimension, and a rule that no ratio lifts:
one server must fit into the real machine."""

from __future__ import annotations

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request


def enough_vcpus(host: Host, request: Request) -> Verdict:
    """Free vCPUs."""
    room = host.free_vcpus if host.free_vcpus < host.vcpus else host.vcpus
    return FIT if request.vcpus <= room else Refused('vcpus', request.vcpus, max(room, 0))


def enough_ram(host: Host, request: Request) -> Verdict:
    """Free memory in MiB."""
    room = host.free_ram if host.free_ram < host.ram else host.ram
    return FIT if request.ram <= room else Refused('ram', request.ram, max(room, 0))


def enough_disk(host: Host, request: Request) -> Verdict:
    """Free disk in GiB."""
    room = host.free_disk if host.free_disk < host.disk else host.disk
    return FIT if request.disk <= room else Refused('disk', request.disk, max(room, 0))
