"""Queries about what logins leave behind."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from identity.db.login_models import LoginHome, RoleSet
from identity.db.retry import insert_once


def keep_homes(session: Session, digests: Iterable[str], until: datetime.datetime) -> None:
    """Note from where users have logged in, until a time (UTC)."""
    for digest in sorted(digests):
        if not session.execute(update(LoginHome).where(LoginHome.digest == digest).values(until=until)).rowcount:
            insert_once(session, insert(LoginHome).values(digest=digest, until=until))


def homes(session: Session, now: datetime.datetime, most: int) -> list[tuple[str, datetime.datetime]]:
    """(digest, until) of those in force, the longest lasting first."""
    query = select(LoginHome.digest, LoginHome.until).where(LoginHome.until > now).order_by(LoginHome.until.desc()).limit(most)
    return [(digest, until) for digest, until in session.execute(query)]


def keep_role_set(session: Session, digest: str, names: Sequence[str], now: datetime.datetime) -> None:
    """Keep a set of roles from now on, under its digest."""
    if not session.execute(update(RoleSet).where(RoleSet.digest == digest).values(used_at=now)).rowcount:
        insert_once(session, insert(RoleSet).values(digest=digest, names=list(names), used_at=now))


def role_set(session: Session, digest: str) -> list[str] | None:
    """The names of the roles with this digest, or None."""
    found = session.get(RoleSet, digest)
    return list(found.names) if found else None


def forget(session: Session, now: datetime.datetime, tokens_over: datetime.datetime) -> None:
    """Delete homes that are over, and sets of roles that were used last before any token that is alive was made."""
    session.execute(delete(LoginHome).where(LoginHome.until <= now))
    session.execute(delete(RoleSet).where(RoleSet.used_at < tokens_over))
