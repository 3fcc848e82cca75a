"""What an import writes about an image while it goes on."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from image.db.models import Image, ImageProperty

IMPORTING_TO, FAILED = 'os_glance_importing_to_stores', 'os_glance_failed_import'


def set_properties(session: Session, image_id: str, values: Mapping[str, str]) -> None:
    """Set custom properties, leaving the others alone. The image must exist."""
    if not values:
        return
    session.execute(delete(ImageProperty).where(ImageProperty.image_id == image_id, ImageProperty.name.in_(list(values))))
    session.execute(insert(ImageProperty), [{'image_id': image_id, 'name': name, 'value': value} for name, value in values.items()])


def report(session: Session, image_id: str, under_way: list[str], failed: list[str]) -> None:
    """Say which stores are still to be reached, and which could not be. An image that is gone is fine."""
    found = session.execute(update(Image).where(Image.id == image_id).values(id=image_id))  # holds the row until the transaction ends
    if found.rowcount:  # type: ignore[attr-defined]
        set_properties(session, image_id, {IMPORTING_TO: ','.join(under_way), FAILED: ','.join(failed)})
