"""Limit, marker, order; and links in each service's style."""

from __future__ import annotations

import pytest

from common.api import GET, Application, Field, Reply, Resource, Rule, Str
from common.policy import READER

ROWS = [{'id': str(i)} for i in range(5)]


def build(service, caller_of, context_of, **rest):
    def listing(call):
        page = call.paging('name:desc,id', **rest)
        described = {'limit': page.limit, 'marker': page.marker, 'sort': page.sort, 'reverse': page.reverse, 'offset': page.offset}
        rows = ROWS[: page.limit]
        return Reply(rows, extra={**call.page_links(rows, page), 'page': described})

    resource = Resource(
        'things',
        'thing',
        fields=[Field('id', Str)],
        sort=['id', 'name'],
        routes=[GET('/v2/things', listing, policy=Rule('test:x', READER))],
    )
    return caller_of(Application(service, [resource], public_url='http://public'), context_of())


@pytest.mark.parametrize(
    ('query', 'wanted'),
    [
        ('', {'limit': 1000, 'marker': None, 'sort': [['name', 'desc'], ['id', 'asc']], 'reverse': False, 'offset': 0}),
        ('limit=2&marker=7', {'limit': 2, 'marker': '7'}),
        ('limit=0', {'limit': 0}),
        ('limit=5000', {'limit': 1000}),
        ('limit=', {'limit': 1000}),
        ('offset=3', {'offset': 3}),
        ('sort_key=id', {'sort': [['id', 'desc']]}),
        ('sort_key=id&sort_dir=ASC', {'sort': [['id', 'asc']]}),
        ('sort_key=id&sort_key=name&sort_dir=asc', {'sort': [['id', 'asc'], ['name', 'asc']]}),
        ('sort_dir=asc', {'sort': [['name', 'asc'], ['id', 'asc']]}),
        ('sort=name:asc,id', {'sort': [['name', 'asc'], ['id', 'desc']]}),
    ],
)
def test_pages(caller_of, context_of, query, wanted):
    page = build('compute', caller_of, context_of)('GET', f'/v2/things?{query}').json['page']
    assert {name: page[name] for name in wanted} == wanted


def test_network_takes_limit_0_for_no_limit(caller_of, context_of):
    assert build('network', caller_of, context_of)('GET', '/v2/things?limit=0').json['page']['limit'] is None
    assert build('network', caller_of, context_of)('GET', '/v2/things').json['page']['limit'] is None


def test_more_directions_than_keys_are_refused(caller_of, context_of):
    assert build('compute', caller_of, context_of)('GET', '/v2/things?sort_key=id&sort_dir=asc&sort_dir=asc').status_int == 400


def test_compute_links(caller_of, context_of):
    caller = build('compute', caller_of, context_of)
    assert caller('GET', '/v2/things?limit=2&name=a%26b&marker=x').json['things_links'] == [
        {'rel': 'next', 'href': 'http://public/v2/things?limit=2&name=a%26b&marker=1'}
    ]
    assert 'things_links' not in caller('GET', '/v2/things').json
    assert 'things_links' not in caller('GET', '/v2/things?limit=0').json


def test_network_links_lead_both_ways(caller_of, context_of):
    caller = build('network', caller_of, context_of)
    links = caller('GET', '/v2/things?limit=2&marker=9').json['things_links']
    assert {link['rel']: link['href'] for link in links} == {
        'next': 'http://public/v2/things?limit=2&marker=1',
        'previous': 'http://public/v2/things?limit=2&marker=0&page_reverse=True',
    }
    links = caller('GET', '/v2/things?limit=9&marker=9&page_reverse=True').json['things_links']
    assert [link['rel'] for link in links] == ['next']


def test_image_links_are_paths(caller_of, context_of):
    body = build('image', caller_of, context_of)('GET', '/v2/things?limit=2&marker=x').json
    assert body['first'] == '/v2/things?limit=2'
    assert body['next'] == '/v2/things?limit=2&marker=1'
    assert 'next' not in build('image', caller_of, context_of)('GET', '/v2/things').json


def test_identity_lists_always_have_links(caller_of, context_of):
    body = build('identity', caller_of, context_of)('GET', '/v2/things?limit=2').json
    assert body['links'] == {
        'next': 'http://public/v2/things?limit=2&marker=1',
        'self': 'http://public/v2/things?limit=2',
        'previous': None,
    }
