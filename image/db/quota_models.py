"""Limits of single projects, and the row per project that allocations queue on."""

from __future__ import annotations

from common.db.quotas import quota_tables
from image.db.models import Base

TABLES = quota_tables(Base.metadata)
