"""Messages: why volumes and snapshots failed, for users. In every version of the API: some clients ask for none."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import DELETE, GET, Call, Reply, Resource, Str
from common.errors import InvalidInput
from common.policy import MEMBER, READER, Rule
from volume import messages
from volume.api import answers
from volume.messages import Message

RULES = [
    Rule('volume:messages:list', READER, 'List messages about what failed'),
    Rule('volume:messages:show', READER, 'Show a message'),
    Rule('volume:messages:delete', MEMBER, 'Delete a message'),
]
_FILTERS = ('resource_uuid', 'resource_type', 'event_id', 'request_id', 'message_level')
_QUERY = {name: Str(255) for name in (*_FILTERS, 'limit', 'offset', 'marker', 'sort')}


def view(call: Call, message: Message) -> dict[str, Any]:
    """A message as clients see it."""
    return {
        'id': message.id,
        'event_id': f'{message.kind}_{message.action.upper()}_FAILED',
        'resource_type': message.kind,
        'resource_uuid': message.resource_id,
        'message_level': 'ERROR',
        'user_message': message.text,
        'request_id': message.request_id,
        'created_at': clock.iso(message.at, micro=True, zulu=False),
        'guaranteed_until': clock.iso(message.at + messages.KEPT, micro=True, zulu=False),
        'links': [{'rel': 'self', 'href': call.url(f'/v3/{call.ctx.project_id}/messages/{message.id}')}],
    }


def list_messages(call: Call) -> Reply:
    """What failed, newest first."""
    shown = [view(call, message) for message in messages.list_messages(call.service, call.ctx)]
    shown = [one for one in shown if all(one[name] == call.query[name] for name in _FILTERS if call.query.get(name))]
    marker = call.query.get('marker')
    if marker:
        places = [place for place, one in enumerate(shown) if one['id'] == marker]
        if not places:
            raise InvalidInput(f'The marker {marker[:64]} is not a message that you can see.', field='marker')
        shown = shown[places[0] + 1 :]
    first = _number(call, 'offset') or 0
    limit = _number(call, 'limit')
    return Reply({'messages': shown[first:][:limit] if limit is not None else shown[first:]}, wrap=False)


def _number(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if text and not text.isdecimal():
        raise InvalidInput(f'{name} is a whole number, not {text[:40]!r}.', field=name)
    return int(text) if text else None


def show_message(call: Call) -> dict[str, Any]:
    """One of them."""
    return view(call, messages.find(call.service, call.ctx, call.params['id']))


def delete_message(call: Call) -> None:
    """Forget it."""
    messages.delete(call.service, call.ctx, call.params['id'])


MESSAGES = Resource(
    'messages',
    'message',
    view=answers.MESSAGE,
    rules=RULES,
    routes=[
        GET('/v3/{project}/messages', list_messages, policy='volume:messages:list', query=_QUERY, listing=False,
            response=answers.MESSAGES),
        GET('/v3/{project}/messages/{id}', show_message, policy='volume:messages:show'),
        DELETE('/v3/{project}/messages/{id}', delete_message, policy='volume:messages:delete'),
    ],
)  # fmt: skip
