"""What hangs on a server: addresses, metadata, tags, and what was done to it."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import DELETE, GET, PUT, Call, List, Obj, Reply, Resource, Str
from common.api.metadata import metadata_routes
from common.api.types import Raw
from common.errors import NotFound
from compute import describe, network_info, servers
from compute.api import answers
from compute.api.server_schemas import METADATA
from compute.api.versions import minor

_ID = '/v2.1/{project}/servers/{id}'
_METADATA = Raw(METADATA, 'an object of texts')


def list_addresses(call: Call) -> Reply:
    """Addresses by network."""
    server, _ = servers.show(call.service, call.ctx, call.params['id'])
    return Reply({'addresses': network_info.addresses(server.network_info, extended=False)}, wrap=False)


def show_addresses(call: Call) -> Reply:
    """Addresses of one network."""
    server, _ = servers.show(call.service, call.ctx, call.params['id'])
    found = network_info.addresses(server.network_info, extended=False)
    label = call.params['label']
    if label not in found:
        raise NotFound(message=f'Instance is not a member of network {label[:255]}')
    return Reply({label: found[label]}, wrap=False)


def show_metadata(call: Call) -> dict[str, str]:
    """All metadata."""
    return dict(servers.show(call.service, call.ctx, call.params['id'])[0].server_metadata)


def change_metadata(call: Call, changes: dict[str, str], *, replace: bool = False, remove: str | None = None) -> dict[str, str]:
    """Add to it, replace it, or remove one item."""
    return servers.change_metadata(call.service, call.ctx, call.params['id'], changes, replace=replace, remove=remove)


def list_tags(call: Call) -> Reply:
    """All tags."""
    server, _ = servers.show(call.service, call.ctx, call.params['id'])
    return Reply({'tags': server.tags}, wrap=False)


def replace_tags(call: Call) -> Reply:
    """Replace them."""
    return Reply({'tags': servers.change_tags(call.service, call.ctx, call.params['id'], call.body['tags'])}, wrap=False)


def remove_tags(call: Call) -> None:
    """Remove all."""
    servers.change_tags(call.service, call.ctx, call.params['id'], [])


def show_tag(call: Call) -> None:
    """204 when it is there."""
    server, _ = servers.show(call.service, call.ctx, call.params['id'])
    if call.params['tag'] not in server.tags:
        raise NotFound('tag', call.params['tag'])


def add_tag(call: Call) -> Reply:
    """Add one."""
    added = servers.set_tag(call.service, call.ctx, call.params['id'], call.params['tag'], True)
    location = call.url(f'/v2.1/servers/{call.params["id"]}/tags/{call.params["tag"]}')
    return Reply(None, 201 if added else 204, headers={'Location': location})


def remove_tag(call: Call) -> None:
    """Remove one."""
    servers.set_tag(call.service, call.ctx, call.params['id'], call.params['tag'], False)


# -- what was done to it

_ACTIONS = {'boot': 'create', 'snapshot': 'createImage'}
_RESULTS = {'done': 'Success', 'failed': 'Error'}


def _action(call: Call, record: Any) -> dict[str, Any]:
    name = record.kind.partition('.')[2]
    return {
        'action': _ACTIONS.get(name, name),
        'instance_uuid': record.resource_id,
        'request_id': record.request_id,
        'user_id': record.user,
        'project_id': record.project,
        'start_time': clock.iso(record.created_at, micro=True, zulu=False),
        'message': _why(call, record) if record.state == 'failed' else None,
    }


def _why(call: Call, record: Any) -> str:
    """Why an action failed; which hosts it was is for administrators."""
    told = describe.fault(record.fault or {})
    return str(told['admin_message'] if call.ctx.is_admin else told['message'])


def _history(call: Call) -> list[Any]:
    with call.service.db.read() as session:
        servers.find(call.service, call.ctx, session, call.params['id'], deleted=minor(call) >= 21)
        return list(call.service.ops.history(session, call.params['id']))


def list_actions(call: Call) -> Reply:
    """Operations on the server, newest first."""
    found = []
    for record in _history(call):
        body = _action(call, record)
        if minor(call) >= 58:
            body['updated_at'] = clock.iso(record.updated_at, micro=True, zulu=False)
        found.append(body)
    return Reply({'instanceActions': found}, wrap=False)


def show_action(call: Call) -> Reply:
    """The operation of one request, with its steps."""
    record = next((found for found in _history(call) if found.request_id == call.params['request']), None)
    if record is None:
        raise NotFound(message=f'Action for request_id {call.params["request"][:64]} on instance {call.params["id"]} not found')
    with call.service.db.read() as session:
        events = call.service.ops.events(session, record.id)
    body = _action(call, record)
    body['events'] = _events(call, events)
    if minor(call) >= 58:
        body['updated_at'] = clock.iso(record.updated_at, micro=True, zulu=False)
    return Reply({'instanceAction': body}, wrap=False)


def _events(call: Call, events: list[Any]) -> list[dict[str, Any]]:
    """Steps with their start and end."""
    started: dict[tuple[str, str], Any] = {}
    found = []
    for event in events:
        key = (event.direction, event.step)
        if event.event == 'started':
            started.setdefault(key, event.at)
        elif event.event in _RESULTS and event.step:
            body = {
                'event': event.step if event.direction == 'do' else f'undo_{event.step}',
                'start_time': clock.iso(started.pop(key, event.at), micro=True, zulu=False),
                'finish_time': clock.iso(event.at, micro=True, zulu=False),
                'result': _RESULTS[event.event],
                'traceback': None,
            }
            if minor(call) >= 62:
                body['hostId'] = ''
                if call.ctx.is_admin:
                    body['host'] = event.host
            found.append(body)
    return found[::-1]


PARTS = Resource(
    'server_parts',
    'server_part',
    routes=[
        GET(f'{_ID}/ips', list_addresses, policy='compute:servers:show', listing=False, response=answers.ADDRESSES),
        GET(f'{_ID}/ips/{{label}}', show_addresses, policy='compute:servers:show', response=answers.ADDRESSES_OF_ONE),
        *metadata_routes(f'{_ID}/metadata', show=show_metadata, change=change_metadata, read='compute:servers:show', write='compute:servers:update', values=_METADATA),
        GET(f'{_ID}/tags', list_tags, policy='compute:servers:show', listing=False, response=answers.TAGS, since='2.26'),
        PUT(f'{_ID}/tags', replace_tags, policy='compute:servers:update', response=answers.TAGS, body=Obj({'tags': List(Str(60, min=1), max=50)}, required=['tags']), wrap=False, since='2.26'),
        DELETE(f'{_ID}/tags', remove_tags, policy='compute:servers:update', since='2.26'),
        GET(f'{_ID}/tags/{{tag}}', show_tag, policy='compute:servers:show', ok=204, since='2.26'),
        PUT(f'{_ID}/tags/{{tag}}', add_tag, policy='compute:servers:update', body=None, ok=201, also=(204,), since='2.26'),
        DELETE(f'{_ID}/tags/{{tag}}', remove_tag, policy='compute:servers:update', since='2.26'),
        GET(f'{_ID}/os-instance-actions', list_actions, policy='compute:instance_actions:list', listing=False, response=answers.ACTIONS,
            query={'limit': Str(8), 'marker': Str(64), 'changes-since': Str(40), 'changes-before': Str(40)}),
        GET(f'{_ID}/os-instance-actions/{{request}}', show_action, policy='compute:instance_actions:list', response=answers.ACTION),
    ],
)  # fmt: skip
