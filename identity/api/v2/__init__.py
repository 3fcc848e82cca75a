"""Version 2.0 of the API, for tools and habits of the time when projects were tenants and there was one domain."""

from __future__ import annotations

from identity.api.v2.ec2 import EC2_V2
from identity.api.v2.extensions import EXTENSIONS_V2
from identity.api.v2.roles import ROLES_V2
from identity.api.v2.services import SERVICES_V2
from identity.api.v2.tenants import TENANTS_V2
from identity.api.v2.tokens import TOKENS_V2
from identity.api.v2.users import USERS_V2

RESOURCES_V2 = (EXTENSIONS_V2, TOKENS_V2, TENANTS_V2, USERS_V2, ROLES_V2, SERVICES_V2, EC2_V2)
