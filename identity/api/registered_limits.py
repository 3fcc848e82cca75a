"""Registered limits: how much of a resource each project may have unless it has a limit of its own."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import Filter
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Int, List, Obj, Str
from common.policy import Rule
from identity import limits
from identity.api import access
from identity.api.views import paged, self_link
from identity.db.filter_models import RegisteredLimit

SEE = Rule('identity:registered_limits:show', '@', 'See registered limits')
CHANGE = access.admin_rule('identity:registered_limits:update', 'Make, change and delete registered limits')

AMOUNT = Int(-1, 2**31 - 1, strict=True)
"""How much: -1 is without limit."""
PLACE = {
    'service_id': Str(64, 1),
    'region_id': Str(255) | None,
    'resource_name': Str(255, 1, pattern=r'\S'),
    'description': Str(65535) | None,
}
FILTERS: list[str | Filter] = ['service_id', Filter('region_id', Str(255)), Filter('resource_name', Str(255))]
_NEW = Obj({**PLACE, 'default_limit': AMOUNT}, required=['service_id', 'resource_name', 'default_limit'], extra='refuse')
_CHANGED = Obj({**PLACE, 'default_limit': AMOUNT}, extra='refuse')


def registered_limit_view(call: Call, record: RegisteredLimit) -> dict[str, Any]:
    """A registered limit as the API shows it."""
    return {
        'id': record.id,
        'service_id': record.service_id,
        'region_id': record.region_id,
        'resource_name': record.resource_name,
        'default_limit': record.default_limit,
        'description': record.description,
        'links': self_link(call, f'registered_limits/{record.id}'),
    }


def list_registered(call: Call) -> Reply:
    """Registered limits that fit the filters."""
    return paged(call, limits.list_registered(call.service, call.filters), lambda record: registered_limit_view(call, record))


def register(call: Call) -> Reply:
    """Make registered limits, all or none."""
    made = limits.register(call.service, call.body['registered_limits'])
    return Reply({'registered_limits': [registered_limit_view(call, record) for record in made]}, wrap=False)


def show_registered(call: Call) -> dict[str, Any]:
    """One registered limit."""
    return registered_limit_view(call, limits.get_registered(call.service, call.params['registered_limit_id']))


def update_registered(call: Call) -> dict[str, Any]:
    """Change a registered limit."""
    return registered_limit_view(call, limits.update_registered(call.service, call.params['registered_limit_id'], call.body))


def delete_registered(call: Call) -> None:
    """Remove a registered limit."""
    limits.delete_registered(call.service, call.params['registered_limit_id'])


_ONE = '/v3/registered_limits/{registered_limit_id}'
REGISTERED_LIMITS = Resource(
    'registered_limits',
    'registered_limit',
    filters=FILTERS,
    routes=[
        GET('/v3/registered_limits', list_registered, policy=SEE),
        POST(
            '/v3/registered_limits',
            register,
            policy=CHANGE,
            ok=201,
            wrap=False,
            body=Obj({'registered_limits': List(_NEW, max=1000)}, required=['registered_limits']),
        ),
        GET(_ONE, show_registered, policy=SEE),
        PATCH(_ONE, update_registered, policy=CHANGE, body=_CHANGED),
        DELETE(_ONE, delete_registered, policy=CHANGE),
    ],
)
