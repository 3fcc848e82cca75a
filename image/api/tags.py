"""Tags of an image, one at a time."""

from __future__ import annotations

from common.api import DELETE, PUT, Call, Resource
from image import images


def add_tag(call: Call) -> None:
    """Add it; a tag that is there already is fine."""
    images.set_tag(call.service, call.ctx, call.params['id'], call.params['tag'], present=True)


def remove_tag(call: Call) -> None:
    """Remove it."""
    images.set_tag(call.service, call.ctx, call.params['id'], call.params['tag'], present=False)


TAGS = Resource(
    'tags',
    'tag',
    routes=[
        PUT('/v2/images/{id}/tags/{tag}', add_tag, policy='image:images:update', ok=204, body=None),
        DELETE('/v2/images/{id}/tags/{tag}', remove_tag, policy='image:images:update'),
    ],
)
