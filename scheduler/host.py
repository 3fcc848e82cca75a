"""A host as the scheduler sees it while it decides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(slots=True, eq=False)
class Host:
    """Totals (`vcpus`, `ram` MiB, `disk` GiB) are what may be given to one request at most; `free_*` are what is left with ratios.

    `metadata`: of all aggregates of the host together, each key with the set of its values. `is_up` is kept by the host table.
    """

    id: int
    kind: str
    name: str
    zone: str
    enabled: bool
    is_up: bool
    vcpus: int
    ram: int
    disk: int
    capacity_vcpus: int
    capacity_ram: int
    capacity_disk: int
    free_vcpus: int
    free_ram: int
    free_disk: int
    hypervisor: str | None
    architecture: str | None
    traits: frozenset[str]
    metadata: Mapping[str, frozenset[str]]
    capabilities: Mapping[str, Any]
    disabled_reason: str | None
    seen_at: float
    generation: int

    def capability(self, name: str) -> Any:
        """Something the host reports, by name; None if it does not."""
        if name in ('hypervisor_type', 'hypervisor'):
            return self.hypervisor
        if name in ('architecture', 'cpu_info:arch'):
            return self.architecture
        return self.capabilities.get(name)
