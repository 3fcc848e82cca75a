"""The OpenAPI 3.1 document of a service, made from the same table that drives it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from common.api.fields import MISSING, REQUIRED, Field
from common.api.plan import BODY_METHODS
from common.api.resource import FROM_FIELDS, GET, Action, Resource, Route
from common.api.routing import without_project
from common.api.schema import body_schema, view_schema
from common.api.statuses import phrase
from common.api.types import as_type

if TYPE_CHECKING:
    from common.api.application import Application
    from common.api.call import Call

JSON = 'application/json'
_PARAMETER = re.compile(r'\{([a-z_]+)(?::[^}]*)?\}')
_ERRORS = (400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 416, 429, 500, 501, 503, 504)
_FORMATS = {
    'pl-uuid': 'uuid', 'pl-uri': 'uri', 'pl-date-time': 'date-time', 'pl-ip4': 'ipv4', 'pl-ip6': 'ipv6', 'pl-base64': 'byte',
}  # fmt: skip


def document_resource() -> Resource:
    """The route that gives the document."""
    return Resource('openapi', routes=[GET('/openapi.json', show_document, open=True, wrap=False, listing=False, hidden=True)])


def show_document(call: Call) -> dict[str, Any]:
    """GET /openapi.json"""
    return {**document(call.app), 'servers': [{'url': call.base_url}]}


def document(app: Application) -> dict[str, Any]:
    """The whole document, without the address of the service."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {'Error': _error_schema(app)}
    for resource in app.resources:
        routes = [route for route in resource.routes if not route.hidden]
        view = _view(resource)
        if view is not None and routes:
            schemas[_title(resource)] = view
        for route in routes:
            entry = paths.setdefault(_path(route.path), {})
            operation = _operation(app, resource, route)
            known = entry.get(route.method.lower())
            entry[route.method.lower()] = _merged(known, operation) if known else operation
    highest = app.versions.maximum if app.versions else '1'
    return {
        'openapi': '3.1.0',
        'info': {'title': app.title, 'version': highest},
        'paths': paths,
        'components': {
            'schemas': schemas,
            'responses': {str(status): _error_response(status) for status in _ERRORS},
            'securitySchemes': {'token': {'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token'}},
        },
        'security': [{'token': []}],
    }


def _merged(known: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two routes of other versions on one path: what the newer one adds, beside what the older one answers."""
    return {**known, **other, 'responses': {**known['responses'], **other['responses']}}


def _view(resource: Resource) -> dict[str, Any] | None:
    """The schema of one thing in answers, as it is declared or made of the fields; None where neither says anything."""
    if resource.view is not None:
        return _given(resource.view)
    return _plain(view_schema(list(resource.fields))) if resource.fields else None


def _title(resource: Resource) -> str:
    return ''.join(word.capitalize() for word in re.split(r'[^A-Za-z0-9]+', resource.singular or resource.plural) if word)


def _path(path: str) -> str:
    return _PARAMETER.sub(r'{\1}', without_project(path))


def _operation(app: Application, resource: Resource, route: Route) -> dict[str, Any]:
    summary = route.summary or (route.handler.__doc__ or '').strip().split('\n')[0]
    errors = {str(status): {'$ref': f'#/components/responses/{status}'} for status in _ERRORS if status != 401 or not route.open}
    operation: dict[str, Any] = {
        'operationId': _operation_id(route),
        'tags': [resource.plural],
        'parameters': _parameters(app, resource, route),
        'responses': {**_successes(app, resource, route), **errors},
    }
    if summary:
        operation['summary'] = summary
    if route.open:
        operation['security'] = []
    body = _request_body(app, resource, route)
    if body is not None:
        operation['requestBody'] = body
    for name, value in (('x-policy', route.policy_name), ('x-since', route.since), ('x-until', route.until)):
        if value:
            operation[name] = value
    return operation


def _operation_id(route: Route) -> str:
    words = re.sub(r'[^A-Za-z0-9]+', '_', _path(route.path)).strip('_')
    return f'{route.method.lower()}_{words}' + (f'_{route.since.replace(".", "_")}' if route.since else '')


def _parameters(app: Application, resource: Resource, route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {'name': name, 'in': 'path', 'required': True, 'schema': {'type': 'string'}} for name in _PARAMETER.findall(_path(route.path))
    ]
    if route.listing:
        for filter_ in resource.filters:
            many = app.dialect.many_filters if filter_.many is None else filter_.many
            found.append(_query(filter_.name, filter_.type.schema(), many, filter_.help))
        if route.paging is not False:
            found += [_query('limit', {'type': 'integer', 'minimum': 0}), _query('marker', {'type': 'string'})]
            key = {'type': 'string', **({'enum': list(resource.sort)} if resource.sort else {})}
            found += [_query('sort_key', key, True), _query('sort_dir', {'type': 'string', 'enum': ['asc', 'desc']}, True)]
    query = route.query or {}
    declared = query.get('properties', {}) if query.get('type') == 'object' else query
    found += [_query(name, as_type(kind).schema()) for name, kind in declared.items()]
    if app.dialect.fields_parameter and route.method == 'GET':
        found.append(_query('fields', {'type': 'string'}, True))
    return found


def _query(name: str, schema: Mapping[str, Any], many: bool = False, help: str = '') -> dict[str, Any]:
    plain = _plain(schema)
    entry = {'name': name, 'in': 'query', 'required': False, 'schema': {'type': 'array', 'items': plain} if many else plain}
    if help:
        entry['description'] = help
    return entry


def _member(app: Application, resource: Resource, route: Route) -> str | None:
    if route.wrap is False:
        return None
    return route.member or (resource.singular if route.wrap or app.dialect.member_wrapped else None)


def _successes(app: Application, resource: Resource, route: Route) -> dict[str, Any]:
    if route.actions is not None:
        return {str(action.ok): _success(action.ok, _given(action.response)) for action in route.actions.values()}
    schema = _answer_schema(app, resource, route)
    return {str(status): _success(status, schema) for status in (route.ok, *route.also)}


def _success(status: int, schema: dict[str, Any] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {'description': phrase(status)}
    if schema is not None and status not in (204, 304):
        answer['content'] = {JSON: {'schema': schema}}
    return answer


def _given(response: Any) -> dict[str, Any] | None:
    return None if response is None else _plain(as_type(response).schema())


def _answer_schema(app: Application, resource: Resource, route: Route) -> dict[str, Any] | None:
    if route.response is not None:
        return _given(route.response)
    if route.wrap is False or route.stream or route.actions is not None or route.method == 'DELETE' or resource.singular is None:
        return None
    known = resource.view is not None or resource.fields
    view = {'$ref': f'#/components/schemas/{_title(resource)}'} if known else {}
    plural = route.collection or resource.plural
    if route.listing:
        return {'type': 'object', 'required': [plural], 'properties': {plural: {'type': 'array', 'items': view}}}
    member = _member(app, resource, route)
    single = {'type': 'object', 'required': [member], 'properties': {member: view}} if member else view or {'type': 'object'}
    if not route.bulk:
        return single
    return {'anyOf': [single, {'type': 'object', 'required': [plural], 'properties': {plural: {'type': 'array', 'items': view}}}]}


def _request_body(app: Application, resource: Resource, route: Route) -> dict[str, Any] | None:
    if route.actions is not None:
        return _content([_action(name, action) for name, action in route.actions.items()])
    if route.stream:
        return {'required': True, 'content': {kind: {} for kind in route.content_types}}
    schema = _body_schema(app, resource, route)
    if schema is None:
        return None
    member = _member(app, resource, route)
    if member is None:
        return _content([schema], route.content_types)
    beside = {name: _plain(as_type(kind).schema()) for name, kind in route.beside.items()}
    choices = [{'type': 'object', 'required': [member], 'properties': {member: schema, **beside}}]
    if route.bulk:
        plural = route.collection or resource.plural
        choices.append({'type': 'object', 'required': [plural], 'properties': {plural: {'type': 'array', 'items': schema, 'minItems': 1}}})
    return _content(choices, route.content_types)


def _body_schema(app: Application, resource: Resource, route: Route) -> dict[str, Any] | None:
    if route.body is None or (route.body is FROM_FIELDS and (route.method not in BODY_METHODS or not resource.fields)):
        return None
    if route.body is not FROM_FIELDS:
        return _plain(as_type(route.body).schema())
    create = route.create if route.create is not None else route.method == 'POST'
    schema = body_schema(list(resource.fields), create, route.extra or resource.extra or app.dialect.extra_body)
    for field in resource.fields:
        _describe(field, schema, create)
    return _plain(schema)


def _describe(field: Field, schema: dict[str, Any], create: bool) -> None:
    """Defaults and versions, which validation does not need."""
    entry = schema['properties'].get(field.name)
    if entry is None:
        return
    entry = schema['properties'][field.name] = dict(entry)
    if create and field.default is not MISSING and REQUIRED not in field.flags:
        entry['default'] = field.default
    if field.since:
        entry['x-since'] = str(field.since)
    if field.until:
        entry['x-until'] = str(field.until)


def _action(name: str, action: Action) -> dict[str, Any]:
    inner = {} if action.body is None else _plain(as_type(action.body).schema())
    return {
        'type': 'object',
        'title': action.summary or name,
        'required': [name],
        'properties': {name: inner},
        'additionalProperties': False,
    }


def _content(choices: list[dict[str, Any]], kinds: Iterable[str] = (JSON,)) -> dict[str, Any]:
    schema = choices[0] if len(choices) == 1 else {'anyOf': choices}
    return {'required': True, 'content': {kind: {'schema': schema} for kind in kinds}}


def _plain(schema: Any) -> Any:
    """The schema without what only the kernel understands."""
    if isinstance(schema, list | tuple):
        return [_plain(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    words = schema.get('enum')
    if isinstance(words, list) and True in words and 'true' in words:
        return {'type': ['boolean', 'null'] if None in words else 'boolean'}
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == 'properties':
            out[key] = {name: _plain(inner) for name, inner in value.items()}
        elif key == 'format' and isinstance(value, str) and value.startswith('pl-'):
            if value in _FORMATS:
                out[key] = _FORMATS[value]
        elif key == 'x-secret':
            out['writeOnly'] = True
        elif key not in ('x-says', 'x-fixed', 'x-words'):
            out[key] = _plain(value)
    if 'x-says' in schema and 'description' not in out:
        out['description'] = schema['x-says']
    return out


def _error_response(status: int) -> dict[str, Any]:
    return {'description': phrase(status), 'content': {JSON: {'schema': {'$ref': '#/components/schemas/Error'}}}}


def _error_schema(app: Application) -> dict[str, Any]:
    text, whole = {'type': 'string'}, {'type': 'integer'}
    if app.service == 'network':
        inner = {'type': 'object', 'required': ['type', 'message', 'detail'], 'properties': {'type': text, 'message': text, 'detail': text}}
        return {'type': 'object', 'required': ['NeutronError'], 'properties': {'NeutronError': inner}}
    if app.service == 'identity':
        inner = {'type': 'object', 'required': ['code', 'message', 'title'], 'properties': {'code': whole, 'message': text, 'title': text}}
        return {'type': 'object', 'required': ['error'], 'properties': {'error': inner}}
    if app.service == 'image':
        return {'type': 'object', 'required': ['message', 'code', 'title'], 'properties': {'message': text, 'code': text, 'title': text}}
    inner = {'type': 'object', 'required': ['code', 'message'], 'properties': {'code': whole, 'message': text}}
    return {'type': 'object', 'minProperties': 1, 'maxProperties': 1, 'additionalProperties': inner}
