"""Quotas: limits of a project."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, PUT, Bool, Call, Id, Int, Obj, Reply, Resource
from common.policy import ADMIN, READER, Rule
from network import quotas

SHOW = 'network:quotas:show'
RULES = [
    Rule('network:quotas:list', ADMIN, 'List the projects with limits of their own'),
    Rule(SHOW, READER, 'Show the limits of a project'),
    Rule('network:quotas:update', ADMIN, 'Change the limits of a project'),
]


def _project(call: Call) -> str:
    target = call.params['target']
    call.authorize(SHOW, {'project_id': target})
    return target


def list_quotas(call: Call) -> Reply:
    """The projects with limits of their own."""
    found = call.service.read(call.ctx, quotas.every)
    shown = [{**limits, 'project_id': project, 'tenant_id': project} for project, limits in found.items()]
    wanted = [*call.filters.get('project_id', ()), *call.filters.get('tenant_id', ())]
    return Reply([entry for entry in shown if not wanted or entry['project_id'] in wanted])


def show_quota(call: Call) -> dict[str, Any]:
    """The limits of a project."""
    project = _project(call)
    return call.service.read(call.ctx, lambda work: work.service.quotas.limits(work.session, project))


def show_default(call: Call) -> dict[str, Any]:
    """The limits of projects that have none of their own."""
    _project(call)
    return dict(call.service.quotas.defaults)


def show_details(call: Call) -> dict[str, Any]:
    """Limits and what is used of them."""
    project = _project(call)
    return call.service.read(call.ctx, lambda work: quotas.details(work, project))


def update_quota(call: Call) -> dict[str, Any]:
    """Change limits of a project."""
    project, limits = call.params['target'], dict(call.body)
    check = bool(limits.pop('check_limit', False)) and not limits.pop('force', False)
    limits = {name: value for name, value in limits.items() if name not in ('force', 'project_id', 'tenant_id') and value is not None}

    def change(work: Any) -> dict[str, int]:
        work.service.quotas.set_limits(work.session, project, limits, force=not check)
        return dict(work.service.quotas.limits(work.session, project))

    return call.service.write(call.ctx, change)


def reset_quota(call: Call) -> None:
    """Give a project the defaults again."""
    call.service.write(call.ctx, lambda work: work.service.quotas.reset(work.session, call.params['target']))


_BODY = Obj(
    {
        **{name: Int(min=-1) | None for name in quotas.TABLES},
        'check_limit': Bool | None,
        'force': Bool | None,
        'project_id': Id,
        'tenant_id': Id,
    }
)
_PATH = '/v2.0/quotas/{target}'
QUOTAS = Resource(
    'quotas',
    'quota',
    rules=RULES,
    filters=['project_id', 'tenant_id'],
    routes=[
        GET('/v2.0/quotas', list_quotas, policy='network:quotas:list', paging=False),
        GET(_PATH, show_quota),
        GET(f'{_PATH}/default', show_default, listing=False),
        GET(f'{_PATH}/details', show_details, listing=False),
        PUT(_PATH, update_quota, policy='network:quotas:update', body=_BODY),
        DELETE(_PATH, reset_quota, policy='network:quotas:update'),
    ],
)
