"""Volume types."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, POST, Bool, Call, Map, Obj, Reply, Resource, Str
from common.clock import now
from common.errors import Conflict, InvalidInput, NotFound
from common.ids import new_id
from common.policy import ADMIN, READER, Rule
from volume.api import answers
from volume.db import volumes as queries
from volume.db.models import VolumeType

RULES = [Rule('volume:types:list', READER, 'List volume types'), Rule('volume:types:manage', ADMIN, 'Make and remove volume types')]


def view(call: Call, kind: VolumeType) -> dict[str, Any]:
    """A volume type as clients see it."""
    return {
        'id': kind.id,
        'name': kind.name,
        'description': kind.description,
        'is_public': kind.is_public,
        'os-volume-type-access:is_public': kind.is_public,
        'qos_specs_id': None,
        'extra_specs': kind.extra_specs,
    }


def list_types(call: Call) -> Reply:
    """All that the caller may use."""
    with call.service.db.read() as session:
        found = queries.types(session)
    return Reply([view(call, kind) for kind in found if kind.is_public or call.ctx.is_admin])


def show_type(call: Call) -> dict[str, Any]:
    """One type; `default` is the one that volumes get which name none."""
    name = call.params['id']
    with call.service.db.read() as session:
        kind = queries.find_type(session, call.service.options.default_type if name == 'default' else name)
    if kind is None or not (kind.is_public or call.ctx.is_admin):
        raise NotFound('volume type', name)
    return view(call, kind)


def create_type(call: Call) -> dict[str, Any]:
    """Offer a new type."""
    body = call.body
    if not body['name'].strip():
        raise InvalidInput('A volume type needs a name.', field='name')
    with call.service.db.write() as session:
        if queries.find_type(session, body['name']) is not None:
            raise Conflict(f'Volume Type {body["name"]} already exists.')
        kind = VolumeType(
            id=new_id(), name=body['name'], description=body.get('description'), created_at=now(),
            is_public=body.get('os-volume-type-access:is_public', True), extra_specs=dict(body.get('extra_specs') or {}),
        )  # fmt: skip
        session.add(kind)
    return view(call, kind)


def delete_type(call: Call) -> None:
    """Stop offering it. A type in use stays."""
    with call.service.db.write() as session:
        kind = session.get(VolumeType, call.params['id'])
        if kind is None:
            raise NotFound('volume type', call.params['id'])
        if kind.name == call.service.options.default_type:
            raise InvalidInput('The default volume type cannot be deleted.', field='id')
        if queries.count_of_type(session, kind.id):
            raise InvalidInput(f'Volume type {kind.name} is in use by volumes; delete these first.', field='id')
        session.delete(kind)


_TEXT = Str(255) | None
_CREATE = Obj(
    {'name': Str(255, min=1), 'description': _TEXT, 'os-volume-type-access:is_public': Bool, 'extra_specs': Map(Str(255)) | None},
    required=['name'],
)
TYPES = Resource(
    'volume_types',
    'volume_type',
    view=answers.TYPE,
    rules=RULES,
    routes=[
        GET('/v3/{project}/types', list_types, policy='volume:types:list', query={'is_public': Str(8)}, paging=True),
        POST('/v3/{project}/types', create_type, policy='volume:types:manage', body=_CREATE),
        GET('/v3/{project}/types/{id}', show_type, policy='volume:types:list'),
        DELETE('/v3/{project}/types/{id}', delete_type, policy='volume:types:manage', ok=202),
    ],
)
