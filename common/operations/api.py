"""`GET /pileus/events`: the timeline of a service over REST, the same resource in every service.

    RESOURCES = [..., events_resource('network')]

The handler uses `call.service.db`, and the tables given or those of `call.service.ops`. A caller sees the events of its own project; an administrator sees all, with hosts and details.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.api.resource import GET, Resource
from common.errors import InvalidInput
from common.operations.timeline import Timeline, for_reader
from common.policy import READER, Rule

if TYPE_CHECKING:
    from common.api.call import Call
    from common.operations.tables import OperationTables

LIMIT = 5000
_QUERY = {
    'type': 'object',
    'properties': {
        'request': {'type': 'string', 'maxLength': 64},
        'resource': {'type': 'string', 'maxLength': 64},
        'limit': {'type': ['integer', 'string'], 'pattern': '^[0-9]{1,5}$'},
    },
    'additionalProperties': False,
}


def events_resource(service: str, tables: OperationTables | None = None) -> Resource:
    """The resource for a service of this name. `tables`: what `operation_tables` returned, for services without operations."""
    rule = Rule(f'{service}:events:list', READER, 'List what happened to the things of the project')

    def list_events(call: Call) -> dict[str, Any]:
        query: dict[str, Any] = call.query
        if not query.get('request') and not query.get('resource'):
            raise InvalidInput('Say which events: request=ID (own or global request id) or resource=ID.', field='request')
        limit = min(int(query.get('limit') or 1000), LIMIT)
        everything = call.ctx.is_admin
        timeline = Timeline(service, tables or call.service.ops.store.tables)
        with call.service.db.read() as session:
            found = timeline.of(
                session,
                request=query.get('request'),
                resource=query.get('resource'),
                project=None if everything else str(call.ctx.project_id),
                limit=limit,
            )
        return {'events': for_reader(found, admin=everything)}

    return Resource(
        'events',
        'event',
        rules=[rule],
        routes=[GET('/pileus/events', list_events, policy=rule, query=_QUERY, wrap=False, paging=False, hidden=True)],
    )
