"""The REST API of identity: every resource, one module each."""

from __future__ import annotations

from identity.api.access_rules import ACCESS_RULES
from identity.api.application_credentials import APPLICATION_CREDENTIALS
from identity.api.auth import TOKENS
from identity.api.certificates import CERTIFICATES
from identity.api.credentials import CREDENTIALS
from identity.api.domain_config import DOMAIN_CONFIG
from identity.api.domains import DOMAINS
from identity.api.ec2_credentials import EC2_CREDENTIALS
from identity.api.endpoint_filter import ENDPOINT_FILTER
from identity.api.endpoint_groups import ENDPOINT_GROUPS
from identity.api.endpoints import ENDPOINTS
from identity.api.grants import GRANTS
from identity.api.groups import GROUPS
from identity.api.limits import LIMITS
from identity.api.oauth_consumers import CONSUMERS
from identity.api.oauth_tokens import OAUTH_TOKENS
from identity.api.policies import POLICIES
from identity.api.projects import PROJECTS
from identity.api.regions import REGIONS
from identity.api.registered_limits import REGISTERED_LIMITS
from identity.api.revocation_events import REVOCATION_EVENTS
from identity.api.role_assignments import ROLE_ASSIGNMENTS
from identity.api.roles import ROLES
from identity.api.services import SERVICES
from identity.api.signed_requests import SIGNED_REQUESTS
from identity.api.trusts import TRUSTS
from identity.api.users import USERS
from identity.api.v2 import RESOURCES_V2
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
    CREDENTIALS,
    EC2_CREDENTIALS,
    SIGNED_REQUESTS,
    APPLICATION_CREDENTIALS,
    ACCESS_RULES,
    TRUSTS,
    CONSUMERS,
    OAUTH_TOKENS,
    ENDPOINT_GROUPS,
    ENDPOINT_FILTER,
    POLICIES,
    REGISTERED_LIMITS,
    LIMITS,
    DOMAIN_CONFIG,
    REVOCATION_EVENTS,
    CERTIFICATES,
    *RESOURCES_V2,
)
