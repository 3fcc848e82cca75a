"""Limits of single projects and domains."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import List, Obj, Str
from common.errors import NotFound
from common.policy import Rule
from identity import limits
from identity.api import access
from identity.api.registered_limits import AMOUNT, FILTERS, PLACE
from identity.api.views import self_link
from identity.db.limits import FoundLimit

_OWN = 'project_id:%(owner_id)s or domain_id:%(owner_id)s or domain_id:%(domain_id)s'
LIST = Rule('identity:limits:list', '@', 'List limits: all as an administrator or auditor, the own ones otherwise')
LIST_ALL = Rule('identity:limits:list_all', access.ADMIN_OR_SYSTEM_READER, 'List the limits of all projects')
SHOW = Rule('identity:limits:show', f'{access.ADMIN_OR_SYSTEM_READER} or {_OWN}', 'Show a limit')
SEE_MODEL = Rule('identity:limits:model', '@', 'See how limits work')
CHANGE = access.admin_rule('identity:limits:update', 'Make, change and delete limits')

_NEW = Obj(
    {**PLACE, 'resource_limit': AMOUNT, 'project_id': Str(64) | None, 'domain_id': Str(64) | None},
    required=['service_id', 'resource_name', 'resource_limit'],
    extra='refuse',
)


def limit_view(call: Call, found: FoundLimit) -> dict[str, Any]:
    """A limit as the API shows it."""
    limit, registered, owner = found
    return {
        'id': limit.id,
        'project_id': None if owner.is_domain else owner.id,
        'domain_id': owner.id if owner.is_domain else None,
        'service_id': registered.service_id,
        'region_id': registered.region_id,
        'resource_name': registered.resource_name,
        'resource_limit': limit.resource_limit,
        'description': limit.description,
        'links': self_link(call, f'limits/{limit.id}'),
    }


def list_limits(call: Call) -> Reply:
    """Limits that fit the filters: all of them, those of the caller's domain, or those of the caller's project."""
    if call.allowed(LIST_ALL.name, access.target(call)):
        found = limits.list_limits(call.service, call.filters)
    elif call.ctx.domain_id:
        found = limits.list_limits(call.service, call.filters, of_domain=call.ctx.domain_id)
    else:
        found = limits.list_limits(call.service, call.filters, owners=[call.ctx.project_id] if call.ctx.project_id else [])
    page = call.paging(())
    start = next((i + 1 for i, one in enumerate(found) if one.limit.id == page.marker), 0) if page.marker else 0
    end = len(found) if not page.limit else start + page.limit
    return call.paged([limit_view(call, one) for one in found[start:end]], page, more=end < len(found))


def create_limits(call: Call) -> Reply:
    """Make limits, all or none."""
    return Reply({'limits': [limit_view(call, one) for one in limits.create(call.service, call.body['limits'])]}, wrap=False)


def show_limit(call: Call) -> dict[str, Any]:
    """One limit."""
    try:
        found = limits.get(call.service, call.params['limit_id'])
    except NotFound as error:
        raise access.unseen(call, LIST_ALL.name, error) from error
    access.authorize(call, SHOW.name, owner_id=found.owner.id, domain_id=found.owner.domain_id)
    return limit_view(call, found)


def update_limit(call: Call) -> dict[str, Any]:
    """Change a limit."""
    return limit_view(call, limits.update(call.service, call.params['limit_id'], call.body))


def delete_limit(call: Call) -> None:
    """Remove a limit."""
    limits.delete(call.service, call.params['limit_id'])


def show_model(call: Call) -> dict[str, Any]:
    """How limits work here."""
    return limits.MODEL


LIMITS = Resource(
    'limits',
    'limit',
    rules=[LIST_ALL, SHOW],
    filters=[*FILTERS, 'project_id', 'domain_id'],
    routes=[
        GET('/v3/limits/model', show_model, policy=SEE_MODEL, listing=False, member='model'),
        GET('/v3/limits', list_limits, policy=LIST),
        POST(
            '/v3/limits', create_limits, policy=CHANGE, ok=201, wrap=False, body=Obj({'limits': List(_NEW, max=1000)}, required=['limits'])
        ),
        GET('/v3/limits/{limit_id}', show_limit, policy=LIST),
        PATCH(
            '/v3/limits/{limit_id}',
            update_limit,
            policy=CHANGE,
            body=Obj({'resource_limit': AMOUNT, 'description': Str(65535) | None}, extra='refuse'),
        ),
        DELETE('/v3/limits/{limit_id}', delete_limit, policy=CHANGE),
    ],
)
