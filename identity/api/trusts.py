"""Trusts (OS-TRUST)."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, HEAD, POST, Resource
from common.api.types import Bool, DateTime, Int, List, Obj, Str
from common.errors import NotFound
from common.policy import Rule
from identity import trusts
from identity.api import access
from identity.api.roles import role_view
from identity.api.views import paged, self_link
from identity.db.models import Role
from identity.db.trust_models import Trust

_TRUSTOR, _TRUSTEE = 'user_id:%(trustor_user_id)s', 'user_id:%(trustee_user_id)s'
_PARTIES = f'{access.ADMIN_OR_SYSTEM_READER} or {_TRUSTOR} or {_TRUSTEE}'
LIST = Rule('identity:trusts:list', _PARTIES, 'List trusts: all of them, or those of one trustor or trustee')
SHOW = Rule('identity:trusts:show', _PARTIES, 'See a trust and its roles')
CREATE = Rule('identity:trusts:create', _TRUSTOR, 'Make a trust, as its trustor')
DELETE_ = Rule('identity:trusts:delete', f'{access.CLOUD_ADMIN} or {_TRUSTOR}', 'End a trust')
_ROLE = Obj({'id': Str(64, 1), 'name': Str(255, 1), 'domain': Obj, 'domain_id': Str(64) | None}, extra='allow')
_ROLE_VIEW = Obj({'id': Str, 'name': Str}, required=['id', 'name'], extra='allow')


def trust_view(call: Call, trust: Trust, roles: list[Role] | None = None) -> dict[str, Any]:
    """A trust as the API shows it; with its roles, where they are given."""
    path = f'OS-TRUST/trusts/{trust.id}'
    shown: dict[str, Any] = {
        'id': trust.id,
        'trustor_user_id': trust.trustor_user_id,
        'trustee_user_id': trust.trustee_user_id,
        'project_id': trust.project_id,
        'impersonation': trust.impersonation,
        'expires_at': clock.iso(trust.expires_at, micro=True),
        'deleted_at': clock.iso(trust.deleted_at, micro=True),
        'remaining_uses': trust.remaining_uses,
        'redelegation_count': trust.redelegation_count,
        'redelegated_trust_id': trust.redelegated_trust_id,
        'links': self_link(call, path),
    }
    if roles is not None:
        shown['roles'] = [role_view(call, role) for role in roles]
        shown['roles_links'] = {**self_link(call, f'{path}/roles'), 'next': None, 'previous': None}
    return shown


def _parties(trust: Trust) -> dict[str, str]:
    return {'trustor_user_id': trust.trustor_user_id, 'trustee_user_id': trust.trustee_user_id}


def _load(call: Call, rule: Rule) -> Trust:
    """The trust of the path. Strangers get the same 403 whether there is one."""
    trust_id = call.params['trust_id']
    try:
        trust = trusts.get(call.service, trust_id)
    except NotFound as error:
        raise access.unseen(call, rule.name, error) from None
    access.authorize(call, rule.name, **_parties(trust))
    if trusts.is_over(trust):
        raise NotFound('trust', trust_id)
    return trust


def list_trusts(call: Call) -> Reply:
    """Trusts in force that fit the filters; all of them only for who may see them."""
    given = {name: value for name, value in call.filters.items() if value is not None}
    for name, value in given.items():
        access.authorize(call, LIST.name, **{name: value})
    if not given:
        access.authorize(call, LIST.name)
    return paged(call, trusts.list_all(call.service, given), lambda trust: trust_view(call, trust))


def create_trust(call: Call) -> dict[str, Any]:
    """Make a trust of the caller's own roles."""
    access.authorize(call, CREATE.name, trustor_user_id=call.body['trustor_user_id'])
    trust = trusts.create(call.service, call.ctx, call.body)
    return trust_view(call, trust, trusts.roles_of(call.service, trust))


def show_trust(call: Call) -> dict[str, Any]:
    """One trust, with its roles."""
    trust = _load(call, SHOW)
    return trust_view(call, trust, trusts.roles_of(call.service, trust))


def delete_trust(call: Call) -> None:
    """End a trust; its tokens become void."""
    trusts.delete(call.service, call.ctx, _load(call, DELETE_).id)


def list_roles(call: Call) -> Reply:
    """The roles that a trust passes on."""
    return paged(call, trusts.roles_of(call.service, _load(call, SHOW)), lambda role: role_view(call, role))


def show_role(call: Call) -> dict[str, Any]:
    """One of the roles that a trust passes on."""
    return role_view(call, _role(call))


def check_role(call: Call) -> None:
    """Whether a trust passes a role on."""
    _role(call)


def _role(call: Call) -> Role:
    for role in trusts.roles_of(call.service, _load(call, SHOW)):
        if role.id == call.params['role_id']:
            return role
    raise NotFound('role', call.params['role_id'])


_ALL = '/v3/OS-TRUST/trusts'
_ONE = f'{_ALL}/{{trust_id}}'
_ONE_ROLE = f'{_ONE}/roles/{{role_id}}'

TRUSTS = Resource(
    'trusts',
    'trust',
    rules=[LIST, SHOW, CREATE, DELETE_],
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('trustor_user_id', Str(64, 1), REQUIRED),
        Field('trustee_user_id', Str(64, 1), REQUIRED),
        Field('project_id', Str(64) | None),
        Field('impersonation', Bool(strict=True), REQUIRED),
        Field('expires_at', DateTime | None),
        Field('remaining_uses', Int(1, 2**31 - 1, strict=True) | None),
        Field('allow_redelegation', Bool | None),
        Field('redelegation_count', Int(0, 2**31 - 1, strict=True) | None),
        Field('redelegated_trust_id', Str(64) | None),
        Field('roles', List(_ROLE, max=100) | None),
    ],
    filters=[Filter('trustor_user_id', Str), Filter('trustee_user_id', Str)],
    routes=[
        GET(_ALL, list_trusts),
        POST(_ALL, create_trust, ok=201),
        GET(_ONE, show_trust),
        DELETE(_ONE, delete_trust),
        GET(f'{_ONE}/roles', list_roles, collection='roles', response=Obj({'roles': List(_ROLE_VIEW)}, extra='allow')),
        GET(_ONE_ROLE, show_role, member='role', response=Obj({'role': _ROLE_VIEW})),
        HEAD(_ONE_ROLE, check_role, body=None),
    ],
)
