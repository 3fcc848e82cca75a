"""The kernel's order, in one function: `handle`.

    match -> version -> authenticate -> policy on the route -> limits -> parse -> validate -> handler -> view

Errors of any step leave as exceptions; `Application` turns them into the service's own format.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from common.api.body import check_content_type, parse_json, read_bytes
from common.api.call import Call, Reply
from common.api.fields import MISSING
from common.api.links import keystone_links
from common.api.plan import BodyPlan, Plan, make_plan
from common.api.routing import Bound, path_of
from common.context import Context
from common.errors import InvalidInput, Unauthorized
from common.policy import own_target

if TYPE_CHECKING:
    from common.api.application import Application
    from common.api.versions import Version

_ENCODER = json.JSONEncoder(separators=(',', ':'), ensure_ascii=True, allow_nan=False)
JSON = 'application/json'


class Undecided(AssertionError):
    """A handler answered without any policy having been asked: a defect that must not reach a client as data."""


class Answer:
    """A finished answer: status, headers, and the body as pieces of bytes."""

    __slots__ = ('status', 'headers', 'pieces')

    def __init__(self, status: int, headers: list[tuple[str, str]], pieces: Any) -> None:
        self.status = status
        self.headers = headers
        self.pieces = pieces


def handle(app: Application, environ: dict[str, Any]) -> Answer:
    """Answer one request. Raises what is to be reported as a fault."""
    method = environ['REQUEST_METHOD']
    path = path_of(environ)
    version = app.version_of(environ, path)
    bound, params = app.router.match(method, path, version)
    route = bound.route
    environ['pileus.route'] = route

    ctx = authenticate(app, environ, route.open)
    call = Call(app, environ, ctx)
    call.route, call.resource, call.version, call.params, call.ok = route, bound.resource, version, params, route.ok
    environ['pileus.context'] = ctx
    if bound.of_project:
        check_project(call)
    allow_on_route(call)

    call.plan = plan = plan_for(app, bound, version)
    query = environ.get('QUERY_STRING')
    if query and plan.query is not None:
        call.query, call.filters, call.fields = plan.query.read(query, environ)
    handler = read_body(call, plan) or route.handler

    result = app.once(call, handler)
    if not call.decided:
        raise Undecided(f'{route.method} {route.path} asked no policy')
    return render(call, result)


def authenticate(app: Application, environ: dict[str, Any], is_open: bool) -> Context:
    """The caller that the middleware found; anonymous only where the route is open."""
    ctx: Context | None = environ.get('pileus.context')
    if ctx is None:
        ctx = Context.anonymous(environ.get('pileus.request_id'), remote_address=environ.get('REMOTE_ADDR'))
    if ctx.is_anonymous and not is_open:
        raise environ.get('pileus.refusal') or Unauthorized()
    return ctx


def check_project(call: Call) -> None:
    """A project in the path must be the token's own, as upstream has it."""
    project = call.params.get('project')
    if project is not None and project != call.ctx.project_id and not call.route.open:
        raise InvalidInput(f'Malformed request URL: the project {project[:64]!r} is not the one of the token.', field='project')


def allow_on_route(call: Call) -> None:
    """Ask the route's rule before anything is read. The target is the caller's own, with the path's parameters."""
    route = call.route
    if route.open:
        call.decided = True
    name = route.policy_name
    if name is not None:
        call.authorize(name, {**own_target(call.ctx), **call.params} if call.params else None)


def plan_for(app: Application, bound: Bound, version: Version | None) -> Plan:
    """The compiled plan of the epoch that the version lies in."""
    epoch = 0 if version is None else bisect_right(app.epochs[id(bound.resource)].starts, version)
    plan = bound.plans.get(epoch)
    if plan is None:
        plan = bound.plans[epoch] = make_plan(bound.resource, bound.route, version, app.dialect)
    return plan


def read_body(call: Call, plan: Plan) -> Any:
    """Read, check and convert the body; an action's own handler is returned."""
    route, environ = call.route, call.environ
    if route.actions is not None:
        return read_action(call, plan)
    body = plan.body
    if body is None:
        if route.stream:
            check_content_type(environ, route.content_types)
        return None
    data = read_bytes(environ, route.max_body or call.app.max_body)
    if data:
        check_content_type(environ, route.content_types)
    elif body.validator is None:
        return None
    else:
        raise InvalidInput('The request needs a JSON body.')
    call.body, call.beside, call.is_bulk = body.read(parse_json(data))
    if body.write_policies:
        check_written_fields(call, body)
    return None


def read_action(call: Call, plan: Plan) -> Any:
    """Find the action that the body's one key names; ask its rule; check its value."""
    data = read_bytes(call.environ, call.route.max_body or call.app.max_body)
    check_content_type(call.environ, call.route.content_types)
    value = parse_json(data) if data else None
    if not isinstance(value, dict) or len(value) != 1:
        raise InvalidInput('The body of the request must be an object with one key, the action.')
    name, given = next(iter(value.items()))
    if name not in plan.actions:
        raise InvalidInput(f'There is no such action: {name[:60]}.', field=name[:60])
    action, body = plan.actions[name]
    call.action, call.ok = name, action.ok
    if action.policy is not None:
        rule = action.policy if isinstance(action.policy, str) else action.policy.name
        call.authorize(rule, {**own_target(call.ctx), **call.params})
    call.body, _, _ = body.read(given)
    return action.handler


def check_written_fields(call: Call, plan: BodyPlan) -> None:
    """Ask the rules of the fields that the client set to something else than their default."""
    for values in call.body if call.is_bulk else (call.body,):
        target = {**own_target(call.ctx), **call.params, **values}
        for name, rule, default in plan.write_policies:
            if name in values and (default is MISSING or values[name] != default):
                call.authorize(rule, target)


def render(call: Call, result: Any) -> Answer:
    """The answer to send, from what the handler gave back."""
    if isinstance(result, Reply):
        status = result.status or call.ok
        if result.app_iter is not None or result.raw is not None:
            return _raw(status, result)
        body, headers, extra = result.body, list(result.headers), result.extra
        wrap = result.wrap if result.wrap is not None else _wraps(call)
        if result.etag is not None:
            headers.append(('ETag', f'"{result.etag}"'))
            if f'"{result.etag}"' in call.environ.get('HTTP_IF_NONE_MATCH', ''):
                return Answer(304, headers, ())
    else:
        status, body, headers, extra, wrap = call.ok, result, [], None, _wraps(call)
    if body is None and extra is None:
        if status not in (204, 304):
            headers.append(('Content-Length', '0'))
        return Answer(status, headers, ())
    view = make_view(call, body, extra, wrap)
    data = _ENCODER.encode(view).encode('ascii')
    headers.append(('Content-Type', JSON))
    headers.append(('Content-Length', str(len(data))))
    return Answer(status, headers, (data,))


def _wraps(call: Call) -> bool:
    if call.action is not None:
        return (call.route.actions or {})[call.action].wrap
    return call.plan.wrap


def _raw(status: int, reply: Reply) -> Answer:
    headers = list(reply.headers)
    if reply.content_type:
        headers.append(('Content-Type', reply.content_type))
    if reply.raw is not None:
        headers.append(('Content-Length', str(len(reply.raw))))
        return Answer(status, headers, (reply.raw,))
    return Answer(status, headers, reply.app_iter)


def make_view(call: Call, body: Any, extra: Any, wrap: bool) -> Any:
    """What the client sees: fields of its version that it may see and asked for, under the service's keys."""
    plan = call.plan
    if not wrap:
        return {**body, **extra} if extra and isinstance(body, dict) else body
    if plan.hidden or plan.read_policies or call.fields:
        body = [_shown(call, item) for item in body] if isinstance(body, list) else _shown(call, body)
    if isinstance(body, list):
        view = {plan.collection: body}
        if call.app.dialect.always_links and not (extra and 'links' in extra):
            view.update(keystone_links(call))
    else:
        view = {plan.member: body} if plan.member else body
    if extra:
        view = {**view, **extra}
    return view


def _shown(call: Call, item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    plan = call.plan
    out = {name: value for name, value in item.items() if name not in plan.hidden} if plan.hidden else item
    for name, rule in plan.read_policies:
        if name in out and not call.app.policy.check(call.ctx, rule, item):
            out = {key: value for key, value in out.items() if key != name}
    if call.fields:
        out = {name: out[name] for name in call.fields if name in out}
    return out
