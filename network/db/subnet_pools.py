"""Queries about subnet pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from network.db import lists
from network.db.models import SUBNET_POOLS, SUBNETS

_P, _S = SUBNET_POOLS.c, SUBNETS.c
_NAMES = (
    'id', 'name', 'project_id', 'description', 'ip_version', 'shared', 'is_default', 'default_quota', 'min_prefixlen', 'default_prefixlen',
    'max_prefixlen', 'revision_number', 'created_at', 'updated_at',
)  # fmt: skip
COLUMNS = {**{name: _P[name] for name in _NAMES}, 'tenant_id': _P.project_id}


def page(session: Session, filters: Mapping[str, Any], wanted: Any, viewer: str | None) -> list[Any]:
    """A page of pools: a project's own and shared ones."""
    query = sa.select(SUBNET_POOLS).where(*lists.conditions(filters, COLUMNS, lists.tag_filters(_P.tags)))
    seen = None if viewer is None else sa.or_(_P.project_id == viewer, _P.shared.is_(True))
    return lists.page(session, query, COLUMNS, SUBNET_POOLS, wanted, seen)


def default_of(session: Session, ip_version: int) -> Any | None:
    """The pool for subnets of which nobody says from where."""
    return session.execute(sa.select(SUBNET_POOLS).where(_P.is_default.is_(True), _P.ip_version == ip_version)).first()


def subnets_from(session: Session, pool_id: str) -> list[Any]:
    """(cidr, project_id) of the subnets that were cut from a pool."""
    return list(session.execute(sa.select(_S.cidr, _S.project_id).where(_S.subnetpool_id == pool_id)))
