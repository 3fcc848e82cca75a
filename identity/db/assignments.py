"""Queries about who has which role where."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, delete, insert, or_, select
from sqlalchemy.orm import Session

from identity.db.models import NO_DOMAIN, Assignment, GroupMember, ImpliedRole, Project, Role
from identity.db.retry import insert_once
from identity.records import RoleRef

SYSTEM = 'system'
_A, _P = Assignment.__table__.c, Project.__table__.c


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


def _held_by(user: Any, groups: Any) -> ColumnElement[bool]:
    """Condition: the assignment is the user's, or that of one of the groups (a list, or a query for their ids)."""
    return or_(
        and_(_A.actor_kind == 'user', _A.actor_id == user),
        and_(_A.actor_kind == 'group', _A.actor_id.in_(groups)),
    )


def _groups_in_sql(user: Any) -> Any:
    members = GroupMember.__table__.c
    return select(members.group_id).where(members.user_id == user)


def _effective(target_kind: str, in_sql: bool) -> Select[Any]:
    """The query behind `effective_roles`, made once for each kind of target: building it takes longer than running it."""
    user, target = bindparam('user_id', type_=String), bindparam('target_id', type_=String)
    groups = _groups_in_sql(user) if in_sql else bindparam('group_ids', expanding=True)
    here = and_(_A.target_kind == target_kind, _A.target_id == target, _A.inherited.is_(False))
    if target_kind == 'project':
        above = select(_P.id, _P.parent_id).where(_P.id == target).cte('above', recursive=True)
        above = above.union_all(select(_P.id, _P.parent_id).join_from(Project.__table__, above, _P.id == above.c.parent_id))
        here = or_(here, and_(_A.inherited.is_(True), _A.target_id.in_(select(above.c.id).where(above.c.id != target))))
    rules, roles = ImpliedRole.__table__.c, Role.__table__.c
    held = select(_A.role_id).where(_held_by(user, groups), here).cte('held', recursive=True)
    held = held.union(select(rules.implied_role_id).join_from(ImpliedRole.__table__, held, rules.prior_role_id == held.c.role_id))
    query = select(roles.id, roles.name).join_from(Role.__table__, held, held.c.role_id == roles.id)
    return query.where(roles.domain_id == NO_DOMAIN).order_by(roles.name)


@functools.cache
def _effective_query(target_kind: str, in_sql: bool) -> Select[Any]:
    return _effective(target_kind, in_sql)


def effective_roles(
    session: Session, user_id: str, target_kind: str, target_id: str, group_ids: Sequence[str] | None = None
) -> list[RoleRef]:
    """The roles that a user has on a target, direct, by group, inherited from above and implied, in one query.

    Roles that belong to a domain are followed but not in the answer.

    :param group_ids: the user's groups; None: those of the SQL backend, looked up in the same query
    """
    values: dict[str, Any] = {'user_id': user_id, 'target_id': target_id}
    if group_ids is not None:
        values['group_ids'] = list(group_ids)
    rows = session.execute(_effective_query(target_kind, group_ids is None), values)
    return [RoleRef(*row) for row in rows]


def scopes(session: Session, user_id: str, group_ids: Sequence[str] | None = None) -> tuple[set[str], set[str], bool]:
    """Where a user has any role: ids of projects, ids of domains, and whether on the system."""
    groups = _groups_in_sql(user_id) if group_ids is None else group_ids
    query = select(_A.target_kind, _A.target_id, _A.inherited).where(_held_by(user_id, groups)).distinct()
    projects: set[str] = set()
    domains: set[str] = set()
    inherited: set[str] = set()
    system = False
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
    return not exists(session, grant) and insert_once(session, insert(Assignment).values(dataclasses.asdict(grant)))


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
