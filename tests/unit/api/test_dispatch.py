"""What a client meets: the kernel's order, its refusals, its answers."""

from __future__ import annotations

import logging

import pytest

from common.api import GET, READ_ONLY, Application, Field, Filter, Reply, Resource, Rule, Str
from common.policy import READER

THING = '/v2.0/things'


def make(member, **values):
    answer = member('POST', THING, {'thing': {'name': 'a', **values}})
    assert answer.status_int == 201, answer.text
    return answer.json['thing']


def test_create_fills_defaults_and_converts_values(member):
    thing = make(member, up='no', size='7', address='FE80::0001')
    assert thing['up'] is False
    assert thing['size'] == 7
    assert thing['address'] == 'fe80::1'
    assert thing['shared'] is False
    assert thing['tags'] == []
    assert thing['kind'] == 'small'


def test_a_default_list_is_not_shared_between_requests(member, store):
    first = make(member)
    store.rows[first['id']]['tags'].append('mine')
    assert make(member)['tags'] == []


def test_update_fills_nothing_in(member, store):
    thing = make(member, up=False, size=3)
    answer = member('PUT', f'{THING}/{thing["id"]}', {'thing': {'name': 'b'}})
    assert answer.status_int == 200
    assert answer.json['thing']['name'] == 'b'
    assert answer.json['thing']['up'] is False
    assert answer.json['thing']['size'] == 3


def test_bulk_create_checks_everything_before_making_anything(member, store):
    answer = member('POST', THING, {'things': [{'name': 'x'}, {'nme': 'y'}]})
    assert answer.status_int == 400
    assert store.changes == 0
    answer = member('POST', THING, {'things': [{'name': 'x'}, {'name': 'y'}]})
    assert answer.status_int == 201
    assert [thing['name'] for thing in answer.json['things']] == ['x', 'y']


@pytest.mark.parametrize(
    ('body', 'status', 'words'),
    [
        (b'', 400, ['JSON body']),
        (b'{', 400, ['not valid JSON']),
        (b'\xff\xfe', 400, ['UTF-8']),
        (b'null', 400, ['JSON object']),
        (b'[1]', 400, ['JSON object']),
        (b'"x"', 400, ['JSON object']),
        (b'{"thing": [1]}', 400, ['thing', 'an object']),
        (b'{"thing": null}', 400, ['thing', 'an object']),
        (b'{}', 400, ["'thing'"]),
        (b'{"thing": {"name": "a"}, "more": 1}', 400, ["'more'", 'thing']),
        (b'{"things": []}', 400, ['things']),
        (b'{"things": {"name": "a"}}', 400, ['things']),
        (b'{"thing": {"name": "a\\u0000b"}}', 400, ['thing.name', 'null byte']),
        (b'{"thing": {"na\\u0000me": "a"}}', 400, ['null byte']),
        (b'{"thing": {"name": "\\ud800"}}', 400, ['thing.name', 'Unicode']),
        (b'{"thing": {"name": NaN}}', 400, ['NaN']),
        (b'{"thing": {"name": "a", "size": 1e999}}', 400, ['too large']),
        (b'{"thing": {"name": "a", "size": ' + b'9' * 5000 + b'}}', 400, ['digits']),
        (b'{"thing": {"name": "a", "tags": ' + b'[' * 100 + b']' * 100 + b'}}', 400, ['nested']),
        (b'[' * 100000, 400, ['nested']),
        (b'{"thing": {}}', 400, ["'name'", 'must be given']),
        (b'{"thing": {"name": 5}}', 400, ['thing.name', '0 to 10 characters', '5']),
        (b'{"thing": {"name": "12345678901"}}', 400, ['thing.name', '10']),
        (b'{"thing": {"name": "a", "id": "x"}}', 400, ["'id'", 'cannot be set']),
        (b'{"thing": {"name": "a", "colour": "red"}}', 400, ["'colour'", 'name', 'kind']),
        (b'{"thing": {"name": "a", "size": 11}}', 400, ['thing.size', '0 to 10', '11']),
        (b'{"thing": {"name": "a", "size": -1}}', 400, ['thing.size', '-1']),
        (b'{"thing": {"name": "a", "size": "11"}}', 400, ['thing.size']),
        (b'{"thing": {"name": "a", "size": true}}', 400, ['thing.size']),
        (b'{"thing": {"name": "a", "size": 1.5}}', 400, ['thing.size']),
        (b'{"thing": {"name": "a", "up": "maybe"}}', 400, ['thing.up', 'true or false']),
        (b'{"thing": {"name": "a", "up": null}}', 400, ['thing.up']),
        (b'{"thing": {"name": "a", "address": "1.2.3"}}', 400, ['thing.address', 'IP address']),
        (b'{"thing": {"name": "a", "address": "fe80::1%eth0"}}', 400, ['thing.address']),
        (b'{"thing": {"name": "a", "tags": ["abcdef"]}}', 400, ['thing.tags[0]', '5']),
        (b'{"thing": {"name": "a", "tags": ["a", "b", "c", "d"]}}', 400, ['thing.tags', '3']),
        (b'{"thing": {"name": "a", "kind": "huge"}}', 400, ['thing.kind', 'small, large']),
        (b'{"thing": {"name": "' + b'a' * 2000000 + b'"}}', 413, ['larger than']),
    ],
)
def test_bad_bodies_are_refused_with_a_reason_and_change_nothing(member, store, body, status, words):
    answer = member('POST', THING, body)
    assert answer.status_int == status
    error = answer.json['NeutronError']
    for word in words:
        assert word in error['message']
    assert store.changes == 0


def test_a_message_never_repeats_a_secret(member):
    answer = member('POST', THING, {'thing': {'name': 'a', 'password': 'much-too-long-secret'}})
    assert answer.status_int == 400
    assert 'thing.password' in answer.text
    assert 'much-too-long' not in answer.text


def test_a_long_value_is_not_repeated_whole(member):
    answer = member('POST', THING, {'thing': {'name': 'x' * 5000}})
    assert len(answer.body) < 500


@pytest.mark.parametrize('kind', ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16'])
def test_other_content_types_are_refused(member, store, kind):
    answer = member('POST', THING, {'thing': {'name': 'a'}}, Content_Type=kind)
    assert answer.status_int == 415
    assert store.changes == 0


def test_json_with_a_charset_is_read(member):
    assert member('POST', THING, {'thing': {'name': 'a'}}, Content_Type='application/json; charset=UTF-8').status_int == 201


@pytest.mark.parametrize(
    ('query', 'words'),
    [
        ('limit=-1', ['limit']),
        ('limit=x', ['limit']),
        ('limit=99999999999999', ['limit']),
        ('sort_key=colour', ['colour', 'id, name']),
        ('sort_key=name&sort_dir=up', ['asc or desc']),
        ('up=maybe', ['up', 'true or false']),
        ('size=x', ['size', '0 to 10']),
        ('name=%00', ['null byte']),
        ('name=%ff', ['UTF-8']),
        ('&'.join(f'a{i}=1' for i in range(1001)), ['parameters']),
    ],
)
def test_bad_queries_are_refused(member, query, words):
    answer = member('GET', f'{THING}?{query}')
    assert answer.status_int == 400, answer.text
    for word in words:
        assert word in answer.json['NeutronError']['message']


@pytest.mark.parametrize('path', ['/v2.0/things/%00', '/v2.0/things/%ff', '/v2.0/things/' + 'a' * 5000])
def test_bad_paths_are_refused(member, path):
    assert member('GET', path).status_int == 400


def test_filters_may_be_repeated_and_an_impossible_identifier_finds_nothing(member):
    for name in 'abc':
        member('POST', THING, {'thing': {'name': name}})
    assert [t['name'] for t in member('GET', f'{THING}?name=a&name=c').json['things']] == ['a', 'c']
    assert member('GET', f'{THING}?id=no-such-form').json['things'] == []
    assert member('GET', f'{THING}?kind=huge').json['things'] == []
    assert member('GET', f'{THING}?unknown=1').status_int == 400
    assert member('GET', f'{THING}/{make(member)["id"]}?unknown=1').status_int == 200, 'only lists could answer with too much'


def test_fields_pick_what_is_shown(member):
    thing = make(member)
    assert member('GET', f'{THING}/{thing["id"]}?fields=id&fields=name').json == {'thing': {'id': thing['id'], 'name': 'a'}}
    assert member('GET', f'{THING}?fields=name').json == {'things': [{'name': 'a'}]}


def test_paging_links_lead_through_the_list(member):
    for name in 'abcde':
        member('POST', THING, {'thing': {'name': name}})
    names, path = [], f'{THING}?limit=2&name=a&name=b&name=c'
    while path:
        page = member('GET', path).json
        names += [thing['name'] for thing in page['things']]
        following = [link['href'] for link in page.get('things_links', []) if link['rel'] == 'next']
        path = following[0] if following else None
    assert names == ['a', 'b', 'c']


def test_fields_behind_a_rule(member, admin, store):
    assert 'host' not in make(member)
    assert 'host' in make(admin)
    answer = member('POST', THING, {'thing': {'name': 'a', 'shared': True}})
    assert answer.status_int == 403
    assert store.changes == 2
    assert member('POST', THING, {'thing': {'name': 'a', 'shared': False}}).status_int == 201
    assert admin('POST', THING, {'thing': {'name': 'a', 'shared': True, 'project_id': 'p9'}}).json['thing']['project_id'] == 'p9'


def test_write_only_fields_are_never_shown(member):
    assert 'password' not in make(member, password='secret')


def test_what_others_own_does_not_exist(member, other):
    thing = make(member)
    for method in ('GET', 'PUT', 'DELETE'):
        body = {'thing': {}} if method == 'PUT' else None
        answer = other(method, f'{THING}/{thing["id"]}', body)
        assert answer.status_int == 404
        assert answer.json['NeutronError']['type'] == 'ThingNotFound'
    assert other('GET', THING).json['things'] == []


def test_no_token_is_401_before_anything_is_read(nobody, store):
    for method, path in (('GET', THING), ('POST', THING), ('DELETE', f'{THING}/x')):
        assert nobody(method, path, b'{broken' if method == 'POST' else None).status_int == 401
    assert store.changes == 0


def test_a_role_that_is_missing_is_403_before_the_body_is_read(app, caller_of, context_of):
    reader = caller_of(app, context_of('p1', 'reader'))
    assert reader('POST', THING, b'{broken').status_int == 403


def test_unknown_paths_and_methods(member):
    assert member('GET', '/v2.0/nothing').status_int == 404
    answer = member('PATCH', THING)
    assert answer.status_int == 405
    assert answer.headers['Allow'] == 'GET, HEAD, POST'
    assert member('BREW', f'{THING}/x').headers['Allow'] == 'DELETE, GET, HEAD, PUT'


def test_head_answers_like_get_without_a_body(member):
    thing = make(member)
    got, head = member('GET', f'{THING}/{thing["id"]}'), member('HEAD', f'{THING}/{thing["id"]}')
    assert head.status_int == 200
    assert head.body == b''
    assert head.headers['Content-Length'] == got.headers['Content-Length']


def test_actions(member, store):
    thing = make(member)
    path = f'{THING}/{thing["id"]}/action'
    assert member('POST', path, {'start': None}).status_int == 202
    assert member('POST', path, {'resize': {'size': 3}}).status_int == 200
    changes = store.changes
    for body, status in [
        ({'resize': {'size': 30}}, 400),
        ({'resize': {}}, 400),
        ({'resize': None}, 400),
        ({'fly': None}, 400),
        ({}, 400),
        ({'start': None, 'resize': {}}, 400),
        ([], 400),
        ({'seize': None}, 403),
    ]:
        assert member('POST', path, body).status_int == status, body
    assert store.changes == changes


def test_a_handler_that_asked_no_policy_is_a_defect(member):
    answer = member('GET', '/v2.0/undecided')
    assert answer.status_int == 500
    assert 'leak' not in answer.text


def test_an_unexpected_error_says_nothing_but_the_request_id(member, caplog):
    with caplog.at_level(logging.ERROR):
        answer = member('GET', '/v2.0/broken')
    assert answer.status_int == 500
    error = answer.json['NeutronError']
    assert error['type'] == 'HTTPInternalServerError'
    assert 'SELECT' not in answer.text
    assert 'RuntimeError' not in answer.text
    assert 'req-' in error['message']
    assert 'RuntimeError' in caplog.text


def test_a_rule_nobody_declared_stops_the_start():
    with pytest.raises(ValueError, match='test:missing'):
        Application('network', [Resource('x', 'x', routes=[GET('/x', lambda call: {}, policy='test:missing')])])
    with pytest.raises(ValueError, match='test:hidden'):
        Application(
            'network',
            [
                Resource(
                    'x',
                    'x',
                    fields=[Field('a', Str, read_policy='test:hidden')],
                    routes=[GET('/x', lambda call: {}, policy=Rule('test:x', READER))],
                )
            ],
        )


def test_etag_and_not_modified(context_of, caller_of):
    def show(call):
        return Reply({'a': 1}, etag='r7')

    app = Application('network', [Resource('x', 'x', routes=[GET('/x/{id}', show, policy=Rule('test:x', READER))])])
    caller = caller_of(app, context_of())
    assert caller('GET', '/x/1').headers['ETag'] == '"r7"'
    answer = caller('GET', '/x/1', If_None_Match='"r7"')
    assert answer.status_int == 304
    assert answer.body == b''


def test_streams_and_raw_bytes(context_of, caller_of):
    def raw(call):
        return Reply(raw=b'abc', content_type='text/plain')

    closed = []

    class Pieces:
        def __iter__(self):
            return iter([b'a', b'b'])

        def close(self):
            closed.append(True)

    def pieces(call):
        return Reply(app_iter=Pieces(), headers={'Content-Type': 'application/octet-stream'})

    rule = Rule('test:x', READER)
    app = Application('image', [Resource('x', routes=[GET('/raw', raw, policy=rule), GET('/pieces', pieces, policy=rule)])])
    caller = caller_of(app, context_of())
    assert caller('GET', '/raw').body == b'abc'
    assert caller('GET', '/raw').headers['Content-Length'] == '3'
    assert caller('GET', '/pieces').body == b'ab'
    assert caller('HEAD', '/pieces').body == b''
    assert closed == [True, True]


def test_a_project_in_the_path_is_optional_and_must_be_the_callers(context_of, caller_of):
    def show(call):
        return {'id': call.params['id'], 'project': call.params.get('project')}

    app = Application('compute', [Resource('xs', 'x', routes=[GET('/v2.1/{project}/xs/{id}', show, policy=Rule('test:x', READER))])])
    caller = caller_of(app, context_of('p1'))
    assert caller('GET', '/v2.1/xs/5').json['x'] == {'id': '5', 'project': None}
    assert caller('GET', '/v2.1/p1/xs/5').json['x'] == {'id': '5', 'project': 'p1'}
    answer = caller('GET', '/v2.1/p2/xs/5')
    assert answer.status_int == 400
    assert answer.json['badRequest']['code'] == 400


def test_unknown_query_parameters_as_declared(context_of, caller_of):
    def show(call):
        return Reply({'query': call.query}, wrap=False)

    rule = Rule('test:x', READER)
    strict = {'type': 'object', 'properties': {'n': {'type': 'integer'}}, 'additionalProperties': False}
    resource = Resource(
        'xs',
        filters=[Filter('a', Str)],
        routes=[GET('/strict', show, policy=rule, query=strict), GET('/loose', show, policy=rule, query={'n': Str})],
    )
    caller = caller_of(Application('compute', [resource]), context_of())
    assert caller('GET', '/strict?n=5').json == {'query': {'n': 5}}
    assert caller('GET', '/strict?n=x').status_int == 400
    answer = caller('GET', '/strict?m=5')
    assert answer.status_int == 400
    assert "'m'" in answer.json['badRequest']['message']
    assert caller('GET', '/loose?m=5&n=1').json == {'query': {'n': '1'}}
    image = caller_of(Application('image', [resource]), context_of())
    assert image('GET', '/loose?m=5').json == {'query': {'m': '5'}}


def test_keys_beside_the_member(context_of, caller_of):
    from common.api import POST, Obj

    def create(call):
        return {'hints': call.beside}

    route = POST('/xs', create, policy=Rule('test:x', READER), beside={'os:hints': Obj})
    caller = caller_of(
        Application('compute', [Resource('xs', 'x', fields=[Field('id', Str, READ_ONLY), Field('n', Str)], routes=[route])]), context_of()
    )
    assert caller('POST', '/xs', {'x': {}, 'os:hints': {'group': 'g'}}).json == {'x': {'hints': {'os:hints': {'group': 'g'}}}}
    assert caller('POST', '/xs', {'x': {}, 'os:hints': 5}).status_int == 400
    assert caller('POST', '/xs', {'x': {}, 'other': 5}).status_int == 400
