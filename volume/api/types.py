"""Volume types."""

from __future__ import annotations

from typing import Any

from common.api import ACTIONS, DELETE, GET, POST, PUT, Action, Bool, Call, Map, Obj, Reply, Resource, Str
from common.errors import InvalidInput
from common.policy import ADMIN, READER, Rule
from volume import volume_types
from volume.api import answers
from volume.db import types as queries

RULES = [Rule('volume:types:list', READER, 'List volume types'), Rule('volume:types:manage', ADMIN, 'Make and remove volume types')]


def view(call: Call, kind: Any) -> dict[str, Any]:
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
    """All that the caller may use; administrators choose with `is_public` (true, false, none)."""
    asked = str(call.query.get('is_public') or 'none').lower()
    words = {'none': None, 'true': True, '1': True, 'false': False, '0': False}
    if asked not in words:
        raise InvalidInput(f'is_public is true, false or none, not {asked[:40]!r}.', field='is_public')
    page = call.paging('name:asc')
    with call.service.db.read() as session:
        found = queries.list_types(session, None if call.ctx.is_admin else str(call.ctx.project_id), words[asked])
    return call.paged([view(call, kind) for kind in page.of(found, lambda kind: kind.id)], page)


def show_type(call: Call) -> dict[str, Any]:
    """One type; `default` is the one that volumes get which name none."""
    return view(call, volume_types.find(call.service, call.ctx, call.params['id']))


def create_type(call: Call) -> dict[str, Any]:
    """Offer a new type."""
    body = call.body
    is_public = body.get('os-volume-type-access:is_public', True)
    made = volume_types.create(call.service, body['name'], body.get('description'), is_public, dict(body.get('extra_specs') or {}))
    return view(call, made)


def update_type(call: Call) -> dict[str, Any]:
    """Change what is said of it, or whether it is for everybody."""
    if not call.body:
        raise InvalidInput('Give at least one of name, description, is_public.', field='volume_type')
    changes = dict(call.body)
    named = changes.pop('os-volume-type-access:is_public', None)  # as it is called on creation; clients call it so here, too
    if named is not None:
        changes.setdefault('is_public', named)
    return view(call, volume_types.update(call.service, call.params['id'], changes))


def delete_type(call: Call) -> None:
    """Stop offering it. A type in use stays."""
    volume_types.delete(call.service, call.params['id'])


def list_specs(call: Call) -> Reply:
    """All extra specs."""
    return Reply({'extra_specs': volume_types.find(call.service, call.ctx, call.params['id']).extra_specs}, wrap=False)


def show_spec(call: Call) -> Reply:
    """One extra spec."""
    kind, key = volume_types.find(call.service, call.ctx, call.params['id']), call.params['key']
    if key not in kind.extra_specs:
        raise volume_types.missing_spec(kind, key)
    return Reply({key: kind.extra_specs[key]}, wrap=False)


def add_specs(call: Call) -> Reply:
    """Add extra specs."""
    volume_types.set_specs(call.service, call.params['id'], call.body['extra_specs'])
    return Reply({'extra_specs': call.body['extra_specs']}, wrap=False)


def set_spec(call: Call) -> Reply:
    """Set one extra spec."""
    if set(call.body) != {call.params['key']}:
        raise InvalidInput('Request body and URI mismatch', field=call.params['key'][:64])
    volume_types.set_specs(call.service, call.params['id'], call.body)
    return Reply(call.body, wrap=False)


def remove_spec(call: Call) -> None:
    """Remove one extra spec."""
    volume_types.remove_spec(call.service, call.params['id'], call.params['key'])


def list_access(call: Call) -> Reply:
    """Projects that may use a type which is not public."""
    type_id = call.params['id']
    projects = volume_types.access(call.service, type_id)
    found = [{'volume_type_id': type_id, 'project_id': project} for project in projects]
    return Reply({'volume_type_access': found}, wrap=False)


def add_access(call: Call) -> None:
    """Let a project use it."""
    volume_types.change_access(call.service, call.params['id'], call.body['project'], True)


def remove_access(call: Call) -> None:
    """Let a project use it no more."""
    volume_types.change_access(call.service, call.params['id'], call.body['project'], False)


_TEXT = Str(255) | None
_SPECS = Map(Str(255))
_CREATE = Obj(
    {'name': Str(255, min=1), 'description': _TEXT, 'os-volume-type-access:is_public': Bool, 'extra_specs': _SPECS | None},
    required=['name'],
)
_UPDATE = Obj(
    {'name': Str(255, min=1) | None, 'description': _TEXT, 'is_public': Bool() | None, 'os-volume-type-access:is_public': Bool() | None}
)
_PROJECT = Obj({'project': Str(64, min=1)}, required=['project'])
_ID = '/v3/{project}/types/{id}'
_MANAGE = 'volume:types:manage'
TYPES = Resource(
    'volume_types',
    'volume_type',
    view=answers.TYPE,
    rules=RULES,
    routes=[
        GET('/v3/{project}/types', list_types, policy='volume:types:list', query={'is_public': Str(8)}, paging=True),
        POST('/v3/{project}/types', create_type, policy=_MANAGE, body=_CREATE),
        GET(_ID, show_type, policy='volume:types:list'),
        PUT(_ID, update_type, policy=_MANAGE, body=_UPDATE),
        DELETE(_ID, delete_type, policy=_MANAGE, ok=202),
        GET(f'{_ID}/extra_specs', list_specs, policy=_MANAGE, listing=False, response=answers.EXTRA_SPECS),
        POST(f'{_ID}/extra_specs', add_specs, policy=_MANAGE, body=Obj({'extra_specs': _SPECS}, required=['extra_specs']), wrap=False),
        GET(f'{_ID}/extra_specs/{{key}}', show_spec, policy=_MANAGE, response=answers.EXTRA_SPEC),
        PUT(f'{_ID}/extra_specs/{{key}}', set_spec, policy=_MANAGE, body=_SPECS, wrap=False),
        DELETE(f'{_ID}/extra_specs/{{key}}', remove_spec, policy=_MANAGE, ok=202),
        GET(f'{_ID}/os-volume-type-access', list_access, policy=_MANAGE, listing=False, response=answers.TYPE_ACCESS),
        ACTIONS(
            f'{_ID}/action',
            {
                'addProjectAccess': Action(add_access, policy=_MANAGE, body=_PROJECT),
                'removeProjectAccess': Action(remove_access, policy=_MANAGE, body=_PROJECT),
            },
        ),
    ],
)
