"""The ids of images that are gone."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from image.db.models import Base


class SpentImageId(Base):
    """An id that belonged to an image. Nobody gets it again: servers, templates and people still mean the image that it was."""

    __tablename__ = 'spent_image_ids'

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
