"""Microversions: negotiation, and what they switch."""

from __future__ import annotations

import pytest

from common.api import ACTIONS, GET, POST, READ_ONLY, Action, Application, Field, Resource, Rule, Str, Version, VersionSpec
from common.policy import READER

LEGACY = 'X-OpenStack-Nova-API-Version'
SPEC = VersionSpec('compute', '2.1', '2.30', legacy_header=LEGACY)


def show(call):
    return {'id': '1', 'version': str(call.version), 'old': 'o', 'new': 'n'}


def create(call):
    return {'id': '1', **call.body}


@pytest.fixture
def caller(caller_of, context_of):
    rule = Rule('test:x', READER)
    fields = [
        Field('id', Str, READ_ONLY),
        Field('version', Str, READ_ONLY),
        Field('old', Str, until='2.9'),
        Field('new', Str, since='2.10'),
    ]
    resource = Resource(
        'xs',
        'x',
        fields=fields,
        routes=[
            GET('/v2.1/xs/{id}', show, policy=rule),
            POST('/v2.1/xs', create, policy=rule),
            GET('/v2.1/late', show, policy=rule, since='2.20'),
            GET('/v2.1/two', lambda call: {'which': 1}, policy=rule, until='2.14', wrap=False),
            GET('/v2.1/two', lambda call: {'which': 2}, policy=rule, since='2.15', wrap=False),
            ACTIONS(
                '/v2.1/xs/{id}/action',
                {'go': Action(lambda call: None, policy=rule, since='2.5'), 'stay': Action(lambda call: None, policy=rule)},
            ),
        ],
    )
    return caller_of(Application('compute', [resource], versions=SPEC), context_of())


@pytest.mark.parametrize(
    ('header', 'value', 'version'),
    [
        (None, None, '2.1'),
        ('OpenStack-API-Version', 'compute 2.9', '2.9'),
        ('OpenStack-API-Version', 'volume 3.50, compute 2.9', '2.9'),
        ('OpenStack-API-Version', 'volume 3.50', '2.1'),
        ('OpenStack-API-Version', 'compute latest', '2.30'),
        (LEGACY, '2.12', '2.12'),
        (LEGACY, 'latest', '2.30'),
    ],
)
def test_the_version_is_negotiated_and_named_in_the_answer(caller, header, value, version):
    answer = caller('GET', '/v2.1/xs/1', **({header: value} if header else {}))
    assert answer.json['x']['version'] == version
    assert answer.headers['OpenStack-API-Version'] == f'compute {version}'
    assert answer.headers[LEGACY] == version
    assert 'OpenStack-API-Version' in answer.headers['Vary']
    assert LEGACY in answer.headers['Vary']


@pytest.mark.parametrize('value', ['compute 2.31', 'compute 2.0', 'compute 3.1', 'compute 1.1'])
def test_out_of_range_is_406_and_says_the_range(caller, value):
    answer = caller('GET', '/v2.1/xs/1', **{'OpenStack-API-Version': value})
    assert answer.status_int == 406
    assert '2.1' in answer.json['computeFault']['message']
    assert '2.30' in answer.json['computeFault']['message']


@pytest.mark.parametrize('value', ['compute 2', 'compute x', 'compute 2.1.1', 'compute', 'compute 02.1', 'compute 2.01', 'compute 2.99999'])
def test_malformed_is_400(caller, value):
    assert caller('GET', '/v2.1/xs/1', **{'OpenStack-API-Version': value}).status_int == 400


def test_discovery_ignores_the_header(caller):
    answer = caller('GET', '/', **{'OpenStack-API-Version': 'compute 9.9'})
    assert answer.status_int == 200
    assert answer.json['versions'][0]['version'] == '2.30'
    assert caller('GET', '/v2.1/', **{'OpenStack-API-Version': 'nonsense'}).json['version']['min_version'] == '2.1'


def test_fields_live_in_their_versions(caller):
    old = caller('GET', '/v2.1/xs/1', **{LEGACY: '2.9'}).json['x']
    new = caller('GET', '/v2.1/xs/1', **{LEGACY: '2.10'}).json['x']
    assert 'old' in old
    assert 'new' not in old
    assert 'new' in new
    assert 'old' not in new
    assert caller('POST', '/v2.1/xs', {'x': {'old': '1'}}, **{LEGACY: '2.9'}).status_int == 200
    assert caller('POST', '/v2.1/xs', {'x': {'old': '1'}}, **{LEGACY: '2.10'}).status_int == 400
    assert caller('POST', '/v2.1/xs', {'x': {'new': '1'}}, **{LEGACY: '2.9'}).status_int == 400
    assert caller('POST', '/v2.1/xs', {'x': {'new': '1'}}, **{LEGACY: '2.10'}).status_int == 200


def test_routes_and_actions_live_in_their_versions(caller):
    assert caller('GET', '/v2.1/late', **{LEGACY: '2.19'}).status_int == 404
    assert caller('GET', '/v2.1/late', **{LEGACY: '2.20'}).status_int == 200
    assert caller('GET', '/v2.1/two', **{LEGACY: '2.14'}).json == {'which': 1}
    assert caller('GET', '/v2.1/two', **{LEGACY: '2.15'}).json == {'which': 2}
    assert caller('POST', '/v2.1/xs/1/action', {'go': None}, **{LEGACY: '2.4'}).status_int == 400
    assert caller('POST', '/v2.1/xs/1/action', {'go': None}, **{LEGACY: '2.5'}).status_int == 202
    assert caller('POST', '/v2.1/xs/1/action', {'stay': None}, **{LEGACY: '2.4'}).status_int == 202


def test_versions_compare_as_numbers():
    assert Version.parse('2.9') < Version.parse('2.10') < (2, 11)
    assert Version.parse('2.26').at_least('2.3')
    for text in ('', '2', '2.', '.1', '2.1 ', ' 2.1', '+2.1', '2.-1', '2.1\n', '٢.١'):
        with pytest.raises(ValueError, match='not a version'):
            Version.parse(text)
