"""Access rules of a user: what application credentials may be narrowed to."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, Field, Filter
from common.api.resource import DELETE, GET, Resource
from common.api.types import Str
from common.policy import Rule
from identity import access_rules
from identity.access_rules import AccessRuleRecord
from identity.api import access
from identity.api.application_credentials import rule_view
from identity.api.views import paged, self_link

SEE = Rule('identity:access_rules:show', f'{access.ADMIN_OR_SYSTEM_READER} or {access.SELF}', 'See the access rules of a user')
DELETE_ = Rule('identity:access_rules:delete', f'{access.CLOUD_ADMIN} or {access.SELF}', 'Delete an access rule')


def access_rule_view(call: Call, rule: AccessRuleRecord) -> dict[str, Any]:
    """An access rule as the API shows it."""
    return {**rule_view(rule), 'links': self_link(call, f'users/{rule.user_id}/access_rules/{rule.id}')}


def list_rules(call: Call) -> Reply:
    """The access rules of a user that fit the filters."""
    found = access_rules.list_all(call.service, access.user_in_path(call, SEE), call.filters)
    return paged(call, found, lambda rule: access_rule_view(call, rule))


def show_rule(call: Call) -> dict[str, Any]:
    """One access rule."""
    return access_rule_view(call, access_rules.get(call.service, access.user_in_path(call, SEE), call.params['access_rule_id']))


def delete_rule(call: Call) -> None:
    """Forget an access rule that no application credential uses."""
    user_id = access.user_in_path(call, DELETE_)
    access.refuse_delegated(call)
    access_rules.delete(call.service, user_id, call.params['access_rule_id'])


_ALL = '/v3/users/{user_id}/access_rules'
_ONE = f'{_ALL}/{{access_rule_id}}'

ACCESS_RULES = Resource(
    'access_rules',
    'access_rule',
    rules=[SEE, DELETE_],
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('service', Str(255), READ_ONLY),
        Field('method', Str(16), READ_ONLY),
        Field('path', Str(255), READ_ONLY),
    ],
    filters=[Filter('service', Str), Filter('method', Str), Filter('path', Str)],
    routes=[
        GET(_ALL, list_rules, policy=SEE),
        GET(_ONE, show_rule, policy=SEE),
        DELETE(_ONE, delete_rule, policy=DELETE_),
    ],
)
