"""Queries about OAuth consumers and their tokens."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from identity.db.oauth_models import AccessToken, Consumer, RequestToken, SeenRequest
from identity.db.retry import insert_once


def list_consumers(session: Session) -> list[Consumer]:
    """All consumers, by id."""
    return list(session.scalars(select(Consumer).order_by(Consumer.id)))


def delete_consumer(session: Session, consumer_id: str) -> None:
    """Remove a consumer with its tokens."""
    session.execute(delete(RequestToken).where(RequestToken.consumer_id == consumer_id))
    session.execute(delete(AccessToken).where(AccessToken.consumer_id == consumer_id))
    session.execute(delete(Consumer).where(Consumer.id == consumer_id))


def access_tokens(session: Session, **wanted: Any) -> list[AccessToken]:
    """Access tokens whose columns have these values, by id."""
    conditions = [getattr(AccessToken, name) == value for name, value in wanted.items()]
    return list(session.scalars(select(AccessToken).where(*conditions).order_by(AccessToken.id)))


def count_access_tokens(session: Session, user_id: str) -> int:
    """How many access tokens a user has allowed."""
    return session.scalar(select(func.count()).select_from(AccessToken).where(AccessToken.user_id == user_id)) or 0


def take_request_token(session: Session, request_token_id: str) -> bool:
    """Remove a request token; False when somebody else was quicker."""
    return bool(session.execute(delete(RequestToken).where(RequestToken.id == request_token_id)).rowcount)


def delete_access_token(session: Session, access_token_id: str) -> None:
    """Remove an access token."""
    session.execute(delete(AccessToken).where(AccessToken.id == access_token_id))


def see_request(session: Session, digest: str, expires_at: datetime.datetime) -> bool:
    """Note a signed request; False when it was seen before."""
    return insert_once(session, insert(SeenRequest).values(digest=digest, expires_at=expires_at))


def remove_of_users(session: Session, user_ids: Sequence[str]) -> None:
    """Delete what users allowed who are deleted."""
    if user_ids:
        session.execute(delete(RequestToken).where(RequestToken.user_id.in_(user_ids)))
        session.execute(delete(AccessToken).where(AccessToken.user_id.in_(user_ids)))


def remove_of_projects(session: Session, project_ids: Sequence[str]) -> None:
    """Delete what is for projects that are deleted."""
    if project_ids:
        session.execute(delete(RequestToken).where(RequestToken.project_id.in_(project_ids)))
        session.execute(delete(AccessToken).where(AccessToken.project_id.in_(project_ids)))


def forget_expired(session: Session, now: datetime.datetime, tokens_over: datetime.datetime) -> None:
    """Delete what has expired; access tokens once all that was issued for them is over."""
    session.execute(delete(SeenRequest).where(SeenRequest.expires_at <= now))
    session.execute(delete(RequestToken).where(RequestToken.expires_at <= now))
    session.execute(delete(AccessToken).where(AccessToken.expires_at <= tokens_over))
