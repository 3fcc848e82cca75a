"""Roles, and which of them imply others."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field
from common.api.resource import DELETE, GET, HEAD, PATCH, POST, PUT, Resource
from common.api.types import Obj, Str
from common.policy import Rule
from identity import roles
from identity.api import access
from identity.api.views import paged, self_link, text_filters, with_extra
from identity.db.models import NO_DOMAIN, Role

LIST = Rule('identity:roles:list', f'{access.ADMIN_OR_SYSTEM_READER} or role:manager', 'List roles')
SHOW = Rule('identity:roles:show', f'{access.ADMIN_OR_SYSTEM_READER} or role:manager', 'Show a role')
CREATE = access.admin_rule('identity:roles:create', 'Create a role')
UPDATE = access.admin_rule('identity:roles:update', 'Change a role')
DELETE_ = access.admin_rule('identity:roles:delete', 'Delete a role')
SEE_IMPLIED = access.reader_rule('identity:roles:see_implied', 'See which roles imply others')
IMPLY = access.admin_rule('identity:roles:imply', 'Let a role imply another')
_KNOWN = ('name', 'domain_id', 'description', 'options')


def role_view(call: Call, role: Role) -> dict[str, Any]:
    """A role as the API shows it."""
    return {
        **role.extra,
        'id': role.id,
        'name': role.name,
        'domain_id': role.domain_id or None,
        'description': role.description,
        'options': role.options,
        'links': self_link(call, f'roles/{role.id}'),
    }


def list_roles(call: Call) -> Reply:
    """Roles of no domain, or of the domain that the request names."""
    wanted = {**call.filters, 'domain_id': call.filters.get('domain_id') or NO_DOMAIN}
    return paged(call, roles.list_all(call.service, wanted), lambda role: role_view(call, role))


def create_role(call: Call) -> dict[str, Any]:
    """Make a role."""
    return role_view(call, roles.create(call.service, with_extra(call.body, _KNOWN)))


def show_role(call: Call) -> dict[str, Any]:
    """One role."""
    return role_view(call, roles.get(call.service, call.params['role_id']))


def update_role(call: Call) -> dict[str, Any]:
    """Change a role."""
    return role_view(call, roles.update(call.service, call.params['role_id'], with_extra(call.body, _KNOWN)))


def delete_role(call: Call) -> None:
    """Remove a role."""
    roles.delete(call.service, call.params['role_id'])


def _short(call: Call, role: Role) -> dict[str, Any]:
    return {'id': role.id, 'name': role.name, 'links': self_link(call, f'roles/{role.id}')}


def _inference(call: Call, prior: Role, implied: Any, path: str) -> Reply:
    shown = [_short(call, role) for role in implied] if isinstance(implied, list) else _short(call, implied)
    return Reply({'role_inference': {'prior_role': _short(call, prior), 'implies': shown}, 'links': self_link(call, path)}, wrap=False)


def list_implied(call: Call) -> Reply:
    """The roles that a role implies directly."""
    prior, implied = roles.implications(call.service, call.params['prior_role_id'])
    return _inference(call, prior, implied, f'roles/{prior.id}/implies')


def show_implied(call: Call) -> Reply:
    """One rule."""
    prior, implied = roles.implication(call.service, call.params['prior_role_id'], call.params['implied_role_id'])
    return _inference(call, prior, implied, f'roles/{prior.id}/implies/{implied.id}')


def check_implied(call: Call) -> None:
    """Whether there is such a rule."""
    roles.implication(call.service, call.params['prior_role_id'], call.params['implied_role_id'])


def imply(call: Call) -> Reply:
    """Let one role imply another."""
    prior, implied = roles.imply(call.service, call.params['prior_role_id'], call.params['implied_role_id'])
    return _inference(call, prior, implied, f'roles/{prior.id}/implies/{implied.id}')


def stop_implying(call: Call) -> None:
    """Take a rule back."""
    roles.stop_implying(call.service, call.params['prior_role_id'], call.params['implied_role_id'])


def list_inferences(call: Call) -> Reply:
    """All rules."""
    shown = [
        {'prior_role': _short(call, prior), 'implies': [_short(call, role) for role in implied]}
        for prior, implied in roles.all_implications(call.service)
    ]
    return Reply({'role_inferences': shown, 'links': self_link(call, 'role_inferences')}, wrap=False)


_RULE = '/v3/roles/{prior_role_id}/implies/{implied_role_id}'
ROLES = Resource(
    'roles',
    'role',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('name', Str(255, 1, pattern=r'\S'), REQUIRED),
        Field('domain_id', Str(64) | None),
        Field('description', Str(65535) | None),
        Field('options', Obj),
    ],
    filters=[*text_filters('name'), 'domain_id'],
    routes=[
        GET('/v3/roles', list_roles, policy=LIST),
        POST('/v3/roles', create_role, policy=CREATE, ok=201),
        GET('/v3/roles/{role_id}', show_role, policy=SHOW),
        PATCH('/v3/roles/{role_id}', update_role, policy=UPDATE),
        DELETE('/v3/roles/{role_id}', delete_role, policy=DELETE_),
        GET('/v3/roles/{prior_role_id}/implies', list_implied, policy=SEE_IMPLIED, wrap=False, listing=False),
        GET(_RULE, show_implied, policy=SEE_IMPLIED, wrap=False),
        HEAD(_RULE, check_implied, policy=SEE_IMPLIED, ok=204, body=None),
        PUT(_RULE, imply, policy=IMPLY, ok=201, body=None, wrap=False),
        DELETE(_RULE, stop_implying, policy=IMPLY),
        GET('/v3/role_inferences', list_inferences, policy=SEE_IMPLIED, wrap=False, listing=False),
    ],
)
