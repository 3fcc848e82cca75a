"""Servers: create, list, show, change, delete."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, POST, PUT, Call, Reply, Resource
from common.errors import InvalidInput
from compute import server_create, server_lists, servers
from compute.api import answers
from compute.api.rules import RULES
from compute.api.server_schemas import CREATE, HINTS, UPDATE
from compute.api.server_view import ServerView, brief, links
from compute.api.versions import minor
from compute.db.servers import SORTABLE

_SORT_NAMES = {'display_name': 'name', 'uuid': 'id', 'created': 'created_at', 'updated': 'updated_at', 'image_ref': 'image_id'}


def _page(call: Call) -> tuple[Any, Any, Any]:
    page = call.paging('created_at:desc,id:desc')
    order = [(_SORT_NAMES.get(key, key), direction) for key, direction in page.sort]
    unknown = [key for key, _ in order if key not in SORTABLE]
    if unknown:
        raise InvalidInput(f'Servers cannot be sorted by {unknown[0][:64]}; known: {", ".join(SORTABLE)}.', field='sort_key')
    if 'id' not in dict(order):
        order.append(('id', order[-1][1]))
    if minor(call) >= 75:
        server_lists.check_filters(call.query)
    asked = str(call.query.get('all_tenants', '')).lower() in ('1', 'true', 'yes', 'on', '')
    everywhere = 'all_tenants' in call.query and asked
    if everywhere:
        call.authorize('compute:servers:list_all')
    found, volumes = server_lists.list_page(call.service, call.ctx, call.query, order, page.limit, page.marker, everywhere)
    return found, volumes, page


def list_brief(call: Call) -> Reply:
    """A page of servers, ids and names."""
    found, _, page = _page(call)
    return call.paged([brief(call, server) for server in found], page)


def list_detail(call: Call) -> Reply:
    """A page of servers, whole."""
    found, volumes, page = _page(call)
    view = ServerView(call)
    return call.paged([view.whole(server, volumes.get(server.id, []), listed=True) for server in found], page)


def create_server(call: Call) -> Reply:
    """Make servers; the answer is about the first."""
    body = dict(call.body)
    if minor(call) >= 37 and body.get('networks') is None:
        raise InvalidInput(
            "Invalid input for field/attribute server: 'networks' is a required property from version 2.37 on: a list, auto or none.",
            field='networks',
        )
    if minor(call) >= 57 and 'personality' in body:
        raise InvalidInput('Files are no longer taken from version 2.57 on; give user_data.', field='personality')
    hints = (
        body.pop('os:scheduler_hints', None) or call.beside.get('os:scheduler_hints') or call.beside.get('OS-SCH-HNT:scheduler_hints') or {}
    )
    made, password = server_create.create(call.service, call.ctx, body, hints)
    if body.get('return_reservation_id'):
        return Reply({'reservation_id': made[0].reservation_id}, wrap=False)
    server = made[0]
    answer = {
        'id': server.id,
        'links': links(call, 'servers', server.id),
        'OS-DCF:diskConfig': server.disk_config,
        'security_groups': [{'name': name} for name in server.requested.get('security_group_names', ['default'])],
        'adminPass': password,
    }
    return Reply({'server': answer}, headers={'Location': call.url(f'/v2.1/servers/{server.id}')}, wrap=False)


def show_server(call: Call) -> dict[str, Any]:
    """One server."""
    server, volumes = servers.show(call.service, call.ctx, call.params['id'])
    return ServerView(call).whole(server, volumes)


def update_server(call: Call) -> dict[str, Any]:
    """Change what is said of it."""
    names = {'accessIPv4': 'access_ip_v4', 'accessIPv6': 'access_ip_v6', 'OS-DCF:diskConfig': 'disk_config', 'description': 'description'}
    changes = {names[key]: value or None for key, value in call.body.items() if key in names}
    for version, column in ((4, 'access_ip_v4'), (6, 'access_ip_v6')):
        if column in changes:
            changes[column] = servers.access_address(changes[column], version)
    if 'name' in call.body:
        if not call.body['name'].strip():
            raise InvalidInput('A server needs a name that is not blank.', field='name')
        changes['name'] = call.body['name'].strip()
    if minor(call) < 19:
        changes.pop('description', None)
    if 'disk_config' in changes and changes['disk_config'] is None:
        del changes['disk_config']
    server, volumes = servers.update(call.service, call.ctx, call.params['id'], changes)
    return ServerView(call).whole(server, [(v.volume_id, v.delete_on_termination) for v in volumes], detail=False)


def delete_server(call: Call) -> None:
    """Delete it."""
    servers.delete(call.service, call.ctx, call.params['id'])


SERVERS = Resource(
    'servers',
    'server',
    rules=RULES,
    view=answers.SERVER,
    routes=[
        GET('/v2.1/{project}/servers', list_brief, policy='compute:servers:list', query={'type': 'object', 'additionalProperties': {}}),
        GET('/v2.1/{project}/servers/detail', list_detail, policy='compute:servers:list', query={'type': 'object', 'additionalProperties': {}}),
        POST('/v2.1/{project}/servers', create_server, policy='compute:servers:create', ok=202, body=CREATE,
             beside={'os:scheduler_hints': HINTS, 'OS-SCH-HNT:scheduler_hints': HINTS}),
        GET('/v2.1/{project}/servers/{id}', show_server, policy='compute:servers:show'),
        PUT('/v2.1/{project}/servers/{id}', update_server, policy='compute:servers:update', body=UPDATE),
        DELETE('/v2.1/{project}/servers/{id}', delete_server, policy='compute:servers:delete'),
    ],
)  # fmt: skip
