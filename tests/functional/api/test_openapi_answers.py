"""What the services answer is what their OpenAPI documents say: statuses, bodies, and errors."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import jsonschema
import pytest

from tests.functional.api.neighbours import SERVICES, Neighbours

JSON = 'application/json'
Answer = tuple[str, str, str, int, str, bytes]


class Documented:
    """One service's document, and what it says about an answer."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.paths = [(re.compile(re.sub(r'\\\{\w+\\\}', '[^/]+', re.escape(path))), path) for path in document['paths']]
        self.paths.sort(key=lambda entry: entry[1].count('{'))
        self._validators: dict[tuple[str, str, str], jsonschema.Draft202012Validator | None] = {}

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The operation of a request, with its path; None for a path or method that is not in the document."""
        plain = (
            re.sub(r'^(/v[0-9.]+)/[0-9a-f]{32}(?=/)', r'\1', path.split('?')[0])
            if path.startswith(('/v2.1', '/v3/'))
            else path.split('?')[0]
        )
        for candidate in dict.fromkeys((path.split('?')[0], plain)):
            for pattern, template in self.paths:
                found = self.document['paths'][template].get(method.lower())
                if found and pattern.fullmatch(candidate):
                    return template, found
        return None

    def check(self, answer: Answer) -> str:
        """Raises AssertionError for an answer that is not as documented; otherwise how deep it was looked at.

        `deep`: against a schema that names the keys of the body; `shallow`: against one that does not; `bare`: a status only.
        """
        _, method, path, status, content_type, data = answer
        found = self.operation(method, path)
        if found is None:
            return 'undocumented'
        template, operation = found
        assert str(status) in operation['responses'], f'{method} {template}: {status} is not documented: {data[:200]!r}'
        if status in (204, 304) or not data:
            return 'bare'
        validator = self._validator(template, method, str(status), operation)
        if validator is None:
            return 'bare'
        assert content_type.startswith(JSON), f'{method} {template}: {status} came as {content_type}'
        body = json.loads(data)
        errors = [f'{"/".join(map(str, error.absolute_path))}: {error.message[:300]}' for error in validator.iter_errors(body)]
        assert not errors, f'{method} {template} {status}: {errors[:5]}'
        return 'deep' if 'properties' in json.dumps(validator.schema) or '$ref' in json.dumps(validator.schema) else 'shallow'

    def _validator(self, template: str, method: str, status: str, operation: dict[str, Any]) -> jsonschema.Draft202012Validator | None:
        key = (template, method, status)
        if key not in self._validators:
            response = operation['responses'][status]
            if '$ref' in response:
                response = self.document['components']['responses'][status]
            schema = response.get('content', {}).get(JSON, {}).get('schema')
            made = None
            if schema is not None:
                made = jsonschema.Draft202012Validator(
                    {**schema, 'components': {'schemas': self.document['components']['schemas']}}, format_checker=jsonschema.FormatChecker()
                )
            self._validators[key] = made
        return self._validators[key]


@pytest.fixture(scope='module')
def documents(neighbours: Neighbours) -> dict[str, Documented]:
    """The documents as the live services give them."""
    return {name: Documented(json.loads(neighbours.ask(neighbours.mine, 'GET', name, '/openapi.json')[1])) for name in SERVICES}


@pytest.fixture(scope='module')
def answers(neighbours: Neighbours) -> list[Answer]:
    """Those of the setup, of every GET by the owner and by an administrator, of bad requests, and of what other tests asked."""
    for service in SERVICES:
        for bound in neighbours.routes(service):
            path, _ = neighbours.path_of(service, bound.route.path)
            if bound.route.method == 'GET':
                for client in (neighbours.theirs, neighbours.admin):
                    neighbours.ask(client, 'GET', service, path)
                if bound.route.listing:
                    neighbours.ask(neighbours.theirs, 'GET', service, f'{path}?limit=x')
            elif not bound.route.stream and bound.route.method in ('POST', 'PUT', 'PATCH'):
                neighbours.ask(neighbours.theirs, bound.route.method, service, path, b'{broken')
    return list(neighbours.answers)


# How many successful answers must at least have been held against a schema that names their keys.
AT_LEAST = {'identity': 30, 'image': 5, 'volume': 15, 'network': 40, 'compute': 30}
# Answers with a body that no schema describes yet: they are looked at for their status only (patterns).
BARE = {
    'image': r'GET /v1/images/\{id\}|GET /v2/images/\{id\}/file',  # the data of an image
    'identity': r'\w+ /v2\.0/.*|GET /v3/(OS-REVOKE/events|auth/(catalog|system|tokens)|pileus/revocations|projects/{project_id}/tags'
    r'|role_inferences|roles/{prior_role_id}/implies.*)|POST /v3/(limits|registered_limits|users/{user_id}/credentials/OS-EC2)',
}


@pytest.mark.parametrize('service', SERVICES)
def test_answers_are_as_documented(neighbours: Neighbours, documents: dict[str, Documented], answers: list[Answer], service: str) -> None:
    """Status, body and error of every answer; says how many were held against a schema that can fail."""
    depth: Counter[str] = Counter()
    wrong, bare, unknown = set(), set(), set()
    table = neighbours.apps[service].router.bound
    hidden = {re.sub(r'\{\w+[^}]*\}', '[^/]+', bound.route.path.replace('/{project}', '')) for bound in table if bound.route.hidden}
    for answer in answers:
        of, method, path, status, _, data = answer
        if of != service:
            continue
        try:
            found = documents[service].check(answer)
        except AssertionError as error:
            wrong.add(str(error).split('\nassert')[0])
            continue
        depth[f'{found} {"success" if status < 300 else "error"}'] += 1
        if found == 'bare' and data and status < 300:
            operation = documents[service].operation(method, path)
            bare.add(f'{method} {operation[0] if operation else path}')
        if found == 'undocumented' and not any(re.fullmatch(one, path.split('?')[0]) for one in hidden):
            unknown.add(f'{method} {path}')
    print(f'{service}: {dict(depth)}')
    assert not wrong, '\n'.join(sorted(wrong))
    assert not unknown, unknown
    unexpected = [one for one in sorted(bare) if not re.fullmatch(BARE.get(service, ''), one)]
    assert not unexpected, 'no response schema: ' + '; '.join(unexpected)
    assert depth['deep success'] >= AT_LEAST[service], depth


DOCUMENT: dict[str, Any] = {
    'paths': {
        '/v1/things/{id}': {
            'get': {
                'responses': {
                    '200': {
                        'content': {JSON: {'schema': {'type': 'object', 'required': ['thing'], 'properties': {'thing': {'$ref': '#/components/schemas/Thing'}}}}}
                    },
                    '404': {'$ref': '#/components/responses/404'},
                }
            }
        }
    },
    'components': {
        'schemas': {
            'Thing': {'type': 'object', 'required': ['id'], 'properties': {'id': {'type': 'string'}, 'size': {'type': 'integer'}}},
            'Error': {'type': 'object', 'required': ['message']},
        },
        'responses': {'404': {'content': {JSON: {'schema': {'$ref': '#/components/schemas/Error'}}}}},
    },
}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ('status', 'kind', 'body', 'says'),
    [
        (200, JSON, {'thing': {'size': 1}}, "'id' is a required property"),
        (200, JSON, {'thing': {'id': 'a', 'size': '1'}}, "'1' is not of type 'integer'"),
        (200, JSON, {'things': []}, "'thing' is a required property"),
        (200, 'text/html', {'thing': {'id': 'a'}}, 'came as text/html'),
        (201, JSON, {'thing': {'id': 'a'}}, '201 is not documented'),
        (404, JSON, {'oops': 1}, "'message' is a required property"),
    ],
)
def test_a_wrong_answer_is_noticed(status: int, kind: str, body: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(says)):
        Documented(DOCUMENT).check(('x', 'GET', '/v1/things/7', status, kind, json.dumps(body).encode()))


def test_a_right_answer_is_not() -> None:
    right = json.dumps({'thing': {'id': 'a', 'size': 1}}).encode()
    assert Documented(DOCUMENT).check(('x', 'GET', '/v1/things/7', 200, JSON, right)) == 'deep'


def test_a_changed_answer_of_a_live_service_is_noticed(neighbours: Neighbours, documents: dict[str, Documented]) -> None:
    """The schemas of the real documents can fail: a server, a volume, a network, an image and a project, each with a key changed."""
    for service, path, member, key in (
        ('compute', '/v2.1/servers/{id}', 'server', 'addresses'), ('volume', '/v3/volumes/{id}', 'volume', 'size'),
        ('network', '/v2.0/networks/{id}', 'network', 'subnets'), ('image', '/v2/images/{id}', '', 'min_disk'),
        ('identity', '/v3/users/{id}', 'user', 'enabled'),
    ):  # fmt: skip
        real = path.replace('{id}', neighbours.things[service, path.split('/')[2]])
        neighbours.ask(neighbours.admin if service == 'identity' else neighbours.theirs, 'GET', service, real)
        *start, data = neighbours.answers[-1]
        assert documents[service].check((*start, data)) == 'deep'  # type: ignore[arg-type]
        body = json.loads(data)
        (body[member] if member else body)[key] = 'wrong'
        with pytest.raises(AssertionError, match='wrong'):
            documents[service].check((*start, json.dumps(body).encode()))  # type: ignore[arg-type]
