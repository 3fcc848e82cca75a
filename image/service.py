"""The image service as its handlers see it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from image.conf import ImageOptions
from image.drivers.base import Store

if TYPE_CHECKING:
    from common.db import Database
    from common.operations import Operations
    from common.policy import Policy


@dataclasses.dataclass(slots=True)
class ImageService:
    """What a handler of the API needs. `ops` is there for the timeline; uploads are requests, not operations."""

    options: ImageOptions
    db: Database
    policy: Policy
    ops: Operations
    store: Store
