"""Queries about who has which role where."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select
from sqlalchemy.orm import Session

from identity.db.models import NO_DOMAIN, Assignment, GroupMember, ImpliedRole, Project, Role
from identity.records import RoleRef

SYSTEM = 'system'


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """One assignment as it is stored."""

    role_id: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    inherited: bool = False


def _grant(row: Assignment) -> Grant:
    return Grant(row.role_id, row.actor_kind, row.actor_id, row.target_kind, row.target_id, row.inherited)


def held_by(user_id: str, group_ids: Sequence[str] | None) -> ColumnElement[bool]:
    """Condition: the assignment is the user's, or that of one of the user's groups.

    :param group_ids: the groups; None: those of the SQL backend, looked up in the same query
    """
    groups: Any = group_ids if group_ids is not None else select(GroupMember.group_id).where(GroupMember.user_id == user_id)
    return or_(
        and_(Assignment.actor_kind == 'user', Assignment.actor_id == user_id),
        and_(Assignment.actor_kind == 'group', Assignment.actor_id.in_(groups)),
    )


def effective_roles(
    session: Session, user_id: str, target_kind: str, target_id: str, group_ids: Sequence[str] | None = None
) -> list[RoleRef]:
    """The roles that a user has on a target, direct, by group, inherited from above and implied, in one query.

    Roles that belong to a domain are followed but not in the answer.
    """
    here = and_(Assignment.target_kind == target_kind, Assignment.target_id == target_id, Assignment.inherited.is_(False))
    if target_kind == 'project':
        above = select(Project.id, Project.parent_id).where(Project.id == target_id).cte('above', recursive=True)
        above = above.union_all(select(Project.id, Project.parent_id).join(above, Project.id == above.c.parent_id))
        from_above = and_(Assignment.inherited.is_(True), Assignment.target_id.in_(select(above.c.id).where(above.c.id != target_id)))
        here = or_(here, from_above)
    held = select(Assignment.role_id).where(held_by(user_id, group_ids), here).cte('held', recursive=True)
    held = held.union(select(ImpliedRole.implied_role_id).join(held, ImpliedRole.prior_role_id == held.c.role_id))
    query = select(Role.id, Role.name).join(held, held.c.role_id == Role.id).where(Role.domain_id == NO_DOMAIN).order_by(Role.name)
    return [RoleRef(*row) for row in session.execute(query)]


def scopes(session: Session, user_id: str, group_ids: Sequence[str] | None = None) -> tuple[set[str], set[str], bool]:
    """Where a user has any role: ids of projects, ids of domains, and whether on the system."""
    query = select(Assignment.target_kind, Assignment.target_id, Assignment.inherited).where(held_by(user_id, group_ids)).distinct()
    projects, domains, inherited, system = set(), set(), set(), False
    for kind, target_id, is_inherited in session.execute(query):
        if is_inherited:
            inherited.add(target_id)
        elif kind == SYSTEM:
            system = True
        else:
            (projects if kind == 'project' else domains).add(target_id)
    if inherited:
        tree = select(Project.id).where(Project.parent_id.in_(inherited)).cte('below', recursive=True)
        tree = tree.union(select(Project.id).join(tree, Project.parent_id == tree.c.id))
        projects.update(session.scalars(select(tree.c.id)))
    return projects, domains, system


def exists(session: Session, grant: Grant) -> bool:
    """Whether the assignment is there."""
    return session.get(Assignment, _primary_key(grant)) is not None


def _primary_key(grant: Grant) -> tuple[Any, ...]:
    return (grant.actor_id, grant.target_id, grant.role_id, grant.target_kind, grant.actor_kind, grant.inherited)


def add(session: Session, grant: Grant) -> bool:
    """Write an assignment; False when it was there already."""
    if exists(session, grant):
        return False
    session.execute(insert(Assignment).values(dataclasses.asdict(grant)))
    return True


def remove(session: Session, grant: Grant) -> bool:
    """Take an assignment back; False when there is none."""
    conditions = [getattr(Assignment, name) == value for name, value in dataclasses.asdict(grant).items()]
    return bool(session.execute(delete(Assignment).where(*conditions)).rowcount)


def remove_of_actors(session: Session, kind: str, actor_ids: Sequence[str]) -> None:
    """Take back all that users or groups have."""
    if actor_ids:
        session.execute(delete(Assignment).where(Assignment.actor_kind == kind, Assignment.actor_id.in_(actor_ids)))


def remove_on_targets(session: Session, target_ids: Sequence[str]) -> None:
    """Take back all that anyone has on projects or domains."""
    if target_ids:
        session.execute(delete(Assignment).where(Assignment.target_kind != SYSTEM, Assignment.target_id.in_(target_ids)))


def find(session: Session, **wanted: Any) -> list[Grant]:
    """Assignments whose columns have these values; a list stands for any of its values."""
    query = select(Assignment)
    for name, value in wanted.items():
        column = getattr(Assignment, name)
        query = query.where(column.in_(value) if isinstance(value, list | set | tuple) else column == value)
    query = query.order_by(Assignment.actor_kind, Assignment.actor_id, Assignment.target_id, Assignment.role_id, Assignment.inherited)
    return [_grant(row) for row in session.scalars(query)]


def roles_of(session: Session, grant: Grant) -> list[Role]:
    """The roles of an actor on a target (`role_id` of the grant is not looked at), by name."""
    values = dataclasses.asdict(grant)
    values.pop('role_id')
    query = select(Role).join(Assignment, Assignment.role_id == Role.id)
    return list(session.scalars(query.where(*(getattr(Assignment, name) == value for name, value in values.items())).order_by(Role.name)))
