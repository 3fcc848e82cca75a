"""Tasks: made, listed and shown by administrators; those of an image by whoever sees it."""

from __future__ import annotations

import urllib.parse
from typing import Any

from common import clock
from common.api import DELETE, GET, POST, Call, Reply, Resource
from common.api.schema import Validator
from common.api.types import Raw
from common.errors import MethodNotAllowed
from common.policy import ADMIN, READER, Rule
from image import importing, tasks
from image.api.images import CREATE
from image.api.schemas import TASK_PROPERTIES
from image.records import TaskRecord

_PAGE, _MOST = 25, 1000
_CHECK_IMAGE = Validator(CREATE.schema(), 'image_properties')
RULES = [
    Rule('image:tasks:list', ADMIN, 'List all tasks'),
    Rule('image:tasks:show', ADMIN, 'Show any task'),
    Rule('image:tasks:create', ADMIN, 'Start a task'),
    Rule('image:tasks:delete', ADMIN, 'Ask to delete a task, which is refused'),
    Rule('image:tasks:of_image', READER, 'List the tasks of an image'),
]


def _summary(record: TaskRecord) -> dict[str, Any]:
    view = {
        'id': record.id,
        'type': record.type,
        'status': record.status,
        'owner': record.owner,
        'created_at': clock.iso(record.created_at),
        'updated_at': clock.iso(record.updated_at),
        'self': f'/v2/tasks/{record.id}',
        'schema': '/v2/schemas/task',
    }
    if record.expires_at is not None:
        view['expires_at'] = clock.iso(record.expires_at)
    return view


def view(record: TaskRecord) -> dict[str, Any]:
    """A task with all that is known of it."""
    more = {
        'input': record.input,
        'result': record.result,
        'message': record.message,
        'image_id': record.image_id,
        'request_id': record.request_id,
        'user_id': record.user_id,
    }
    return _summary(record) | more


def list_tasks(call: Call) -> Reply:
    """A page of tasks, without what went in and came out."""
    page = call.paging('created_at:desc,id:desc')
    sort = list(page.sort)
    if 'id' not in dict(sort):
        sort.append(('id', sort[-1][1]))
    limit = min(page.given if page.given is not None else _PAGE, _MOST)
    filters = {name: str(call.query[name]) for name in ('type', 'status') if name in call.query}
    found = tasks.list_page(call.service, filters, sort, limit, page.marker) if limit else []
    answer: dict[str, Any] = {'tasks': [_summary(record) for record in found], 'first': _link(call, None), 'schema': '/v2/schemas/tasks'}
    if found and len(found) == limit:
        answer['next'] = _link(call, found[-1].id)
    return Reply(answer, wrap=False)


def _link(call: Call, marker: str | None) -> str:
    pairs = [(k, v) for k, v in urllib.parse.parse_qsl(call.environ.get('QUERY_STRING', ''), keep_blank_values=True) if k != 'marker']
    if marker is not None:
        pairs.append(('marker', marker))
    return '/v2/tasks' + (f'?{urllib.parse.urlencode(pairs)}' if pairs else '')


def show_task(call: Call) -> dict[str, Any]:
    """One task."""
    return view(tasks.show(call.service, call.params['id']))


def create_task(call: Call) -> Reply:
    """Import an image that is made for it."""
    given = call.body['input']
    _CHECK_IMAGE({'disk_format': given['import_from_format'], **given['image_properties']})
    record = importing.start_task(call.service, call.ctx, call.body['type'], given)
    return Reply(view(record), headers={'Location': call.url(f'/v2/tasks/{record.id}')})


def delete_task(call: Call) -> None:
    """Tasks go by themselves."""
    raise MethodNotAllowed(
        'Tasks cannot be deleted. They go by themselves at the time that their expires_at says.', headers={'Allow': 'GET'}
    )


def list_tasks_of_image(call: Call) -> Reply:
    """The tasks of an image."""
    return Reply({'tasks': [view(record) for record in tasks.of_image(call.service, call.ctx, call.params['id'])]}, wrap=False)


_CREATE = Raw(
    {
        'type': 'object',
        'properties': {
            'type': {'type': 'string', 'enum': [tasks.IMPORT]},
            'input': {
                'type': 'object',
                'properties': {
                    'import_from': {'type': 'string', 'maxLength': 2048},
                    'import_from_format': {'type': 'string', 'maxLength': 32},
                    'image_properties': {'type': 'object', 'maxProperties': 300},
                },
                'required': ['import_from', 'import_from_format', 'image_properties'],
            },
        },
        'required': ['type', 'input'],
    },
    'a task: its type, and its input',
)
_TASK = {'type': 'object', 'properties': TASK_PROPERTIES, 'additionalProperties': False}
_OF_IMAGE = {'type': 'object', 'properties': {'tasks': {'type': 'array', 'items': _TASK}}, 'required': ['tasks']}

TASKS = Resource(
    'tasks',
    'task',
    sort=('id', 'type', 'status', 'created_at', 'updated_at'),
    rules=RULES,
    routes=[
        GET('/v2/tasks', list_tasks, policy='image:tasks:list', paging=True),
        POST('/v2/tasks', create_task, policy='image:tasks:create', ok=201, body=_CREATE, response=_TASK),
        GET('/v2/tasks/{id}', show_task, policy='image:tasks:show', response=_TASK),
        DELETE('/v2/tasks/{id}', delete_task, policy='image:tasks:delete'),
        GET('/v2/images/{id}/tasks', list_tasks_of_image, policy='image:tasks:of_image', listing=False, response=_OF_IMAGE),
    ],
)
