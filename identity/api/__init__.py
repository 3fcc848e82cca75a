"""The REST API of identity: every resource, one module each."""

from __future__ import annotations

from identity.api.auth import TOKENS
from identity.api.domains import DOMAINS
from identity.api.endpoints import ENDPOINTS
from identity.api.grants import GRANTS
from identity.api.groups import GROUPS
from identity.api.projects import PROJECTS
from identity.api.regions import REGIONS
from identity.api.role_assignments import ROLE_ASSIGNMENTS
from identity.api.roles import ROLES
from identity.api.services import SERVICES
from identity.api.users import USERS
from identity.api.verification import TOKEN_KEYS
from identity.api.versions import VERSIONS

RESOURCES = (
    VERSIONS,
    TOKENS,
    TOKEN_KEYS,
    DOMAINS,
    PROJECTS,
    USERS,
    GROUPS,
    ROLES,
    GRANTS,
    ROLE_ASSIGNMENTS,
    REGIONS,
    SERVICES,
    ENDPOINTS,
)
