"""Queries about key pairs."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from compute.db.models import KeyPair


def get(session: Session, user_id: str, name: str) -> KeyPair | None:
    """A key pair, or None."""
    return session.scalars(select(KeyPair).where(KeyPair.user_id == user_id, KeyPair.name == name)).first()


def count(session: Session, user_id: str) -> int:
    """How many a user has."""
    return session.scalar(select(func.count()).select_from(KeyPair).where(KeyPair.user_id == user_id)) or 0


def list_keypairs(session: Session, user_id: str, limit: int | None = None, marker: str | None = None) -> list[KeyPair]:
    """A user's key pairs by name."""
    query = select(KeyPair).where(KeyPair.user_id == user_id).order_by(KeyPair.name)
    if marker is not None:
        query = query.where(KeyPair.name > marker)
    return list(session.scalars(query.limit(limit) if limit is not None else query))


def remove(session: Session, user_id: str, name: str) -> bool:
    """Forget a key pair; False if there was none."""
    result = session.execute(delete(KeyPair).where(KeyPair.user_id == user_id, KeyPair.name == name))
    return bool(result.rowcount)  # type: ignore[attr-defined]
