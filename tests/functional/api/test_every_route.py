"""The table of routes of every service, walked: what is wrong is refused before the service behind the API is touched.

No service runs here. The object that handlers work with fails the request as soon as it is used, so a 4xx proves that
nothing was changed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import fastjsonschema
import pytest
import webob

from common.api import Application, VersionSpec
from common.api.formats import FORMATS
from common.api.openapi import document
from common.api.plan import BodyPlan, make_plan
from common.context import Context

SERVICES = ['identity', 'image', 'volume', 'network', 'compute']
PROJECT = 'a' * 32
ANY_ID = '11111111-2222-4333-8444-555555555555'
ROLES = frozenset({'admin', 'manager', 'member', 'reader', 'service'})
BROKEN = {
    'nothing': b'',
    'not JSON': b'{"a": ',
    'not UTF-8': b'{"a": "\xff"}',
    'a list': b'[]',
    'a number': b'1',
    'null': b'null',
    'too deep': b'{"a": ' + b'[' * 200 + b']' * 200 + b'}',
    'endless': b'[' * 50000,
    'NaN': b'{"a": NaN}',
    'a huge number': b'{"a": ' + b'9' * 5000 + b'}',
    'a null byte': b'{"a": "\\u0000"}',
    'half a surrogate': b'{"a": "\\ud800"}',
}
LEAKS = re.compile(r'Traceback|sqlalchemy|SELECT |INSERT |/usr/|/root/|/home/|\.py\b|<class|object at 0x|Error\(|NoneType', re.IGNORECASE)


class Untouchable:
    """The service behind the API, which no bad request may reach."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f'the service was touched: {name}')


@pytest.fixture(scope='module', params=SERVICES)
def app(request: pytest.FixtureRequest) -> Application:
    rooms = importlib.import_module(f'{request.param}.api')
    versions = version_spec(request.param)
    return Application(request.param, rooms.RESOURCES, policies=getattr(rooms, 'RULES', ()), versions=versions, instance=Untouchable())


def version_spec(service: str) -> VersionSpec | None:
    """The microversions that a service declares in one of its API modules."""
    rooms = importlib.import_module(f'{service}.api')
    for module in [rooms, *(importlib.import_module(f'{service}.api.{found.name}') for found in pkgutil.iter_modules(rooms.__path__))]:
        for value in vars(module).values():
            if isinstance(value, VersionSpec):
                return value
    return None


def call(app: Application, route: Any, body: bytes | None, roles: frozenset[str] | None = ROLES, kind: str | None = None) -> webob.Response:
    path = re.sub(r'\{(\w+)[^}]*\}', lambda found: PROJECT if found[1] == 'project' else ANY_ID, route.path)
    request = webob.Request.blank(path, method=route.method, headers={'Accept': 'application/json'})
    if app.versions is not None:
        request.headers['OpenStack-API-Version'] = f'{app.versions.service_type} latest'
    if body is not None:
        request.body = body
        request.content_type = kind or route.content_types[0]
    if roles is not None:
        request.environ['pileus.context'] = Context(
            'req-1', 'req-1', user_id='b' * 32, user_domain_id='default', project_id=PROJECT, project_domain_id='default', roles=roles
        )
    return request.get_response(app)


def routes(app: Application) -> list[Any]:
    found = [
        bound for bound in app.router.bound if bound.exists_in(app.versions.highest if app.versions else None) and not bound.route.hidden
    ]
    assert len(found) > 20, 'the walk has lost its way'
    return found


def message_of(app: Application, answer: webob.Response) -> str:
    """The message of an error, which must be in the service's own form."""
    body = answer.json
    if app.service == 'image':
        return body['message']
    (key, inner), *more = body.items()
    assert not more
    assert {'identity': key == 'error', 'network': key == 'NeutronError'}.get(app.service, key[0].islower()), body
    return inner['message']


def refused(app: Application, answer: webob.Response, what: Any) -> str:
    """Assert a clean refusal; its message."""
    assert 400 <= answer.status_int < 500, (what, answer.status, answer.text)
    message = message_of(app, answer)
    assert message, what
    assert not LEAKS.search(message), (what, message)
    return message


def test_without_a_token_only_open_routes_answer(app):
    for bound in routes(app):
        if not bound.route.open:
            answer = call(app, bound.route, b'{broken', roles=None)
            assert answer.status_int == 401, bound.route
            if bound.route.method != 'HEAD':
                message_of(app, answer)


def test_without_a_role_every_rule_of_a_route_says_no(app):
    asked = 0
    for bound in routes(app):
        rule = bound.route.policy_name
        if rule is None or bound.route.open or app.policy.text_of(rule) == '@':
            continue
        if app.policy.check(Context('r', 'r', user_id='b' * 32, project_id=PROJECT), rule):
            continue
        answer = call(app, bound.route, b'{broken', roles=frozenset())
        assert answer.status_int in (403, 404), (bound.route.method, bound.route.path, answer.status, answer.text)
        asked += 1
    assert asked > 15


def test_broken_bodies(app):
    tried = 0
    for bound in routes(app):
        route = bound.route
        plan = make_plan(bound.resource, route, app.versions.highest if app.versions else None, app.dialect)
        if plan.body is None and not plan.actions:
            continue
        for what, body in BROKEN.items():
            if (
                what in ('nothing', 'a list')
                and plan.body is not None
                and (plan.body.validator is None or 'array' in str(plan.body.validator.schema.get('type')))
            ):
                continue
            refused(app, call(app, route, body), (what, route.method, route.path))
            tried += 1
        kinds = {call(app, route, b'{}', kind='text/xml').status_int}
        assert kinds <= {400, 415}, route.path
    assert tried > 50, tried


def bodies(bound: Any, plan: Any) -> Iterator[tuple[str, BodyPlan]]:
    """(the key around the body, or empty; the body's plan) of a route and of each of its actions."""
    if plan.body is not None and plan.body.validator is not None:
        yield plan.body.member or '', plan.body
    for name, (_, body) in plan.actions.items():
        if body.validator is not None:
            yield name, body


def sample(schema: dict[str, Any]) -> Any:
    """A small value that fits a schema, for most schemas."""
    for key in ('default', 'const'):
        if key in schema:
            return schema[key]
    if 'enum' in schema:
        return schema['enum'][0]
    for key in ('anyOf', 'oneOf'):
        if key in schema:
            return sample(schema[key][0])
    kinds = schema.get('type', 'string')
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == 'object':
        return {name: sample(schema.get('properties', {}).get(name, {})) for name in schema.get('required', ())}
    if kind == 'array':
        return [sample(schema.get('items', {}))] * schema.get('minItems', 0)
    texts = {'pl-uuid': ANY_ID, 'pl-hex-id': 'a' * 32, 'pl-ip': '10.0.0.1', 'pl-ip4': '10.0.0.1', 'pl-cidr': '10.0.0.0/24', 'pl-mac': 'fa:16:3e:00:00:01', 'pl-uri': 'http://h/', 'pl-base64': 'YQ==', 'pl-date-time': '2026-01-01T00:00:00Z'}  # fmt: skip
    return {'integer': schema.get('minimum', 0), 'number': 0, 'boolean': True, 'null': None}.get(
        kind, texts.get(schema.get('format', ''), 'a' * max(1, schema.get('minLength', 1)))
    )


WRONG = [{'an': 'object'}, ['a', 'list'], 'a' * 70000, -(10**18), 10**18, 1.5, True, None, '\n', '']


def test_every_field_refuses_what_does_not_fit(app):
    """Each field of each body gets each of the wrong values that its own schema does not allow."""
    tried = 0
    for bound in routes(app):
        plan = make_plan(bound.resource, bound.route, app.versions.highest if app.versions else None, app.dialect)
        for key, body in bodies(bound, plan):
            schema = body.validator.schema
            base = sample(schema)
            if not isinstance(base, dict) or not fits(schema, base):
                continue
            for name, inner in schema.get('properties', {}).items():
                check = fastjsonschema.compile(inner, formats=FORMATS, use_default=False) if inner else lambda value: value
                for value in WRONG:
                    if passes(check, value):
                        continue
                    given = {**base, name: value}
                    message = refused(
                        app, call(app, bound.route, json.dumps({key: given} if key else given).encode()), (bound.route.path, name, value)
                    )
                    assert name in message, (bound.route.path, name, value, message)
                    tried += 1
    assert tried > 10, tried
    print(f'{app.service}: {tried} wrong values refused')


def fits(schema: dict[str, Any], value: Any) -> bool:
    return passes(fastjsonschema.compile(schema, formats=FORMATS, use_default=False), json.loads(json.dumps(value)))


def passes(check: Any, value: Any) -> bool:
    try:
        check(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@pytest.mark.parametrize('query', ['limit=-1', 'limit=x', 'limit=99999999999999999999', 'marker=%00', 'marker=%ff', 'limit=1.5', 'x%00=1'])
def test_bad_queries_of_every_list(app, query):
    asked = 0
    for bound in routes(app):
        route = bound.route
        if route.method == 'GET' and route.listing and not route.open and route.paging is not False:
            path = re.sub(r'\{(\w+)[^}]*\}', lambda found: PROJECT if found[1] == 'project' else ANY_ID, route.path)
            request = webob.Request.blank(f'{path}?{query}', headers={'Accept': 'application/json'})
            request.environ['pileus.context'] = Context('r', 'r', user_id='b' * 32, project_id=PROJECT, roles=ROLES)
            refused(app, request.get_response(app), (route.path, query))
            asked += 1
    assert asked > 2


def test_the_document_is_complete(app):
    found = json.loads(json.dumps(document(app)))
    ids = [operation['operationId'] for entry in found['paths'].values() for operation in entry.values()]
    assert len(ids) == len(set(ids)) > 20
    for path, entry in found['paths'].items():
        for method, operation in entry.items():
            assert any(status.startswith(('2', '3')) for status in operation['responses']), (method, path)
            named = {parameter['name'] for parameter in operation['parameters'] if parameter['in'] == 'path'}
            assert named == set(re.findall(r'\{(\w+)\}', path)), path


def test_every_service_is_there():
    for service in SERVICES:
        assert importlib.util.find_spec(service) is not None
