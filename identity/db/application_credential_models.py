"""Tables of application credentials and of the access rules that may narrow them.

Users may be kept in a backend of their own, so there is no foreign key to them.
"""

from __future__ import annotations

import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.types import LongText, Str16, Str32, Str64, Str255
from identity.db.models import Base


class ApplicationCredential(Base):
    """A secret with which programs log in as a user, for one project and with chosen roles."""

    __tablename__ = 'application_credentials'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    user_id: Mapped[Str64]
    project_id: Mapped[Str64] = mapped_column(index=True)
    name: Mapped[Str255]
    description: Mapped[LongText | None]
    secret_hash: Mapped[Str255]
    unrestricted: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime.datetime | None]
    access_rules_digest: Mapped[Str32 | None] = mapped_column(index=True)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    __table_args__ = (UniqueConstraint('user_id', 'name'),)


class ApplicationCredentialRole(Base):
    """A role that an application credential passes on."""

    __tablename__ = 'application_credential_roles'

    application_credential_id: Mapped[Str64] = mapped_column(
        ForeignKey('application_credentials.id', name='fk_application_credential_roles_credential', ondelete='CASCADE'), primary_key=True
    )
    role_id: Mapped[Str64] = mapped_column(ForeignKey('roles.id', ondelete='CASCADE'), primary_key=True, index=True)


class AccessRule(Base):
    """A kind of request, as a user has once allowed it; see `common.tokens.access_rules`. Credentials of the user share it."""

    __tablename__ = 'access_rules'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    user_id: Mapped[Str64]
    service: Mapped[Str255]
    method: Mapped[Str16]
    path: Mapped[Str255]

    __table_args__ = (UniqueConstraint('user_id', 'service', 'method', 'path'),)


class ApplicationCredentialAccessRule(Base):
    """An access rule that holds for an application credential. It cannot be deleted as long as it does."""

    __tablename__ = 'application_credential_access_rules'

    application_credential_id: Mapped[Str64] = mapped_column(
        ForeignKey('application_credentials.id', name='fk_application_credential_access_rules_credential', ondelete='CASCADE'),
        primary_key=True,
    )
    access_rule_id: Mapped[Str64] = mapped_column(
        ForeignKey('access_rules.id', name='fk_application_credential_access_rules_rule'), primary_key=True, index=True
    )
