"""Volumes: create, list, show, change, delete, metadata."""

from __future__ import annotations

import json
from typing import Any

from common import clock
from common.api import DELETE, GET, POST, PUT, Bool, Call, Map, Obj, Reply, Resource, Str
from common.api.metadata import metadata_routes
from common.api.types import Raw
from common.errors import InvalidInput, NotFound
from common.policy import ADMIN, MEMBER, READER, Rule
from volume import hosts, volume_create, volume_delete, volumes
from volume.api import answers
from volume.api.filters import refuse_unknown
from volume.db import volumes as queries
from volume.db.models import Attachment, Volume

RULES = [
    Rule('volume:volumes:list', READER, 'List volumes'),
    Rule('volume:volumes:list_all', ADMIN, 'List volumes of all projects'),
    Rule('volume:volumes:show', READER, 'Show a volume'),
    Rule('volume:volumes:show_host', ADMIN, 'See on which host a volume is'),
    Rule('volume:volumes:create', MEMBER, 'Make a volume'),
    Rule('volume:volumes:update', MEMBER, 'Change a volume'),
    Rule('volume:volumes:delete', MEMBER, 'Delete a volume'),
    Rule('volume:volumes:force_delete', ADMIN, 'Delete a volume in any state'),
    Rule('volume:volumes:extend', MEMBER, 'Grow a volume'),
    Rule('volume:volumes:reset_status', ADMIN, 'Set the status of a volume by hand'),
]
_ADMIN_FILTERS = frozenset({'host'})


def links(call: Call, volume_id: str) -> list[dict[str, str]]:
    """`self` and `bookmark`."""
    project = call.ctx.project_id
    return [
        {'rel': 'self', 'href': call.url(f'/v3/{project}/volumes/{volume_id}')},
        {'rel': 'bookmark', 'href': call.url(f'/{project}/volumes/{volume_id}')},
    ]


def _attachment(found: Attachment, sees_host: bool) -> dict[str, Any]:
    return {
        'id': found.volume_id,
        'attachment_id': found.id,
        'volume_id': found.volume_id,
        'server_id': found.instance_id,
        'host_name': found.host_name if sees_host else None,
        'device': found.mountpoint,
        'attached_at': clock.iso(found.attached_at, micro=True, zulu=False),
    }


def view(call: Call, volume: Volume, attached: list[Attachment], type_names: dict[str, str]) -> dict[str, Any]:
    """A volume as clients see it."""
    sees_host = call.allowed('volume:volumes:show_host')
    body = {
        'id': volume.id,
        'name': volume.name,
        'description': volume.description,
        'status': volume.status,
        'size': volume.size,
        'availability_zone': volume.availability_zone,
        'created_at': clock.iso(volume.created_at, micro=True, zulu=False),
        'updated_at': clock.iso(volume.updated_at, micro=True, zulu=False),
        'attachments': [_attachment(found, sees_host) for found in attached if found.status == 'attached'],
        'links': links(call, volume.id),
        'user_id': volume.user_id,
        'bootable': str(volume.bootable).lower(),
        'encrypted': False,
        'replication_status': None,
        'consistencygroup_id': None,
        'multiattach': volume.multiattach,
        'snapshot_id': volume.snapshot_id,
        'source_volid': volume.source_volid,
        'metadata': volume.volume_metadata,
        'volume_type': type_names.get(volume.volume_type_id or ''),
    }
    if volume.image_metadata:
        body['volume_image_metadata'] = volume.image_metadata
    if call.version is not None and str(call.version) != '3.0':
        body |= {'group_id': None} if call.version >= type(call.version).parse('3.13') else {}
    if sees_host:
        body |= {
            'os-vol-host-attr:host': hosts.pool_name(call.service, volume.host) if volume.host else None,
            'os-vol-tenant-attr:tenant_id': volume.project_id,
            'os-vol-mig-status-attr:migstat': None,
            'os-vol-mig-status-attr:name_id': None,
            'migration_status': None,
        }
    else:
        body |= {'os-vol-tenant-attr:tenant_id': volume.project_id}
    return body


def type_names(call: Call) -> dict[str, str]:
    """Names of all types by id."""
    with call.service.db.read() as session:
        return queries.type_names(session)


def _page(call: Call) -> tuple[list[Volume], Any, dict[str, list[Attachment]]]:
    page = call.paging('created_at:desc,id:desc')
    order = list(page.sort)
    if 'id' not in dict(order):
        order.append(('id', order[-1][1]))
    everywhere = call.query.get('all_tenants') and call.allowed('volume:volumes:list_all')
    project = call.query.get('project_id') if everywhere else call.ctx.project_id
    _check_filters(call)
    filters = dict(call.filters)
    if 'volume_type' in filters:
        filters['volume_type_id'] = _type_id(call, filters.pop('volume_type'))
    with call.service.db.read() as session:
        marker = None
        if page.marker is not None:
            try:
                marker = volumes.find(call.service, call.ctx, session, page.marker)
            except NotFound:
                raise InvalidInput(f'The marker {page.marker[:64]} is not a volume that you can see.', field='marker') from None
        found = queries.list_volumes(
            session, project, filters, _metadata(call), order, 1000 if page.limit is None else page.limit, marker, page.offset
        )
        return found, page, queries.attachments_of(session, [volume.id for volume in found])


def _check_filters(call: Call) -> None:
    """Raise Forbidden or InvalidInput rather than leave a filter out and answer with too much."""
    if _ADMIN_FILTERS & call.filters.keys():
        call.authorize('volume:volumes:show_host')
    refuse_unknown(call, 'Volumes')


def _type_id(call: Call, name: str) -> str:
    """The id of a type that is named by either; what is none finds nothing."""
    with call.service.db.read() as session:
        kind = queries.find_type(session, name)
    return kind.id if kind is not None else ''


def _metadata(call: Call) -> dict[str, str]:
    """The filter on metadata, written as JSON or in the way that older clients write a dict."""
    text = call.query.get('metadata')
    if not text:
        return {}
    try:
        found = json.loads(text.replace("'", '"'))
    except ValueError:
        raise InvalidInput('metadata is an object of texts, written as JSON.', field='metadata') from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidInput('metadata is an object of texts, written as JSON.', field='metadata')
    return found


def list_detail(call: Call) -> Reply:
    """A page of volumes, whole."""
    found, page, attached = _page(call)
    names = type_names(call)
    return call.paged([view(call, volume, attached[volume.id], names) for volume in found], page)


def list_brief(call: Call) -> Reply:
    """A page of volumes, ids and names."""
    found, page, _ = _page(call)
    return call.paged([{'id': volume.id, 'name': volume.name, 'links': links(call, volume.id)} for volume in found], page)


def summary(call: Call) -> Reply:
    """How many volumes there are and how large they are together."""
    everywhere = bool(call.query.get('all_tenants')) and call.allowed('volume:volumes:list_all')
    number, size, metadata = volumes.summary(call.service, call.ctx, everywhere)
    body: dict[str, Any] = {'total_count': number, 'total_size': size}
    if call.version is not None and call.version >= (3, 36):
        body['metadata'] = metadata
    return Reply({'volume-summary': body}, wrap=False)


def create_volume(call: Call) -> dict[str, Any]:
    """Make one."""
    volume = volume_create.create(call.service, call.ctx, call.body)
    return _own(view(call, volume, [], type_names(call)))


def _own(shown: dict[str, Any]) -> dict[str, Any]:
    """Without what extensions add: the answers to writes never had that, and strict clients refuse it there."""
    return {name: value for name, value in shown.items() if not name.startswith('os-vol-') and name != 'volume_image_metadata'}


def show_volume(call: Call) -> dict[str, Any]:
    """One volume."""
    volume, attached, names = volumes.show(call.service, call.ctx, call.params['id'])
    return view(call, volume, attached, names)


def update_volume(call: Call) -> dict[str, Any]:
    """Change name, description, metadata."""
    body = dict(call.body)
    for old, new in (('display_name', 'name'), ('display_description', 'description')):
        if old in body:
            body.setdefault(new, body.pop(old))
    if not body:
        raise InvalidInput('Give at least one of name, description, metadata.', field='volume')
    volume, attached = volumes.update(call.service, call.ctx, call.params['id'], body)
    return _own(view(call, volume, attached, type_names(call)))


def delete_volume(call: Call) -> None:
    """Delete it."""
    force = str(call.query.get('force', '')).lower() in ('true', '1')
    cascade = str(call.query.get('cascade', '')).lower() in ('true', '1')
    volume_delete.delete(call.service, call.ctx, call.params['id'], force=force, cascade=cascade)


def show_metadata(call: Call) -> dict[str, str]:
    """All metadata."""
    return dict(volumes.show(call.service, call.ctx, call.params['id'])[0].volume_metadata)


def change_metadata(call: Call, changes: dict[str, str], *, replace: bool = False, remove: str | None = None) -> dict[str, str]:
    """Add to it, replace it, or remove one item."""
    return volumes.change_metadata(call.service, call.ctx, call.params['id'], changes, replace=replace, remove=remove)


_TEXT = Str(255) | None
_METADATA = Map(Str(255))
_SIZE = Raw({'type': ['integer', 'string', 'null'], 'pattern': '^[0-9]{1,9}$', 'minimum': 1}, 'a whole number of GiB, 1 or more')
_CREATE = Raw(
    {
        'type': 'object',
        'properties': {
            'size': {'type': ['integer', 'string', 'null'], 'pattern': '^[0-9]{1,9}$'},
            **{
                name: {'type': ['string', 'null'], 'maxLength': 255}
                for name in ('name', 'description', 'display_name', 'display_description')
            },
            **{
                name: {'type': ['string', 'null'], 'maxLength': 255}
                for name in (
                    'availability_zone',
                    'volume_type',
                    'snapshot_id',
                    'source_volid',
                    'imageRef',
                    'backup_id',
                    'consistencygroup_id',
                    'group_id',
                )
            },
            'metadata': {
                'type': ['object', 'null'],
                'propertyNames': {'minLength': 1, 'maxLength': 255},
                'additionalProperties': {'type': 'string', 'maxLength': 255},
            },
            'multiattach': {'type': ['boolean', 'string', 'null']},
            **{name: {} for name in ('user_id', 'project_id', 'status', 'attach_status', 'source_replica')},
        },
        'additionalProperties': False,
    },
    'an object that describes a volume',
)
_UPDATE = Obj({'name': _TEXT, 'description': _TEXT, 'display_name': _TEXT, 'display_description': _TEXT, 'metadata': _METADATA})


def _create_checked(call: Call) -> dict[str, Any]:
    body = {name: value for name, value in call.body.items() if value is not None}
    for old, new in (('display_name', 'name'), ('display_description', 'description')):
        if old in body:
            body.setdefault(new, body.pop(old))
    if isinstance(body.get('size'), str):
        body['size'] = int(body['size'])
    if str(body.get('multiattach', 'false')).lower() == 'false':
        body.pop('multiattach', None)
    owner, user = body.pop('project_id', None), body.pop('user_id', None)
    if owner and call.ctx.is_service:
        # Another service makes it for a user: with a server, for example.
        call.ctx = call.ctx.but(project_id=str(owner), user_id=str(user) if user else call.ctx.user_id)
    call.body = body
    return create_volume(call)


_ID = '/v3/{project}/volumes/{id}'
_QUERY = {'all_tenants': Str(8), 'project_id': Str(64), 'metadata': Str(1024)}
VOLUMES = Resource(
    'volumes',
    'volume',
    view=answers.VOLUME,
    rules=RULES,
    filters=[*queries.FILTERS, 'volume_type'],
    sort=list(queries.SORTABLE),
    routes=[
        GET('/v3/{project}/volumes', list_brief, policy='volume:volumes:list', query=_QUERY),
        GET('/v3/{project}/volumes/detail', list_detail, policy='volume:volumes:list', query=_QUERY),
        POST('/v3/{project}/volumes', _create_checked, policy='volume:volumes:create', ok=202, body=_CREATE,
             beside={'OS-SCH-HNT:scheduler_hints': Raw({'type': ['object', 'null']}, 'an object')}),
        GET('/v3/{project}/volumes/summary', summary, policy='volume:volumes:list', query={'all_tenants': Bool()}, since='3.12', listing=False,
            response=answers.SUMMARY),
        GET(_ID, show_volume, policy='volume:volumes:show'),
        PUT(_ID, update_volume, policy='volume:volumes:update', body=_UPDATE),
        DELETE(_ID, delete_volume, policy='volume:volumes:delete', ok=202, query={'force': Str(8), 'cascade': Str(8)}),
        *metadata_routes(
            f'{_ID}/metadata',
            show=show_metadata,
            change=change_metadata,
            read='volume:volumes:show',
            write='volume:volumes:update',
            values=_METADATA,
            removed=200,
        ),
    ],
)  # fmt: skip
