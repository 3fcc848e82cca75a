"""Tables of OAuth 1.0: consumers, their tokens, and the requests that were seen.

Secrets are sealed (see `identity.sealing`), verifiers are digests. Users may be kept in a backend of their own: no foreign key.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from common.db.types import JSON, LongText, Str64
from identity.db.models import Base


class Consumer(Base):
    """A program that may ask users to let it act for them."""

    __tablename__ = 'oauth_consumers'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    description: Mapped[LongText | None]
    sealed: Mapped[LongText]
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RequestToken(Base):
    """What a consumer asks for: to act in a project. A user who allows it is noted here, with the roles that are passed on."""

    __tablename__ = 'oauth_request_tokens'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    consumer_id: Mapped[Str64] = mapped_column(ForeignKey('oauth_consumers.id', ondelete='CASCADE'), index=True)
    project_id: Mapped[Str64] = mapped_column(index=True)
    sealed: Mapped[LongText]
    user_id: Mapped[Str64 | None] = mapped_column(index=True)
    role_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    verifier_digest: Mapped[Str64 | None]
    expires_at: Mapped[datetime.datetime] = mapped_column(index=True)


class AccessToken(Base):
    """What a user allows a consumer: to act for the user in a project, with these roles."""

    __tablename__ = 'oauth_access_tokens'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    consumer_id: Mapped[Str64] = mapped_column(ForeignKey('oauth_consumers.id', ondelete='CASCADE'), index=True)
    user_id: Mapped[Str64] = mapped_column(index=True)
    project_id: Mapped[Str64] = mapped_column(index=True)
    sealed: Mapped[LongText]
    role_ids: Mapped[list[str]]
    expires_at: Mapped[datetime.datetime | None] = mapped_column(index=True)


class SeenRequest(Base):
    """A signed request that was honoured: it is not honoured again. Kept as long as its time stamp would be good."""

    __tablename__ = 'oauth_seen_requests'

    digest: Mapped[Str64] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime.datetime] = mapped_column(index=True)
