"""Users of version 2.0."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, PUT, Resource
from common.api.types import Bool, Obj, Secret, Str
from common.errors import InvalidInput, NotFound, NotImplementedHere
from identity import assignments, roles, users
from identity.api.v2.shared import ADMINISTER, PAGED, find_tenant, find_user, listed, user_view
from identity.api.views import with_extra
from identity.db.assignments import Grant

_KNOWN = ('name', 'username', 'enabled', 'password', 'OS-KSADM:password', 'tenantId', 'tenantName')
_MEMBER = 'member'


def list_users(call: Call) -> Reply:
    """Users; with `name`, that one."""
    wanted: dict[str, Any] = {'domain_id': call.service.options.default_domain_id}
    name = call.query.get('name')
    if name:
        wanted['name'] = name
    found = users.list_all(call.service, wanted)
    if name is None:
        return listed(call, 'users', found, user_view, lambda user: user.id)
    if not found:
        raise NotFound('user', name)
    return Reply({'user': user_view(found[0])}, wrap=False)


def _values(call: Call) -> dict[str, Any]:
    """The body's fields by the names of version 3. Raises NotFound (tenant)."""
    given = with_extra(call.body['user'], _KNOWN)
    values: dict[str, Any] = {'extra': given['extra']}
    if name := given.get('name') or given.get('username'):
        values['name'] = name
    password = given.get('password') or given.get('OS-KSADM:password')
    if password is not None:
        values['password'] = password
    if given.get('enabled') is not None:
        values['enabled'] = given['enabled']
    if given.get('tenantId'):
        values['default_project_id'] = find_tenant(call, given['tenantId']).id
    return values


def _make_member(call: Call, user_id: str, tenant_id: str | None) -> None:
    """Whoever gets a tenant may use it: version 2.0 has no other way to say so on creation."""
    role = next(iter(roles.list_all(call.service, {'name': _MEMBER, 'domain_id': ''})), None)
    if tenant_id and role is not None:
        assignments.grant(call.service, Grant(role.id, 'user', user_id, 'project', tenant_id))


def create_user(call: Call) -> Reply:
    """Make a user."""
    values = _values(call)
    if 'name' not in values:
        raise InvalidInput('Name field is required and cannot be empty.', field='name')
    user = users.create(call.service, {**values, 'domain_id': call.service.options.default_domain_id})
    _make_member(call, user.id, user.default_project_id)
    return Reply({'user': user_view(user)}, wrap=False)


def show_user(call: Call) -> Reply:
    """One user."""
    return Reply({'user': user_view(find_user(call, call.params['user_id']))}, wrap=False)


def update_user(call: Call) -> Reply:
    """Change a user: anything, or (under OS-KSADM) the password, the tenant, or whether the user is enabled."""
    user = find_user(call, call.params['user_id'])
    values = _values(call)
    changed = users.update(call.service, user.id, values)
    if values.get('default_project_id') not in (None, user.default_project_id):
        _make_member(call, user.id, values['default_project_id'])
    return Reply({'user': user_view(changed)}, wrap=False)


def delete_user(call: Call) -> None:
    """Remove a user."""
    users.delete(call.service, find_user(call, call.params['user_id']).id)


def list_roles(call: Call) -> Reply:
    """Roles without a tenant, which there are none of."""
    raise NotImplementedHere('Users have roles on tenants: name one, as in /v2.0/tenants/ID/users/ID/roles.')


_USER = Obj(
    {
        'name': Str(255, 1, pattern=r'\S') | None,
        'username': Str(255, 1, pattern=r'\S') | None,
        'password': Secret(None) | None,
        'OS-KSADM:password': Secret(None) | None,
        'enabled': Bool | None,
        'tenantId': Str(64) | None,
    },
    extra='allow',
)
_BODY = Obj({'user': _USER}, required=['user'])
_ONE = '/v2.0/users/{user_id}'
USERS_V2 = Resource(
    'users',
    routes=[
        GET('/v2.0/users', list_users, policy=ADMINISTER, wrap=False, listing=False, query=PAGED),
        POST('/v2.0/users', create_user, policy=ADMINISTER, wrap=False, body=_BODY),
        GET(_ONE, show_user, policy=ADMINISTER, wrap=False),
        PUT(_ONE, update_user, policy=ADMINISTER, wrap=False, body=_BODY),
        DELETE(_ONE, delete_user, policy=ADMINISTER),
        PUT(f'{_ONE}/enabled', update_user, policy=ADMINISTER, wrap=False, body=_BODY, hidden=True),
        PUT(f'{_ONE}/OS-KSADM/enabled', update_user, policy=ADMINISTER, wrap=False, body=_BODY),
        PUT(f'{_ONE}/OS-KSADM/password', update_user, policy=ADMINISTER, wrap=False, body=_BODY),
        PUT(f'{_ONE}/OS-KSADM/tenant', update_user, policy=ADMINISTER, wrap=False, body=_BODY),
        GET(f'{_ONE}/roles', list_roles, policy=ADMINISTER, wrap=False, listing=False),
    ],
)
