"""Table of trusts.

Users may be kept in a backend of their own, so there is no foreign key to them.
"""

from __future__ import annotations

import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.types import Str64
from identity.db.models import Base


class Trust(Base):
    """What one user lets another do in a project. The row stays for a while after `deleted_at`, for tokens that are shown.

    `source_user_id` is whose roles are passed on: the trustor, or of a trust that passes on another, that of the first one.
    `role_ids` are kept as they were when the trust was made: a role that is gone voids it. The domains of both users are here, as
    they never change, to find the trusts that end with a domain.
    """

    __tablename__ = 'trusts'

    id: Mapped[Str64] = mapped_column(primary_key=True)
    trustor_user_id: Mapped[Str64] = mapped_column(index=True)
    trustor_domain_id: Mapped[Str64] = mapped_column(index=True)
    trustee_user_id: Mapped[Str64] = mapped_column(index=True)
    trustee_domain_id: Mapped[Str64] = mapped_column(index=True)
    source_user_id: Mapped[Str64] = mapped_column(index=True)
    project_id: Mapped[Str64 | None] = mapped_column(index=True)
    impersonation: Mapped[bool]
    role_ids: Mapped[list[str]]
    expires_at: Mapped[datetime.datetime | None]
    remaining_uses: Mapped[int | None]
    redelegation_count: Mapped[int] = mapped_column(default=0)
    redelegated_trust_id: Mapped[Str64 | None] = mapped_column(index=True)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    deleted_at: Mapped[datetime.datetime | None]
