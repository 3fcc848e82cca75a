"""Quota sets: limits of a project."""

from __future__ import annotations

import re
from typing import Any

from common.api import DELETE, GET, PUT, Call, Reply, Resource, Str
from common.api.types import Raw
from common.errors import Forbidden, InvalidInput
from common.policy import ADMIN, READER, Rule
from volume import quotas
from volume.api import answers

RULES = [Rule('volume:quotas:show', READER, 'Show limits'), Rule('volume:quotas:update', ADMIN, 'Change limits')]
_NUMBER = re.compile(r'-?[0-9]{1,10}\Z')


def _own(call: Call) -> str:
    target = call.params['target']
    if target != call.ctx.project_id and not call.ctx.is_admin:
        raise Forbidden('You may see the quotas of your own project only.')
    return target


def _with_types(call: Call, values: dict[str, Any], unlimited: Any) -> dict[str, Any]:
    """Clients expect a limit for each volume type too; there are none, so each is unlimited."""
    from volume.db import volumes as queries

    with call.service.db.read() as session:
        names = sorted(queries.type_names(session).values())
    return {**values, **{f'{word}_{name}': unlimited for name in names for word in ('volumes', 'gigabytes', 'snapshots')}}


def show_quotas(call: Call) -> dict[str, Any]:
    """Limits, with use if asked for."""
    project = _own(call)
    found = quotas.show(call.service, project)
    if str(call.query.get('usage', '')).lower() == 'true':
        return {'id': project, **_with_types(call, found, {'limit': -1, 'in_use': 0, 'reserved': 0})}
    return {'id': project, **_with_types(call, {name: value['limit'] for name, value in found.items()}, -1)}


def show_defaults(call: Call) -> dict[str, Any]:
    """Limits of projects that have none of their own."""
    return {'id': call.params['target'], **_with_types(call, quotas.defaults(call.service.options), -1)}


def update_quotas(call: Call) -> Reply:
    """Change limits."""
    values = {
        name: _limit(name, value) for name, value in call.body.items() if name not in ('tenant_id', 'id', 'force') and not _of_type(name)
    }
    return Reply(_with_types(call, quotas.set_limits(call.service, call.params['target'], values), -1))


def _limit(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.match(text) or int(text) >= 2**31:
        raise InvalidInput('A limit is a whole number from -1 (no limit) to 2147483647.', field=name[:64])
    return int(text)


def _of_type(name: str) -> bool:
    return name.split('_')[0] in ('volumes', 'gigabytes', 'snapshots') and '_' in name


def reset_quotas(call: Call) -> None:
    """Give the project the defaults again."""
    quotas.reset(call.service, call.params['target'])


_BODY = Raw(
    {'type': 'object', 'additionalProperties': {'type': ['integer', 'string', 'boolean'], 'maxLength': 255, 'minimum': -1}},
    'an object of limits',
)
_ID = '/v3/{project}/os-quota-sets/{target}'
QUOTAS = Resource(
    'quota_sets',
    'quota_set',
    view=answers.QUOTA,
    rules=RULES,
    routes=[
        GET(_ID, show_quotas, policy='volume:quotas:show', query={'usage': Str(8)}),
        GET(f'{_ID}/defaults', show_defaults, policy='volume:quotas:show', listing=False),
        PUT(_ID, update_quotas, policy='volume:quotas:update', body=_BODY),
        DELETE(_ID, reset_quotas, policy='volume:quotas:update', ok=200),
    ],
)
