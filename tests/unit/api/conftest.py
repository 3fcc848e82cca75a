"""A small API with everything in it, and a caller for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import webob

from common.api import (
    ACTIONS,
    CREATE_ONLY,
    DELETE,
    GET,
    POST,
    PUT,
    READ_ONLY,
    REQUIRED,
    WRITE_ONLY,
    Action,
    Application,
    Bool,
    Call,
    Enum,
    Field,
    Id,
    Int,
    Ip,
    List,
    Obj,
    Reply,
    Resource,
    Rule,
    Secret,
    Str,
    Uuid,
)
from common.context import Context
from common.errors import NotFound
from common.policy import ADMIN, MEMBER, READER


class Store:
    """The service behind the API; counts what was changed."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.changes = 0

    def add(self, **values: Any) -> dict[str, Any]:
        self.changes += 1
        row = {'id': f'00000000-0000-4000-8000-{len(self.rows):012d}', 'host': 'h1', **values}
        self.rows[row['id']] = row
        return row


def load(call: Call) -> dict[str, Any]:
    row = call.service.rows.get(call.params['id'])
    if row is None:
        raise NotFound('thing', call.params['id'])
    call.must_see('test:things:show', row, 'thing', row['id'])
    return row


def list_things(call: Call) -> Reply:
    page = call.paging('name:asc')
    rows = sorted(call.service.rows.values(), key=lambda row: row['name'])
    rows = [row for row in rows if call.ctx.is_admin or row['project_id'] == call.ctx.project_id]
    for name, wanted in call.filters.items():
        rows = [row for row in rows if row[name] in (wanted if isinstance(wanted, list) else [wanted])]
    if page.marker:
        ids = [row['id'] for row in rows]
        rows = rows[ids.index(page.marker) + 1 :]
    return call.paged(rows[: page.limit], page)


def show_thing(call: Call) -> dict[str, Any]:
    return load(call)


def create_thing(call: Call) -> Any:
    bodies = call.body if call.is_bulk else [call.body]
    rows = [call.service.add(**{'project_id': call.ctx.project_id, **body}) for body in bodies]
    return rows if call.is_bulk else rows[0]


def update_thing(call: Call) -> dict[str, Any]:
    row = load(call)
    row.update(call.body)
    call.service.changes += 1
    return row


def delete_thing(call: Call) -> None:
    call.service.rows.pop(load(call)['id'])
    call.service.changes += 1


def start_thing(call: Call) -> None:
    load(call)
    call.service.changes += 1


def undecided(call: Call) -> dict[str, Any]:
    return {'leak': True}


def broken(call: Call) -> None:
    raise RuntimeError('SELECT secret FROM /etc/passwd')


RULES = [
    Rule('test:things:list', READER),
    Rule('test:things:show', READER),
    Rule('test:things:create', MEMBER),
    Rule('test:things:update', MEMBER),
    Rule('test:things:delete', MEMBER),
    Rule('test:things:set_shared', ADMIN),
    Rule('test:things:see_host', ADMIN),
]
FIELDS = [
    Field('id', Uuid, READ_ONLY),
    Field('name', Str(10), REQUIRED),
    Field('project_id', Id, CREATE_ONLY, write_policy='test:things:set_shared'),
    Field('up', Bool, default=True),
    Field('size', Int(0, 10) | None, default=None),
    Field('address', Ip | None, default=None),
    Field('shared', Bool, default=False, write_policy='test:things:set_shared'),
    Field('tags', List(Str(5), max=3), default=[]),
    Field('kind', Enum('small', 'large'), CREATE_ONLY, default='small'),
    Field('password', Secret(8), WRITE_ONLY),
    Field('host', Str, READ_ONLY, read_policy='test:things:see_host'),
]


def things(prefix: str = '/v2.0') -> Resource:
    return Resource(
        'things',
        'thing',
        rules=RULES,
        fields=FIELDS,
        filters=['id', 'name', 'up', 'size', 'kind'],
        sort=['id', 'name'],
        routes=[
            GET(f'{prefix}/things', list_things, policy='test:things:list'),
            POST(f'{prefix}/things', create_thing, policy='test:things:create', bulk=True, ok=201),
            GET(f'{prefix}/things/{{id}}', show_thing, policy='test:things:show'),
            PUT(f'{prefix}/things/{{id}}', update_thing, policy='test:things:update'),
            DELETE(f'{prefix}/things/{{id}}', delete_thing, policy='test:things:delete'),
            ACTIONS(
                f'{prefix}/things/{{id}}/action',
                {
                    'start': Action(start_thing, policy='test:things:update'),
                    'resize': Action(start_thing, body=Obj({'size': Int(1, 10)}, required=['size']), policy='test:things:update', ok=200),
                    'seize': Action(start_thing, policy='test:things:set_shared'),
                },
            ),
            GET(f'{prefix}/undecided', undecided, wrap=False),
            GET(f'{prefix}/broken', broken, policy='test:things:list'),
        ],
    )


def context(project: str = 'p1', *roles: str, **rest: Any) -> Context:
    """A caller of a project."""
    return Context(
        request_id='req-1',
        global_request_id='req-1',
        user_id='u1',
        project_id=project,
        roles=frozenset(roles or ('member', 'reader')),
        **rest,
    )


class Caller:
    """Calls an application in process, as somebody."""

    def __init__(self, app: Any, ctx: Context | None) -> None:
        self.app = app
        self.ctx = ctx

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> webob.Response:
        request = webob.Request.blank(path, method=method, headers={name.replace('_', '-'): value for name, value in headers.items()})
        if body is not None:
            request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.content_type = headers.get('Content_Type', 'application/json')
        if self.ctx is not None:
            request.environ['pileus.context'] = self.ctx
        return request.get_response(self.app)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def app(store: Store) -> Application:
    return Application('network', [things()], instance=store)


@pytest.fixture
def member(app: Application) -> Caller:
    return Caller(app, context('p1'))


@pytest.fixture
def other(app: Application) -> Caller:
    return Caller(app, context('p2'))


@pytest.fixture
def admin(app: Application) -> Caller:
    return Caller(app, context('p0', 'admin', 'member', 'reader'))


@pytest.fixture
def nobody(app: Application) -> Caller:
    return Caller(app, None)


@pytest.fixture
def things_of():
    """The resource at another prefix."""
    return things


@pytest.fixture
def caller_of():
    """Make a caller of an application."""
    return Caller


@pytest.fixture
def context_of():
    """Make a context."""
    return context
