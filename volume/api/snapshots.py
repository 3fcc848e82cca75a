"""Snapshots of volumes: make, list, show, change, delete, metadata."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import ACTIONS, DELETE, GET, POST, PUT, Action, Call, Enum, Map, Obj, Reply, Resource, Str
from common.api.metadata import metadata_routes
from common.api.types import Raw
from common.errors import InvalidInput, NotFound
from common.policy import ADMIN, MEMBER, READER, Rule
from volume import snapshots
from volume.api import answers
from volume.api.filters import refuse_unknown
from volume.db import snapshots as queries
from volume.db.models import Snapshot

RULES = [
    Rule('volume:snapshots:list', READER, 'List snapshots'),
    Rule('volume:snapshots:list_all', ADMIN, 'List snapshots of all projects'),
    Rule('volume:snapshots:show', READER, 'Show a snapshot'),
    Rule('volume:snapshots:create', MEMBER, 'Make a snapshot of a volume'),
    Rule('volume:snapshots:update', MEMBER, 'Change a snapshot'),
    Rule('volume:snapshots:delete', MEMBER, 'Delete a snapshot'),
    Rule('volume:snapshots:force_delete', ADMIN, 'Delete a snapshot in any state'),
    Rule('volume:snapshots:reset_status', ADMIN, 'Set the status of a snapshot by hand'),
]


def view(call: Call, snapshot: Snapshot, *, whole: bool = True) -> dict[str, Any]:
    """A snapshot as clients see it."""
    body = {
        'id': snapshot.id,
        'name': snapshot.name,
        'description': snapshot.description,
        'volume_id': snapshot.volume_id,
        'size': snapshot.volume_size,
        'status': snapshot.status,
        'metadata': snapshot.snapshot_metadata,
        'created_at': clock.iso(snapshot.created_at, micro=True, zulu=False),
        'updated_at': clock.iso(snapshot.updated_at, micro=True, zulu=False),
    }
    if whole:
        body |= {
            'os-extended-snapshot-attributes:progress': '100%' if snapshot.status == 'available' else '0%',
            'os-extended-snapshot-attributes:project_id': snapshot.project_id,
        }
        if call.version is not None and call.version >= type(call.version).parse('3.14'):
            body['group_snapshot_id'] = None
        if call.version is not None and call.version >= type(call.version).parse('3.41'):
            body['user_id'] = snapshot.user_id
    return body


def _page(call: Call, *, whole: bool) -> Reply:
    refuse_unknown(call, 'Snapshots')
    page = call.paging('created_at:desc,id:desc')
    order = list(page.sort)
    if 'id' not in dict(order):
        order.append(('id', order[-1][1]))
    everywhere = call.query.get('all_tenants') and call.allowed('volume:snapshots:list_all')
    project = call.query.get('project_id') if everywhere else call.ctx.project_id
    with call.service.db.read() as session:
        marker = None
        if page.marker is not None:
            try:
                marker = snapshots.find(call.service, call.ctx, session, page.marker)
            except NotFound:
                raise InvalidInput(f'The marker {page.marker[:64]} is not a snapshot that you can see.', field='marker') from None
        found = queries.list_snapshots(
            session, project, call.filters, order, 1000 if page.limit is None else page.limit, marker, page.offset
        )
    return call.paged([view(call, snapshot, whole=whole) for snapshot in found], page)


def list_brief(call: Call) -> Reply:
    """A page of snapshots."""
    return _page(call, whole=False)


def list_detail(call: Call) -> Reply:
    """A page of snapshots, whole."""
    return _page(call, whole=True)


def create_snapshot(call: Call) -> dict[str, Any]:
    """Keep a volume as it is."""
    body = _renamed(call.body)
    force = str(body.pop('force', False)).lower() in ('true', '1', 'yes', 'on', 't')
    # From 3.66 on a volume in use is no reason to refuse, and there is nothing to force.
    force = force or (call.version is not None and call.version >= type(call.version).parse('3.66'))
    return view(call, snapshots.create(call.service, call.ctx, body, force), whole=False)


def show_snapshot(call: Call) -> dict[str, Any]:
    """One snapshot."""
    return view(call, snapshots.show(call.service, call.ctx, call.params['id']))


def update_snapshot(call: Call) -> dict[str, Any]:
    """Change name, description."""
    body = _renamed(call.body)
    if not body:
        raise InvalidInput('Give at least one of name, description.', field='snapshot')
    return view(call, snapshots.update(call.service, call.ctx, call.params['id'], body), whole=False)


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    body = dict(body)
    for old, new in (('display_name', 'name'), ('display_description', 'description')):
        if old in body:
            body.setdefault(new, body.pop(old))
    return body


def delete_snapshot(call: Call) -> None:
    """Delete it."""
    snapshots.delete(call.service, call.ctx, call.params['id'])


def force_delete(call: Call) -> None:
    """Delete it in whatever state."""
    snapshots.delete(call.service, call.ctx, call.params['id'], force=True)


def reset_status(call: Call) -> None:
    """Set the status by hand."""
    snapshots.reset_status(call.service, call.ctx, call.params['id'], call.body['status'])


def show_metadata(call: Call) -> dict[str, str]:
    """All metadata."""
    return dict(snapshots.show(call.service, call.ctx, call.params['id']).snapshot_metadata)


def change_metadata(call: Call, changes: dict[str, str], *, replace: bool = False, remove: str | None = None) -> dict[str, str]:
    """Add to it, replace it, or remove one item."""
    return snapshots.change_metadata(call.service, call.ctx, call.params['id'], changes, replace=replace, remove=remove)


_TEXT = Str(255) | None
_METADATA = Map(Str(255))
_NAMES = {'name': _TEXT, 'description': _TEXT, 'display_name': _TEXT, 'display_description': _TEXT}
_FORCE = Raw({'type': ['boolean', 'string', 'null']}, 'true or false')
_CREATE = Obj({'volume_id': Str(36, min=1), 'force': _FORCE, 'metadata': _METADATA | None, **_NAMES}, required=['volume_id'])
_ANY = Raw({'type': ['object', 'null']}, 'an object or null')
_RESET = Obj({'status': Enum(*sorted(snapshots.RESETTABLE))}, required=['status'])
_ALL = '/v3/{project}/snapshots'
_ID = f'{_ALL}/{{id}}'
_QUERY = {'all_tenants': Str(8), 'project_id': Str(64)}
SNAPSHOTS = Resource(
    'snapshots',
    'snapshot',
    view=answers.SNAPSHOT,
    rules=RULES,
    filters=list(queries.FILTERS),
    sort=list(queries.SORTABLE),
    routes=[
        GET(_ALL, list_brief, policy='volume:snapshots:list', query=_QUERY),
        GET(f'{_ALL}/detail', list_detail, policy='volume:snapshots:list', query=_QUERY),
        POST(_ALL, create_snapshot, policy='volume:snapshots:create', ok=202, body=_CREATE),
        GET(_ID, show_snapshot, policy='volume:snapshots:show'),
        PUT(_ID, update_snapshot, policy='volume:snapshots:update', body=Obj(_NAMES)),
        DELETE(_ID, delete_snapshot, policy='volume:snapshots:delete', ok=202),
        *metadata_routes(
            f'{_ID}/metadata',
            show=show_metadata,
            change=change_metadata,
            read='volume:snapshots:show',
            write='volume:snapshots:update',
            values=_METADATA,
            removed=200,
        ),
        ACTIONS(
            f'{_ID}/action',
            {
                'os-reset_status': Action(reset_status, policy='volume:snapshots:reset_status', body=_RESET),
                'os-force_delete': Action(force_delete, policy='volume:snapshots:force_delete', body=_ANY),
            },
        ),
    ],
)
