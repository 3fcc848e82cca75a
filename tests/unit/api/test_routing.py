"""The tree over path segments finds what the Routes mapper would."""

from __future__ import annotations

import itertools

import pytest

from common.api import DELETE, GET, POST, Resource, Rule
from common.api.routing import Router, path_of
from common.errors import InvalidInput, MethodNotAllowed, RouteNotFound

RULE = Rule('test:x', '@')
TEMPLATES = ['/', '/v2.1', '/v2.1/{project}/servers', '/v2.1/{project}/servers/detail', '/v2.1/{project}/servers/{id}', '/v2.1/{project}/servers/{id}/ips/{label}', '/v2.1/flavors/{id}']  # fmt: skip


def handler(call):
    return None


@pytest.fixture
def router():
    routes = [GET(path, handler, policy=RULE) for path in TEMPLATES]
    routes += [DELETE('/v2.1/{project}/servers/{id}', handler, policy=RULE), POST('/v2.1/{project}/servers', handler, policy=RULE)]
    routes += [GET('/latest/{rest:.*}', handler, policy=RULE)]
    return Router([Resource('things', routes=routes)])


def test_the_tree_and_the_mapper_agree(router):
    words = ['v2.1', 'p1', 'servers', 'detail', 'flavors', 'ips', 'x']
    for length in range(1, 5):
        for segments in itertools.product(words, repeat=length):
            path = '/' + '/'.join(segments)
            for method in ('GET', 'DELETE', 'POST'):
                from_mapper = router.mapper.match(path, {'REQUEST_METHOD': method}) is not None
                try:
                    router.match(method, path, None)
                    found = True
                except (RouteNotFound, MethodNotAllowed):
                    found = False
                assert found == from_mapper, (method, path)


@pytest.mark.parametrize(
    ('path', 'template', 'params'),
    [
        ('/', '/', {}),
        ('/v2.1/', '/v2.1', {}),
        ('/v2.1/servers/detail', '/v2.1/{project}/servers/detail', {}),
        ('/v2.1/servers/5/', '/v2.1/{project}/servers/{id}', {'id': '5'}),
        ('/v2.1/p/servers/5', '/v2.1/{project}/servers/{id}', {'project': 'p', 'id': '5'}),
        ('/v2.1/p/servers/detail', '/v2.1/{project}/servers/detail', {'project': 'p'}),
        ('/v2.1/servers/5/ips/net one', '/v2.1/{project}/servers/{id}/ips/{label}', {'id': '5', 'label': 'net one'}),
        ('/latest/a/b/c', '/latest/{rest:.*}', {'rest': 'a/b/c'}),
    ],
)
def test_parameters(router, path, template, params):
    bound, found = router.match('GET', path, None)
    assert bound.route.path == template
    assert found == params


def test_wrong_methods_are_told_from_wrong_paths(router):
    with pytest.raises(MethodNotAllowed) as caught:
        router.match('PUT', '/v2.1/servers/5', None)
    assert caught.value.headers == {'Allow': 'DELETE, GET, HEAD'}
    for path in ('/v2.1/nothing', '/v2.1//servers', '/v2.1/servers//ips/x', '/v2.1/servers/5/6'):
        with pytest.raises(RouteNotFound):
            router.match('GET', path, None)


def test_a_parameter_must_be_a_whole_segment():
    with pytest.raises(ValueError, match='whole segment'):
        Router([Resource('x', routes=[GET('/x/{id}.json', handler, policy=RULE)])])


def test_paths_are_utf8():
    assert path_of({'PATH_INFO': '/é'.encode().decode('latin-1')}) == '/é'
    for bad in ('/\xff', '/a\0b', '/' + 'a' * 5000):
        with pytest.raises(InvalidInput):
            path_of({'PATH_INFO': bad})


def test_an_empty_id_is_the_list_unless_the_service_says_otherwise():
    routes = [GET('/v2/things', handler, policy=RULE), GET('/v2/things/{id}', handler, policy=RULE)]
    assert Router([Resource('things', routes=routes)]).match('GET', '/v2/things/', None)[0].route.path == '/v2/things'
    strict = Router([Resource('things', routes=routes)], empty_id_is_unknown=True)
    assert strict.match('GET', '/v2/things', None)
    with pytest.raises(RouteNotFound):
        strict.match('GET', '/v2/things/', None)
