"""Tables of the identity service and the queries on them."""

from __future__ import annotations

from identity.db import application_credential_models, delegation_models, filter_models, login_models, oauth_models, trust_models
from identity.db.models import Base

__all__ = ['Base', 'application_credential_models', 'delegation_models', 'filter_models', 'login_models', 'oauth_models', 'trust_models']
