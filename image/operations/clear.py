"""What follows the deletion of an image that an operation works on: that one is overtaken and undone, then what is left is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.operations import Operation, Step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.context import Context
    from common.operations import Run
    from image.service import ImageService


def _clear(run: Run) -> None:
    staging = run.world.staging
    for image_id, stage_id in staging.stages():
        if image_id == run.resource_id:
            staging.remove(image_id, stage_id)


CLEAR = Operation('image.clear', of='image', deadline=None, never_gives_up=True, steps=[Step('clear', do=_clear)])


def overtake(session: Session, service: ImageService, ctx: Context, image_id: str) -> None:
    """End whatever is under way for the image; to be called in the transaction that deletes it."""
    live = service.ops.live(session, image_id, 'image')
    if live is not None:
        service.ops.start(session, ctx, CLEAR, image_id, supersede=True)
