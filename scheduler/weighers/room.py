"""Prefer hosts with more room left."""

from __future__ import annotations

from scheduler.host import Host
from scheduler.request import Request


def free_ram(host: Host, request: Request) -> float:
    """The free part of the memory."""
    return host.free_ram / host.capacity_ram if host.capacity_ram else 0.0


def free_vcpus(host: Host, request: Request) -> float:
    """The free part of the vCPUs."""
    return host.free_vcpus / host.capacity_vcpus if host.capacity_vcpus else 0.0


def free_disk(host: Host, request: Request) -> float:
    """The free part of the disk."""
    return host.free_disk / host.capacity_disk if host.capacity_disk else 0.0
