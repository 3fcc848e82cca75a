"""Attachments, from version 3.27 on."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import ACTIONS, DELETE, GET, POST, PUT, Action, Call, Enum, Obj, Reply, Resource, Str, Uuid
from common.api.types import Raw
from common.policy import MEMBER, READER, Rule
from volume import attachments
from volume.api import answers
from volume.db.models import Attachment

RULES = [
    Rule('volume:attachments:list', READER, 'List attachments'),
    Rule('volume:attachments:create', MEMBER, 'Reserve a volume for a server'),
    Rule('volume:attachments:update', MEMBER, 'Connect a volume'),
    Rule('volume:attachments:complete', MEMBER, 'Say that a server uses a volume'),
    Rule('volume:attachments:delete', MEMBER, 'End the use of a volume'),
    # What opens a volume over the network: for the services that attach it, not for users.
    Rule('volume:attachments:show_connection', 'role:service or role:admin', 'See how to reach a volume, with its credentials'),
]


def view(call: Call, found: Attachment) -> dict[str, Any]:
    """An attachment as clients see it."""
    connection = found.connection_info if call.allowed('volume:attachments:show_connection') else None
    info: dict[str, Any] = {}
    if connection:
        info = {
            **connection['data'], 'driver_volume_type': connection['driver_volume_type'], 'attachment_id': found.id, 'access_mode': found.mode,
        }  # fmt: skip
    return {
        'id': found.id,
        'volume_id': found.volume_id,
        'instance': found.instance_id,
        'status': found.status,
        'attach_mode': found.mode,
        'attached_at': clock.iso(found.attached_at, micro=True, zulu=False),
        'detached_at': None,
        'connection_info': info,
    }


def _brief(found: Attachment) -> dict[str, Any]:
    return {'id': found.id, 'volume_id': found.volume_id, 'instance': found.instance_id, 'status': found.status}


def _found(call: Call) -> list[Attachment]:
    everywhere = call.query.get('all_tenants') and call.allowed('volume:volumes:list_all')
    names = {'volume_id': 'volume_id', 'instance_id': 'instance_id', 'instance_uuid': 'instance_id', 'status': 'status', 'id': 'id'}
    filters = {column: call.query[name] for name, column in names.items() if name in call.query}
    return attachments.list_attachments(call.service, call.ctx, None if everywhere else call.ctx.project_id, filters)


def list_brief(call: Call) -> Reply:
    """Attachments of the project."""
    return Reply([_brief(found) for found in _found(call)])


def list_detail(call: Call) -> Reply:
    """Attachments of the project, whole."""
    return Reply([view(call, found) for found in _found(call)])


def create_attachment(call: Call) -> dict[str, Any]:
    """Reserve, and connect at once with a connector."""
    return view(call, attachments.create(call.service, call.ctx, call.body))


def show_attachment(call: Call) -> dict[str, Any]:
    """One attachment."""
    found, _ = attachments.show(call.service, call.ctx, call.params['id'])
    return view(call, found)


def update_attachment(call: Call) -> dict[str, Any]:
    """Connect."""
    return view(call, attachments.connect(call.service, call.ctx, call.params['id'], call.body['connector']))


def delete_attachment(call: Call) -> Reply:
    """End it; what remains on the volume is the answer."""
    remaining = attachments.delete(call.service, call.ctx, call.params['id'])
    return Reply({'attachments': [_brief(found) for found in remaining]}, wrap=False)


def complete(call: Call) -> None:
    """The server uses it."""
    attachments.complete(call.service, call.ctx, call.params['id'])


_CONNECTOR = Raw({'type': ['object', 'null']}, 'an object that describes the host')
_CREATE = Obj(
    {'volume_uuid': Uuid, 'instance_uuid': Uuid | None, 'connector': _CONNECTOR, 'mode': Enum('rw', 'ro') | None}, required=['volume_uuid']
)
_QUERY = {name: Str(64) for name in ('all_tenants', 'volume_id', 'instance_id', 'instance_uuid', 'status', 'id', 'project_id')}
_ID = '/v3/{project}/attachments/{id}'

ATTACHMENTS = Resource(
    'attachments',
    'attachment',
    view=answers.ATTACHMENT,
    rules=RULES,
    routes=[
        GET('/v3/{project}/attachments', list_brief, policy='volume:attachments:list', since='3.27', query=_QUERY),
        GET('/v3/{project}/attachments/detail', list_detail, policy='volume:attachments:list', since='3.27', query=_QUERY),
        POST('/v3/{project}/attachments', create_attachment, policy='volume:attachments:create', since='3.27', body=_CREATE),
        GET(_ID, show_attachment, policy='volume:attachments:list', since='3.27'),
        PUT(
            _ID,
            update_attachment,
            policy='volume:attachments:update',
            since='3.27',
            body=Obj({'connector': _CONNECTOR}, required=['connector']),
        ),
        DELETE(_ID, delete_attachment, policy='volume:attachments:delete', since='3.27', ok=200),
        ACTIONS(
            f'{_ID}/action',
            {'os-complete': Action(complete, policy='volume:attachments:complete', body=Raw({}, 'anything'), ok=204)},
            since='3.44',
        ),
    ],
)
