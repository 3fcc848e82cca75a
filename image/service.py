"""The image service as its handlers see it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from image.conf import ImageOptions
from image.slots import Slots
from image.stores import Stores
from image.transfers import Transfers

if TYPE_CHECKING:
    from common.db import Database
    from common.operations import Operations
    from common.policy import Policy
    from common.rest import RestClient
    from image.caching import ImageCache
    from image.quotas import ImageQuotas
    from image.staging_area import StagingArea


@dataclasses.dataclass(slots=True)
class ImageService:
    """What a handler of the API and a step of an operation need. Uploads are requests, imports are operations."""

    options: ImageOptions
    db: Database
    policy: Policy
    ops: Operations
    stores: Stores
    staging: StagingArea
    identity: RestClient
    quotas: ImageQuotas
    cache: ImageCache | None = None
    slots: Slots = dataclasses.field(default_factory=Slots)
    transfers: Transfers = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.transfers = Transfers(self.options)
