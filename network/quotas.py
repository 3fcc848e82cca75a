"""Quotas of the network service: what is limited, and how it is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from common.quota import Quotas
from network.db import quotas as queries
from network.db import rows
from network.db.models import FLOATING_IPS, GROUPS, NETWORKS, PORTS, QUOTA_TABLES, ROUTERS, RULES, SUBNET_POOLS, SUBNETS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from network.conf import NetworkOptions
    from network.work import Work

TABLES: dict[str, Any] = {
    'network': NETWORKS,
    'subnet': SUBNETS,
    'subnetpool': SUBNET_POOLS,
    'port': PORTS,
    'router': ROUTERS,
    'floatingip': FLOATING_IPS,
    'security_group': GROUPS,
    'security_group_rule': RULES,
}


class Usage(Mapping[str, int]):
    """How much a project uses; each resource is counted when it is asked for."""

    def __init__(self, session: Session, project_id: str) -> None:
        self._session, self._project = session, project_id

    def __getitem__(self, name: str) -> int:
        return rows.count(self._session, TABLES[name], self._project)

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)


def make(options: NetworkOptions) -> Quotas:
    """The quotas, with the operator's defaults."""
    return Quotas(QUOTA_TABLES, {name: getattr(options, f'quota_{name}') for name in TABLES}, Usage)


def every(work: Work) -> dict[str, dict[str, int]]:
    """The limits of the projects that have any of their own, by project."""
    found = queries.projects(work.session)
    return {project: work.service.quotas.limits(work.session, project) for project in found}


def details(work: Work, project_id: str) -> dict[str, dict[str, int]]:
    """Limit and use of each resource."""
    usages = work.service.quotas.usages(work.session, project_id)
    return {name: {'limit': limit, 'used': used, 'reserved': 0} for name, (used, limit) in usages.items()}
