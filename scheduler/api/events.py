"""`GET /pileus/events`: decisions, as events of the timeline. Of the same form as other services' (`common/operations/timeline.py`)."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api.call import Call
from common.api.resource import GET, Resource
from common.errors import InvalidInput
from common.policy import READER, Rule
from scheduler.db import rows

RULE = Rule('scheduler:events:list', READER, 'List decisions for the things of the project')
_QUERY = {
    'type': 'object',
    'properties': {
        'request': {'type': 'string', 'maxLength': 64},
        'resource': {'type': 'string', 'maxLength': 64},
        'limit': {'type': ['integer', 'string'], 'pattern': '^[0-9]{1,5}$'},
    },
    'additionalProperties': False,
}


def list_events(call: Call) -> dict[str, Any]:
    """Decisions within a request or for a server or volume; hosts and numbers per host for administrators only."""
    query: dict[str, Any] = call.query
    if not query.get('request') and not query.get('resource'):
        raise InvalidInput('Say which events: request=ID (own or global request id) or resource=ID.', field='request')
    admin = call.ctx.is_admin
    with call.service.db.read() as session:
        found = rows.decisions_of(session, query.get('resource'), query.get('request'), int(query.get('limit') or 1000))
    return {'events': [_event(row, admin) for row in reversed(found) if admin or row.project == call.ctx.project_id]}


def _event(row: Any, admin: bool) -> dict[str, Any]:
    event = {
        'type': 'decision',
        'service': 'scheduler',
        'at': clock.iso(row.at, micro=True),
        'global_request_id': row.global_request_id,
        'request_id': row.request_id,
        'user': None,
        'project': row.project,
        'kind': f'{row.kind}.claim',
        'resource_type': row.kind,
        'resource_id': row.consumer,
        'step': 'choose_host',
        'direction': 'do',
        'event': 'done' if row.host else 'refused',
        'duration': row.duration,
        'message': row.message if admin or not row.host else None,
    }
    return {**event, 'host': row.host, 'explanation': row.explanation} if admin else event


EVENTS = Resource(
    'events',
    'event',
    rules=[RULE],
    routes=[GET('/pileus/events', list_events, policy=RULE, query=_QUERY, wrap=False, paging=False, hidden=True)],
)
