"""The OpenAPI document says what the application does."""

from __future__ import annotations

import json

import jsonschema
import pytest

from common.api import Application
from common.api.openapi import document


@pytest.fixture
def found(nobody):
    return nobody('GET', '/openapi.json').json


def test_the_document_is_open_and_has_every_route(found, app):
    described = {(method.upper(), path) for path, entry in found['paths'].items() for method in entry}
    routes = {(route.method, route.path) for resource in app.resources for route in resource.routes if not route.hidden}
    assert described == routes
    assert found['openapi'].startswith('3.1')
    assert found['servers'] == [{'url': 'http://localhost:80'}]
    assert not {'x-says', 'x-fixed', 'x-secret', 'pl-'} & set(json.dumps(found).replace('"', ' ').split())


def test_references_lead_somewhere(found):
    def walk(value):
        if isinstance(value, dict):
            if '$ref' in value:
                target = found
                for part in value['$ref'].removeprefix('#/').split('/'):
                    target = target[part]
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(found)


def test_identifiers_are_unique(found):
    ids = [operation['operationId'] for entry in found['paths'].values() for operation in entry.values()]
    assert len(ids) == len(set(ids))


def schema_of(found, method, path, status):
    schema = found['paths'][path][method]['responses'][status]['content']['application/json']['schema']
    return {**schema, 'components': found['components']}


def test_live_answers_fit_the_document(found, member, admin):
    for caller in (member, admin):
        created = caller('POST', '/v2.0/things', {'thing': {'name': 'a', 'size': 5, 'address': '1.1.1.1', 'up': 'no'}})
        jsonschema.validate(created.json, schema_of(found, 'post', '/v2.0/things', '201'))
        path = f'/v2.0/things/{created.json["thing"]["id"]}'
        jsonschema.validate(caller('GET', path).json, schema_of(found, 'get', '/v2.0/things/{id}', '200'))
        jsonschema.validate(caller('GET', '/v2.0/things').json, schema_of(found, 'get', '/v2.0/things', '200'))


@pytest.mark.parametrize('service', ['network', 'compute', 'identity', 'volume', 'image'])
def test_errors_fit_the_document(service, things_of, caller_of):
    app = Application(service, [things_of()])
    error = {**document(app)['components']['schemas']['Error']}
    answer = caller_of(app, None)('GET', '/v2.0/things', Accept='application/json')
    assert answer.status_int == 401
    jsonschema.validate(answer.json, error)


def test_documented_bodies_are_what_is_accepted(found, member):
    body = found['paths']['/v2.0/things']['post']['requestBody']['content']['application/json']['schema']
    checker = jsonschema.Draft202012Validator(body)
    for given in [
        {'name': 'a'},
        {},
        {'name': 5},
        {'name': 'a', 'size': 11},
        {'name': 'a', 'more': 1},
        {'name': 'a', 'id': 'x'},
        {'name': 'a', 'kind': 'x'},
    ]:
        accepted = member('POST', '/v2.0/things', {'thing': given}).status_int == 201
        assert checker.is_valid({'thing': given}) == accepted, given


def test_actions_and_rules_are_shown(found):
    action = found['paths']['/v2.0/things/{id}/action']['post']['requestBody']['content']['application/json']['schema']['anyOf']
    assert {entry['required'][0] for entry in action} == {'start', 'resize', 'seize'}
    assert found['paths']['/v2.0/things']['get']['x-policy'] == 'test:things:list'
