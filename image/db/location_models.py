"""Where the data of an image is."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from common.db.types import BIG
from image.db.models import Base


class ImageLocation(Base):
    """One place that holds the data of an image, or is about to, or has to forget it.

    `status`: writing (data is on its way there), unverified (a client says that it is there), active, pending_delete. A row is written before the first byte and goes
    after the last one is removed, so a store never holds anything that no row speaks of. That is why the row may outlive its image.
    """

    __tablename__ = 'image_locations'

    id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    image_id: Mapped[str] = mapped_column(String(36), index=True)
    store: Mapped[str] = mapped_column(String(64))
    # Empty: what the store says itself when it is asked for the image.
    url: Mapped[str] = mapped_column(Text, default='')
    meta: Mapped[dict[str, Any] | None] = mapped_column('metadata')
    status: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(default=0)
    # `<image id>/<store>` where the store holds the data itself: once at most. Empty for what others hold.
    own_key: Mapped[str | None] = mapped_column(String(101), unique=True)
    # Who writes, on whose behalf, and until when it is taken to be alive; `upload_until` is empty unless status is `writing`.
    upload_id: Mapped[str | None] = mapped_column(String(36))
    owner: Mapped[str | None] = mapped_column(String(36))
    upload_until: Mapped[datetime.datetime | None]
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]

    __table_args__ = (Index('ix_image_locations_status', 'status'),)
