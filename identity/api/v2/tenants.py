"""Tenants: what version 2.0 calls projects, and who has which role on them."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, PUT, Resource
from common.api.types import Bool, Obj, Str
from common.errors import NotFound
from identity import assignments, projects, roles, users
from identity.api.v2.shared import ADMINISTER, ANYONE, PAGED, find_tenant, find_user, listed, role_view, tenant_view, user_view
from identity.api.views import with_extra
from identity.db.assignments import Grant

_KNOWN = ('name', 'description', 'enabled')


def list_tenants(call: Call) -> Reply:
    """All tenants for an administrator, the own ones for anybody else; with `name`, that one."""
    wanted: dict[str, Any] = {'is_domain': False, 'domain_id': call.service.options.default_domain_id}
    name, ids = call.query.get('name'), None
    if name:
        wanted['name'] = name
    if not call.allowed(ADMINISTER.name):
        wanted['enabled'] = True
        ids = assignments.projects_of(call.service, call.ctx.user_id or '')
    found = [project for project, _ in projects.list_all(call.service, wanted, ids=ids)]
    if name is None:
        return listed(call, 'tenants', found, tenant_view, lambda project: project.id)
    if not found:
        raise NotFound('project', name)
    return Reply({'tenant': tenant_view(found[0])}, wrap=False)


def _values(call: Call) -> dict[str, Any]:
    return with_extra(call.body['tenant'], _KNOWN)


def create_tenant(call: Call) -> Reply:
    """Make a tenant."""
    values = {**_values(call), 'domain_id': call.service.options.default_domain_id}
    return Reply({'tenant': tenant_view(projects.create_project(call.service, values)[0])}, wrap=False)


def show_tenant(call: Call) -> Reply:
    """One tenant."""
    return Reply({'tenant': tenant_view(find_tenant(call, call.params['tenant_id']))}, wrap=False)


def update_tenant(call: Call) -> Reply:
    """Change a tenant."""
    tenant = find_tenant(call, call.params['tenant_id'])
    values = {name: value for name, value in _values(call).items() if name not in _KNOWN or value is not None}
    return Reply({'tenant': tenant_view(projects.update(call.service, tenant.id, values)[0])}, wrap=False)


def delete_tenant(call: Call) -> None:
    """Remove a tenant."""
    projects.delete_project(call.service, find_tenant(call, call.params['tenant_id']).id)


def list_users(call: Call) -> Reply:
    """The users who have a role on a tenant."""
    tenant = find_tenant(call, call.params['tenant_id'])
    held = assignments.list_all(call.service, assignments.Wanted(project_id=tenant.id, effective=True))
    ids = sorted({line.actor_id for line in held})
    found = users.list_all(call.service, {'domain_id': tenant.domain_id}, ids=ids)
    return listed(call, 'users', found, user_view, lambda user: user.id)


def _grant(call: Call) -> Grant:
    user, tenant = find_user(call, call.params['user_id']), find_tenant(call, call.params['tenant_id'])
    return Grant(call.params.get('role_id', ''), 'user', user.id, 'project', tenant.id)


def list_roles(call: Call) -> Reply:
    """The roles of a user on a tenant."""
    return Reply({'roles': [role_view(role) for role in assignments.roles_of(call.service, _grant(call))], 'roles_links': []}, wrap=False)


def give_role(call: Call) -> Reply:
    """Give a user a role on a tenant."""
    wanted = _grant(call)
    assignments.grant(call.service, wanted)
    return Reply({'role': role_view(roles.get(call.service, wanted.role_id))}, wrap=False)


def take_role(call: Call) -> None:
    """Take a role on a tenant back."""
    assignments.take_back(call.service, _grant(call))


_TENANT = {'description': Str(65535) | None, 'enabled': Bool | None}
_NEW = Obj({'tenant': Obj({**_TENANT, 'name': Str(64, 1, pattern=r'\S')}, required=['name'], extra='allow')}, required=['tenant'])
_CHANGED = Obj({'tenant': Obj({**_TENANT, 'name': Str(64, 1, pattern=r'\S') | None}, extra='allow')}, required=['tenant'])
_ONE = '/v2.0/tenants/{tenant_id}'
_ROLES = f'{_ONE}/users/{{user_id}}/roles'
TENANTS_V2 = Resource(
    'tenants',
    rules=[ADMINISTER],
    routes=[
        GET('/v2.0/tenants', list_tenants, policy=ANYONE, wrap=False, listing=False, query=PAGED),
        POST('/v2.0/tenants', create_tenant, policy=ADMINISTER, wrap=False, body=_NEW),
        GET(_ONE, show_tenant, policy=ADMINISTER, wrap=False),
        POST(_ONE, update_tenant, policy=ADMINISTER, wrap=False, body=_CHANGED),
        PUT(_ONE, update_tenant, policy=ADMINISTER, wrap=False, body=_CHANGED, hidden=True),
        DELETE(_ONE, delete_tenant, policy=ADMINISTER),
        GET(f'{_ONE}/users', list_users, policy=ADMINISTER, wrap=False, listing=False, query=PAGED),
        GET(_ROLES, list_roles, policy=ADMINISTER, wrap=False, listing=False),
        PUT(f'{_ROLES}/OS-KSADM/{{role_id}}', give_role, policy=ADMINISTER, wrap=False, body=None),
        DELETE(f'{_ROLES}/OS-KSADM/{{role_id}}', take_role, policy=ADMINISTER),
    ],
)
