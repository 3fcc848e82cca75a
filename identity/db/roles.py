"""Queries about roles and which roles imply which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CTE, Select, delete, insert, select
from sqlalchemy.orm import Session

from identity.db.filters import narrowed
from identity.db.models import NO_DOMAIN, Assignment, ImpliedRole, Role
from identity.db.retry import insert_once

ROLE_FILTERS = {'id': Role.id, 'name': Role.name, 'domain_id': Role.domain_id}


def list_roles(session: Session, wanted: Mapping[str, Any]) -> list[Role]:
    """Roles that fit the filters, by name."""
    return list(session.scalars(narrowed(select(Role), ROLE_FILTERS, wanted).order_by(Role.name, Role.id)))


def find_role(session: Session, name: str, domain_id: str = NO_DOMAIN) -> Role | None:
    """The role of this name, or None."""
    return session.scalar(select(Role).where(Role.name == name, Role.domain_id == domain_id))


def delete_role(session: Session, role_id: str) -> None:
    """Remove a role with its assignments and implications."""
    session.execute(delete(Assignment).where(Assignment.role_id == role_id))
    session.execute(delete(ImpliedRole).where((ImpliedRole.prior_role_id == role_id) | (ImpliedRole.implied_role_id == role_id)))
    session.execute(delete(Role).where(Role.id == role_id))


def implications(session: Session) -> list[tuple[str, str]]:
    """(prior role id, implied role id) of all rules."""
    return [(prior, implied) for prior, implied in session.execute(select(ImpliedRole.prior_role_id, ImpliedRole.implied_role_id))]


def implied_roles(session: Session, prior_role_id: str) -> list[Role]:
    """The roles that a role implies directly."""
    query = select(Role).join(ImpliedRole, ImpliedRole.implied_role_id == Role.id).where(ImpliedRole.prior_role_id == prior_role_id)
    return list(session.scalars(query.order_by(Role.name, Role.id)))


def add_implication(session: Session, prior_role_id: str, implied_role_id: str) -> None:
    """Let one role imply another; nothing happens when it does already."""
    if session.get(ImpliedRole, (prior_role_id, implied_role_id)) is None:
        insert_once(session, insert(ImpliedRole).values(prior_role_id=prior_role_id, implied_role_id=implied_role_id))


def remove_implication(session: Session, prior_role_id: str, implied_role_id: str) -> bool:
    """Take a rule back; False when there is none."""
    found = session.execute(
        delete(ImpliedRole).where(ImpliedRole.prior_role_id == prior_role_id, ImpliedRole.implied_role_id == implied_role_id)
    )
    return bool(found.rowcount)


def _with_implied(role_ids: Sequence[str] | Select[tuple[str]]) -> CTE:
    rules = ImpliedRole.__table__.c
    held = select(Role.id).where(Role.id.in_(role_ids)).cte('held', recursive=True)
    return held.union(select(rules.implied_role_id).join_from(ImpliedRole.__table__, held, rules.prior_role_id == held.c.id))


def with_implied(session: Session, role_ids: Sequence[str]) -> set[str]:
    """Ids of these roles and of all that they imply."""
    return set(session.scalars(select(_with_implied(role_ids).c.id)))


def names_with_implied(session: Session, role_ids: Sequence[str] | Select[tuple[str]]) -> frozenset[str]:
    """What these roles (or those of a query) put into tokens: their names and those of all that they imply, of no domain."""
    held = _with_implied(role_ids)
    return frozenset(session.scalars(select(Role.name).join_from(Role, held, held.c.id == Role.id).where(Role.domain_id == NO_DOMAIN)))


def role_names(session: Session) -> dict[str, tuple[str, str]]:
    """Role id -> (name, domain id) of all roles."""
    return {id_: (name, domain_id) for id_, name, domain_id in session.execute(select(Role.id, Role.name, Role.domain_id))}


def ids_by_name(session: Session) -> dict[str, str]:
    """Name -> id of the roles of no domain: the only ones that stand in tokens."""
    return {row.name: row.id for row in session.execute(select(Role.name, Role.id).where(Role.domain_id == NO_DOMAIN))}
