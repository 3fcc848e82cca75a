"""Roles of version 2.0 (OS-KSADM)."""

from __future__ import annotations

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, Resource
from common.api.types import Obj, Str
from identity import roles
from identity.api.v2.shared import ADMINISTER, role_view
from identity.api.views import with_extra
from identity.db.models import NO_DOMAIN


def list_roles(call: Call) -> Reply:
    """The roles that belong to no domain."""
    found = roles.list_all(call.service, {'domain_id': NO_DOMAIN})
    return Reply({'roles': [role_view(role) for role in found], 'roles_links': []}, wrap=False)


def create_role(call: Call) -> Reply:
    """Make a role."""
    values = with_extra(call.body['role'], ('name', 'description'))
    return Reply({'role': role_view(roles.create(call.service, values))}, wrap=False)


def show_role(call: Call) -> Reply:
    """One role."""
    return Reply({'role': role_view(roles.get(call.service, call.params['role_id']))}, wrap=False)


def delete_role(call: Call) -> None:
    """Remove a role."""
    roles.delete(call.service, call.params['role_id'])


_ROLE = Obj({'name': Str(255, 1, pattern=r'\S'), 'description': Str(65535) | None}, required=['name'], extra='allow')
ROLES_V2 = Resource(
    'roles',
    routes=[
        GET('/v2.0/OS-KSADM/roles', list_roles, policy=ADMINISTER, wrap=False, listing=False),
        POST('/v2.0/OS-KSADM/roles', create_role, policy=ADMINISTER, wrap=False, body=Obj({'role': _ROLE}, required=['role'])),
        GET('/v2.0/OS-KSADM/roles/{role_id}', show_role, policy=ADMINISTER, wrap=False),
        DELETE('/v2.0/OS-KSADM/roles/{role_id}', delete_role, policy=ADMINISTER),
    ],
)
