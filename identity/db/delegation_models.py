"""Tables of secrets that users keep here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from common.db.types import JSON, LongText, Str64, Str255
from identity.db.models import Base


class Credential(Base):
    """A secret of a user, sealed (see `identity.sealing`). Those of type `ec2` are found by the digest of their access key.

    `last_step`: of a one-time password, the newest step whose code was used; no code of it or before it is good again.
    Users may be kept in a backend of their own, so there is no foreign key to them.
    """

    __tablename__ = 'credentials'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    user_id: Mapped[Str64] = mapped_column(index=True)
    project_id: Mapped[Str64 | None] = mapped_column(index=True)
    type: Mapped[Str255]
    access_digest: Mapped[Str64 | None] = mapped_column(unique=True)
    sealed: Mapped[LongText]
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
