"""Queries about credentials."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from identity.db.delegation_models import Credential


def list_credentials(session: Session, wanted: Mapping[str, Any]) -> list[Credential]:
    """Credentials that fit the filters `user_id`, `project_id` and `type`, by id."""
    query = select(Credential).order_by(Credential.id)
    for name in ('user_id', 'project_id', 'type'):
        if wanted.get(name) is not None:
            query = query.where(getattr(Credential, name) == wanted[name])
    return list(session.scalars(query))


def mark_of(credential_id: str) -> str:
    """What tokens name a credential by: 32 hex digits, whatever its id."""
    return hashlib.sha256(credential_id.encode()).hexdigest()[:32]


def count_of(session: Session, user_id: str) -> int:
    """How many credentials a user has."""
    return session.scalar(select(func.count()).select_from(Credential).where(Credential.user_id == user_id)) or 0


def by_access_digest(session: Session, digest: str) -> Credential | None:
    """The credential of type `ec2` whose access key has this digest, or None."""
    return session.scalar(select(Credential).where(Credential.access_digest == digest))


def advance_step(session: Session, credential_id: str, step: int) -> bool:
    """Note that the code of a step was used; False when it, or a later one, was before."""
    newer = or_(Credential.last_step.is_(None), Credential.last_step < step)
    found = session.execute(update(Credential).where(Credential.id == credential_id, newer).values(last_step=step))
    return bool(found.rowcount)


def remove_of_users(session: Session, user_ids: Sequence[str]) -> None:
    """Delete what belongs to users that are deleted."""
    if user_ids:
        session.execute(delete(Credential).where(Credential.user_id.in_(user_ids)))


def remove_of_projects(session: Session, project_ids: Sequence[str]) -> None:
    """Delete what is for projects that are deleted."""
    if project_ids:
        session.execute(delete(Credential).where(Credential.project_id.in_(project_ids)))
