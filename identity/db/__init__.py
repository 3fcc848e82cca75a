"""Tables of the identity service and the queries on them."""

from __future__ import annotations

from identity.db.models import Base

__all__ = ['Base']
