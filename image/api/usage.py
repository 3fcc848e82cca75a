"""What the caller's project uses, and what it may."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Resource
from common.api.answers import answer
from common.errors import Forbidden
from common.policy import READER, Rule
from image import quotas

SEE = Rule('image:usage:show', READER, 'See how much of its limits the own project uses')


def show_usage(call: Call) -> dict[str, Any]:
    """Limit and use of each resource; sizes in MiB, -1 is without limit."""
    if call.ctx.project_id is None:
        raise Forbidden('Usage is that of a project: sign in to one.')
    return {'usage': quotas.usage(call.service, call.ctx.project_id)}


_AMOUNTS = {'limit': int, 'usage': int}
USAGE = Resource(
    'usage',
    rules=[SEE],
    routes=[
        GET('/v2/info/usage', show_usage, policy=SEE, listing=False, response=answer({'usage': dict.fromkeys(quotas.RESOURCES, _AMOUNTS)}))
    ],
)
