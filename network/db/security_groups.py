"""Queries about security groups and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from common.db.chunks import chunks
from common.db.prepared import prepared
from network.db import lists
from network.db.models import DEFAULT_GROUPS, GROUPS, MEMBERSHIPS, RULES

_G, _R = GROUPS.c, RULES.c
GROUP_COLUMNS = {
    **{name: _G[name] for name in ('id', 'name', 'project_id', 'description', 'stateful', 'revision_number', 'created_at', 'updated_at')},
    'tenant_id': _G.project_id,
}
_RULE_FIELDS = (
    'id', 'project_id', 'security_group_id', 'direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_group_id',
    'remote_ip_prefix', 'description', 'revision_number', 'created_at', 'updated_at',
)  # fmt: skip
# Statements are made once: that takes longer than the query.
_DEFAULT_OF = prepared(sa.select(DEFAULT_GROUPS.c.security_group_id).where(DEFAULT_GROUPS.c.project_id == sa.bindparam('b_project')))
_SAME_RULE = prepared(
    sa.select(_R.id).where(_R.security_group_id == sa.bindparam('b_group'), _R.fingerprint == sa.bindparam('b_fingerprint'))
)
RULE_COLUMNS = {**{name: _R[name] for name in _RULE_FIELDS}, 'tenant_id': _R.project_id}


def page_of_groups(session: Session, filters: Mapping[str, Any], wanted: Any, viewer: str | None) -> list[Any]:
    """A page of groups."""
    special: dict[str, Any] = lists.tag_filters(_G.tags)
    special['shared'] = lambda values: sa.true() if False in values else sa.false()
    query = sa.select(GROUPS).where(*lists.conditions(filters, GROUP_COLUMNS, special))
    return lists.page(session, query, GROUP_COLUMNS, GROUPS, wanted, None if viewer is None else _G.project_id == viewer)


def page_of_rules(session: Session, filters: Mapping[str, Any], wanted: Any, viewer: str | None) -> list[Any]:
    """A page of rules: those of a project's own groups."""
    visible = None
    if viewer is not None:
        visible = sa.or_(_R.project_id == viewer, _R.security_group_id.in_(sa.select(_G.id).where(_G.project_id == viewer)))
    query = sa.select(RULES).where(*lists.conditions(filters, RULE_COLUMNS))
    return lists.page(session, query, RULE_COLUMNS, RULES, wanted, visible)


def rules_of(session: Session, groups: Iterable[str]) -> dict[str, list[Any]]:
    """Rules by group."""
    found: dict[str, list[Any]] = {}
    for part in chunks(groups):
        for row in session.execute(sa.select(RULES).where(_R.security_group_id.in_(part)).order_by(_R.created_at, _R.id)):
            found.setdefault(row.security_group_id, []).append(row)
    return found


def same_rule(session: Session, group_id: str, fingerprint: str) -> str | None:
    """The id of the rule of a group that says the same."""
    return session.execute(_SAME_RULE, {'b_group': group_id, 'b_fingerprint': fingerprint}).scalar()


def default_of(session: Session, project_id: str) -> str | None:
    """The default group of a project."""
    return session.execute(_DEFAULT_OF, {'b_project': project_id}).scalar()


def owners(session: Session, groups: Iterable[str]) -> dict[str, str]:
    """The project of each of the groups that exist."""
    return {
        row.id: row.project_id for part in chunks(groups) for row in session.execute(sa.select(_G.id, _G.project_id).where(_G.id.in_(part)))
    }


def has_members(session: Session, group_id: str) -> bool:
    """Whether a port is in the group."""
    return session.execute(sa.select(MEMBERSHIPS.c.port_id).where(MEMBERSHIPS.c.security_group_id == group_id).limit(1)).first() is not None


def referring(session: Session, group_id: str) -> set[str]:
    """Other groups with rules that let members of this one in; those rules go with it."""
    return {
        row[0]
        for row in session.execute(sa.select(_R.security_group_id).where(_R.remote_group_id == group_id, _R.security_group_id != group_id))
    }
