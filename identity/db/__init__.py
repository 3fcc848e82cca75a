"""Tables of the identity service and the queries on them."""

from __future__ import annotations

from identity.db import delegation_models, filter_models
from identity.db.models import Base

__all__ = ['Base', 'delegation_models', 'filter_models']
