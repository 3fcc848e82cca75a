"""Tables and queries of the image service."""

from __future__ import annotations

from image.db import cache_models, location_models, metadef_models, quota_models, spent_models, task_models
from image.db.models import Base

__all__ = ['Base', 'cache_models', 'location_models', 'metadef_models', 'quota_models', 'spent_models', 'task_models']
