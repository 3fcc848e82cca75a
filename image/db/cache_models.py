"""Which images have a copy in the cache of a host, and which wait for one."""

from __future__ import annotations

import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from image.db.models import Base


class CachedImage(Base):
    """One image in the cache of one host. `state`: queued, fetching, cached."""

    __tablename__ = 'cached_images'

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    image_id: Mapped[str] = mapped_column(ForeignKey('images.id', ondelete='CASCADE'), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    # The name of the copy in the cache's directory; it holds the beginning of the hash of the data.
    file: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    hits: Mapped[int] = mapped_column(BigInteger, default=0)
    queued_at: Mapped[datetime.datetime]
    last_accessed: Mapped[datetime.datetime | None]
    last_modified: Mapped[datetime.datetime | None]
    # Failed attempts so far, and when the next one may be.
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime.datetime]
    # Who copies it now, and until when it is taken to be alive; both empty unless the state is `fetching`.
    lease_id: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime.datetime | None]

    __table_args__ = (Index('ix_cached_images_host_state', 'host', 'state'), Index('ix_cached_images_image_id', 'image_id'))
