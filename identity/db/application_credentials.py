"""Queries about application credentials and access rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from common.ids import new_hex_id
from common.tokens import AccessRule as Rule
from identity.db.application_credential_models import (
    AccessRule,
    ApplicationCredential,
    ApplicationCredentialAccessRule,
    ApplicationCredentialRole,
)
from identity.db.models import Role
from identity.db.roles import names_with_implied
from identity.records import RoleRef

_C, _R, _L = ApplicationCredential, ApplicationCredentialRole, ApplicationCredentialAccessRule


def find(session: Session, **wanted: Any) -> list[ApplicationCredential]:
    """Credentials whose columns have these values (a list stands for any of its values; None is not looked at), by name."""
    query = select(_C).order_by(_C.name, _C.id)
    for name, value in wanted.items():
        column = getattr(_C, name)
        if value is not None:
            query = query.where(column.in_(value) if isinstance(value, list) else column == value)
    return list(session.scalars(query))


def count_of(session: Session, user_id: str) -> int:
    """How many credentials a user has."""
    return session.scalar(select(func.count()).select_from(_C).where(_C.user_id == user_id)) or 0


def roles_of(session: Session, ids: Sequence[str]) -> dict[str, list[RoleRef]]:
    """Credential id -> its roles, by name."""
    found: dict[str, list[RoleRef]] = {id_: [] for id_ in ids}
    query = select(_R.application_credential_id, Role.id, Role.name).join(Role, Role.id == _R.role_id)
    for id_, role_id, name in session.execute(query.where(_R.application_credential_id.in_(ids)).order_by(Role.name)):
        found[id_].append(RoleRef(role_id, name))
    return found


def role_names_with_implied(session: Session, credential_id: str) -> frozenset[str]:
    """Names of the roles that a credential passes on, and of those that they imply."""
    return names_with_implied(session, select(_R.role_id).where(_R.application_credential_id == credential_id))


def rules_of(session: Session, ids: Sequence[str]) -> dict[str, list[AccessRule]]:
    """Credential id -> its access rules."""
    found: dict[str, list[AccessRule]] = {id_: [] for id_ in ids}
    query = select(_L.application_credential_id, AccessRule).join(AccessRule, AccessRule.id == _L.access_rule_id)
    for id_, rule in session.execute(query.where(_L.application_credential_id.in_(ids)).order_by(AccessRule.service, AccessRule.path)):
        found[id_].append(rule)
    return found


def insert_with(session: Session, row: ApplicationCredential, role_ids: Iterable[str], rule_ids: Iterable[str]) -> None:
    """Write a credential with its roles and access rules."""
    session.add(row)
    session.flush()
    if roles := [{'application_credential_id': row.id, 'role_id': id_} for id_ in role_ids]:
        session.execute(insert(_R), roles)
    if rules := [{'application_credential_id': row.id, 'access_rule_id': id_} for id_ in rule_ids]:
        session.execute(insert(_L), rules)


def remove(session: Session, ids: Sequence[str]) -> None:
    """Delete credentials; their access rules stay."""
    if ids:
        session.execute(delete(_R).where(_R.application_credential_id.in_(ids)))
        session.execute(delete(_L).where(_L.application_credential_id.in_(ids)))
        session.execute(delete(_C).where(_C.id.in_(ids)))


def remove_of_users(session: Session, user_ids: Sequence[str]) -> None:
    """Delete what belongs to users that are deleted, access rules too."""
    if user_ids:
        remove(session, list(session.scalars(select(_C.id).where(_C.user_id.in_(user_ids)))))
        session.execute(delete(AccessRule).where(AccessRule.user_id.in_(user_ids)))


def remove_of_projects(session: Session, project_ids: Sequence[str]) -> None:
    """Delete what is for projects that are deleted."""
    if project_ids:
        remove(session, list(session.scalars(select(_C.id).where(_C.project_id.in_(project_ids)))))


def with_role(session: Session, role_id: str) -> list[str]:
    """Ids of the credentials that pass a role on."""
    return list(session.scalars(select(_R.application_credential_id).where(_R.role_id == role_id)))


# Access rules


def list_rules(session: Session, user_id: str, wanted: Mapping[str, Any]) -> list[AccessRule]:
    """The access rules of a user that fit the filters `service`, `method` and `path`."""
    query = select(AccessRule).where(AccessRule.user_id == user_id).order_by(AccessRule.service, AccessRule.path, AccessRule.method)
    for name in ('service', 'method', 'path'):
        if wanted.get(name) is not None:
            query = query.where(getattr(AccessRule, name) == wanted[name])
    return list(session.scalars(query))


def add_rule(session: Session, user_id: str, rule: Rule) -> AccessRule:
    """Write an access rule of a user."""
    row = AccessRule(id=new_hex_id(), user_id=user_id, service=rule.service, method=rule.method, path=rule.path)
    session.add(row)
    session.flush()
    return row


def in_use(session: Session, rule_id: str) -> bool:
    """Whether an access rule holds for any credential."""
    return session.scalar(select(_L.access_rule_id).where(_L.access_rule_id == rule_id).limit(1)) is not None


def rules_by_digest(session: Session, digest: str) -> list[AccessRule]:
    """The access rules of a credential with this digest; those of all such credentials are the same."""
    credential_id = session.scalar(select(_C.id).where(_C.access_rules_digest == digest).limit(1))
    return rules_of(session, [credential_id])[credential_id] if credential_id else []
