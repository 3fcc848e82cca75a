"""Limits and quotas of projects."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, PUT, Call, Reply, Resource, Str
from common.api.types import Raw
from common.errors import Forbidden
from compute.api import answers
from compute.api.versions import minor

_FIXED = {
    'fixed_ips': -1, 'floating_ips': -1, 'injected_file_content_bytes': 10240, 'injected_file_path_bytes': 255, 'injected_files': 5,
    'security_group_rules': -1, 'security_groups': -1,
}  # fmt: skip


def show_limits(call: Call) -> Reply:
    """What the caller's project may have and has."""
    project = call.query.get('tenant_id') if call.ctx.is_admin and call.query.get('tenant_id') else call.ctx.project_id
    with call.service.db.read() as session:
        limit = call.service.quotas.limits(session, project)
        used = call.service.quotas.usage(session, project)
    absolute = {
        'maxTotalInstances': limit['instances'],
        'maxTotalCores': limit['cores'],
        'maxTotalRAMSize': limit['ram'],
        'maxTotalKeypairs': limit['key_pairs'],
        'maxServerMeta': limit['metadata_items'],
        'maxServerGroups': limit['server_groups'],
        'maxServerGroupMembers': limit['server_group_members'],
        'totalInstancesUsed': used['instances'],
        'totalCoresUsed': used['cores'],
        'totalRAMUsed': used['ram'],
        'totalServerGroupsUsed': 0,
    }
    if minor(call) < 57:
        absolute |= {'maxImageMeta': limit['metadata_items'], 'maxPersonality': 5, 'maxPersonalitySize': 10240}
    if minor(call) < 36:
        absolute |= {
            'maxSecurityGroups': -1,
            'maxSecurityGroupRules': -1,
            'maxTotalFloatingIps': -1,
            'totalFloatingIpsUsed': 0,
            'totalSecurityGroupsUsed': 0,
        }
    return Reply({'limits': {'rate': [], 'absolute': absolute}}, wrap=False)


def _shown(call: Call, values: dict[str, Any]) -> dict[str, Any]:
    if minor(call) >= 57:
        hidden: tuple[str, ...] = tuple(_FIXED)
    elif minor(call) >= 36:
        hidden = ('fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules')
    else:
        hidden = ()
    return {name: value for name, value in values.items() if name not in hidden}


def _may_see(call: Call) -> str:
    project = call.params['target']
    if project != call.ctx.project_id and not call.ctx.is_admin:
        raise Forbidden('You may see the quotas of your own project only.')
    return project


def show_quotas(call: Call) -> dict[str, Any]:
    """Limits of a project."""
    project = _may_see(call)
    with call.service.db.read() as session:
        limits = call.service.quotas.limits(session, project)
    return {'id': project, **_shown(call, {**_FIXED, **limits})}


def show_quota_detail(call: Call) -> dict[str, Any]:
    """Limits and use of a project."""
    project = _may_see(call)
    with call.service.db.read() as session:
        found = call.service.quotas.usages(session, project)
    values = {name: {'in_use': 0, 'limit': limit, 'reserved': 0} for name, limit in _FIXED.items()}
    values |= {name: {'in_use': used, 'limit': limit, 'reserved': 0} for name, (used, limit) in found.items()}
    return {'id': project, **_shown(call, values)}


def show_quota_defaults(call: Call) -> dict[str, Any]:
    """Limits of projects that have none of their own."""
    return {'id': call.params['target'], **_shown(call, {**_FIXED, **call.service.quotas.defaults})}


def update_quotas(call: Call) -> dict[str, Any]:
    """Change limits of a project."""
    project = call.params['target']
    known = call.service.quotas.defaults
    values = {name: int(value) for name, value in call.body.items() if name in known}
    force = str(call.body.get('force', '')).lower() in ('true', '1')
    with call.service.db.write() as session:
        call.service.quotas.set_limits(session, project, values, force=force)
        session.flush()
        limits = call.service.quotas.limits(session, project)
    return _shown(call, {**_FIXED, **limits})


def reset_quotas(call: Call) -> None:
    """Give a project the defaults again."""
    with call.service.db.write() as session:
        call.service.quotas.reset(session, call.params['target'])


_LIMIT = {'type': ['integer', 'string'], 'pattern': r'^-?[0-9]{1,10}$', 'minimum': -1, 'maximum': 2147483647}
_NAMES = ('instances', 'cores', 'ram', 'key_pairs', 'metadata_items', 'server_groups', 'server_group_members', *_FIXED)
_QUOTA_BODY = Raw(
    {
        'type': 'object',
        'properties': {**dict.fromkeys(_NAMES, _LIMIT), 'force': {'type': ['boolean', 'string']}, 'tenant_id': {'type': 'string'}},
        'additionalProperties': False,
    },
    'an object of limits',
)
_QUERY = {'user_id': Str(64)}
_QUOTA = '/v2.1/{project}/os-quota-sets/{target}'
QUOTAS = Resource(
    'quota_sets',
    'quota_set',
    view=answers.QUOTA,
    routes=[
        GET(_QUOTA, show_quotas, policy='compute:quotas:show', query=_QUERY),
        GET(f'{_QUOTA}/detail', show_quota_detail, policy='compute:quotas:show', listing=False, query=_QUERY),
        GET(f'{_QUOTA}/defaults', show_quota_defaults, policy='compute:quotas:show', listing=False),
        PUT(_QUOTA, update_quotas, policy='compute:quotas:update', body=_QUOTA_BODY, query=_QUERY),
        DELETE(_QUOTA, reset_quotas, policy='compute:quotas:update', ok=202, query=_QUERY),
    ],
)
LIMITS = Resource(
    'limits',
    routes=[
        GET(
            '/v2.1/{project}/limits',
            show_limits,
            policy='compute:limits:show',
            listing=False,
            query={'reserved': Str(8), 'tenant_id': Str(64)},
            response=answers.LIMITS,
        ),
    ],
)
RESOURCES = [QUOTAS, LIMITS]
