"""Options of the scheduler."""

from __future__ import annotations

from common.config import group, option


@group('scheduler')
class SchedulerOptions:
    """What an operator may set under `[scheduler]`."""

    down_after: int = option(60, min=2, help='Seconds of silence after which a host counts as down')
    sample: int = option(400, min=0, help='How many fitting hosts are compared before one is chosen; 0: all')
    ratio_vcpus: float = option(4.0, help='vCPUs given out per real one, where a host reports no ratio of its own')
    ratio_ram: float = option(1.0, help='Memory given out per real memory, where a host reports no ratio of its own')
    ratio_disk: float = option(1.0, help='Disk given out per real disk, where a host reports no ratio of its own')
    weight_ram: float = option(1.0, help='Weight of free memory; negative: fill hosts up one after the other')
    weight_vcpus: float = option(1.0, help='Weight of free vCPUs')
    weight_disk: float = option(0.5, help='Weight of free disk')
    default_zone: str = option('nova', help='Availability zone of hosts that report none')
    refresh: float = option(2.0, help='Seconds between looks at what other scheduler processes changed')
    keep_decisions_days: int = option(30, min=1, help='Days that decisions can be explained for')
