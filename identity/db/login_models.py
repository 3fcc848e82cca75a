"""Tables of what logins leave behind: from where users have logged in, and sets of roles that are too large for tokens."""

from __future__ import annotations

import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.db.types import JSON, Str64
from identity.db.models import Base


class LoginHome(Base):
    """An address from which a user has logged in of late: a digest of both (see `identity.brute_force`)."""

    __tablename__ = 'login_homes'

    digest: Mapped[Str64] = mapped_column(primary_key=True)
    until: Mapped[datetime.datetime] = mapped_column(index=True)


class RoleSet(Base):
    """Names of roles that stand in tokens as their digest. It never changes, and is kept while a token may name it."""

    __tablename__ = 'role_sets'

    digest: Mapped[Str64] = mapped_column(primary_key=True)
    names: Mapped[list[str]] = mapped_column(JSON)
    used_at: Mapped[datetime.datetime] = mapped_column(index=True)
