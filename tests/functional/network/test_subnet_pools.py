"""Subnet pools, and subnets that are cut from them."""

from __future__ import annotations

import collections
import concurrent.futures
import ipaddress

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN


@pytest.fixture
def pool(demo):
    return demo.make('subnetpool', name='p', prefixes=['10.80.0.0/17', '10.80.128.0/17'], default_prefixlen=24)


def cut(client, pool, **values):
    network = client.make('network')
    return client.make('subnet', network_id=network['id'], subnetpool_id=pool['id'], ip_version=4, **values)


def refusal(client, pool, **values):
    network = client.make('network')
    return client.error('POST', 'subnets', {'subnet': {'network_id': network['id'], 'subnetpool_id': pool['id'], **values}})


def test_prefixes_are_merged_and_bounds_filled_in(pool):
    assert pool['prefixes'] == ['10.80.0.0/16'] and pool['ip_version'] == 4
    assert (pool['min_prefixlen'], pool['default_prefixlen'], pool['max_prefixlen']) == (8, 24, 32)


def test_subnets_are_cut_one_after_the_other(demo, pool):
    first, second, small = cut(demo, pool), cut(demo, pool), cut(demo, pool, prefixlen=28)
    assert [one['cidr'] for one in (first, second, small)] == ['10.80.0.0/24', '10.80.1.0/24', '10.80.2.0/28']
    assert first['subnetpool_id'] == pool['id'] and first['gateway_ip'] == '10.80.0.1'
    assert cut(demo, pool)['cidr'] == '10.80.3.0/24'
    assert cut(demo, pool, cidr='10.80.9.0/26')['cidr'] == '10.80.9.0/26'
    assert refusal(demo, pool, cidr='10.80.9.32/27') == (409, 'SubnetAllocationError')
    assert refusal(demo, pool, cidr='10.99.0.0/24') == (409, 'SubnetAllocationError')
    assert {s['id'] for s in demo.ok('GET', f'subnets?subnetpool_id={pool["id"]}')['subnets']} >= {first['id'], small['id']}


def test_what_is_deleted_is_cut_again(demo, pool):
    subnet = cut(demo, pool)
    assert demo.error('DELETE', f'subnetpools/{pool["id"]}') == (409, 'SubnetPoolDeleteError')
    demo.ok('DELETE', f'subnets/{subnet["id"]}')
    again = cut(demo, pool)
    assert again['cidr'] == subnet['cidr']
    demo.ok('DELETE', f'subnets/{again["id"]}')
    demo.ok('DELETE', f'subnetpools/{pool["id"]}')
    assert demo.error('GET', f'subnetpools/{pool["id"]}') == (404, 'SubnetPoolNotFound')


def test_bounds_quota_and_affinity(demo):
    pool = demo.make('subnetpool', prefixes=['10.81.0.0/24'], min_prefixlen=25, max_prefixlen=28, default_prefixlen=26, default_quota=128)
    assert refusal(demo, pool, prefixlen=24) == (400, 'MinPrefixSubnetAllocationError')
    assert refusal(demo, pool, prefixlen=30) == (400, 'MaxPrefixSubnetAllocationError')
    assert refusal(demo, pool, ip_version=6)[0] == 400
    cut(demo, pool), cut(demo, pool)
    assert refusal(demo, pool) == (409, 'SubnetPoolQuotaExceeded')
    demo.ok('PUT', f'subnetpools/{pool["id"]}', {'subnetpool': {'default_quota': None}})
    cut(demo, pool), cut(demo, pool)
    assert refusal(demo, pool) == (409, 'SubnetAllocationError')
    network, _ = demo.network('10.82.0.0/24')
    mixed = {'subnet': {'network_id': network['id'], 'subnetpool_id': pool['id']}}
    assert demo.error('POST', 'subnets', mixed) == (400, 'NetworkSubnetPoolAffinityError')


def test_changing_a_pool(demo, pool):
    path = f'subnetpools/{pool["id"]}'
    changed = demo.ok('PUT', path, {'subnetpool': {'name': 'q', 'prefixes': ['10.80.0.0/15'], 'default_prefixlen': 25}})['subnetpool']
    assert (changed['name'], changed['prefixes'], changed['default_prefixlen']) == ('q', ['10.80.0.0/15'], 25)
    assert demo.error('PUT', path, {'subnetpool': {'prefixes': ['10.80.0.0/24']}}) == (400, 'IllegalSubnetPoolPrefixUpdate')
    assert demo.error('PUT', path, {'subnetpool': {'default_prefixlen': 5}}) == (400, 'IllegalSubnetPoolPrefixBounds')
    assert demo.error('POST', 'subnetpools', {'subnetpool': {'prefixes': ['10.0.0.0/8', 'fd00::/48']}}) == (400, 'PrefixVersionMismatch')
    assert demo.error('POST', 'subnetpools', {'subnetpool': {'prefixes': []}}) == (400, 'SubnetPoolMissingPrefixes')


def test_shared_and_default_pools(admin, demo, other, pool):
    assert other.error('GET', f'subnetpools/{pool["id"]}')[0] == 404
    assert refusal(other, pool) == (404, 'SubnetPoolNotFound')
    assert demo.error('POST', 'subnetpools', {'subnetpool': {'prefixes': ['10.0.0.0/8'], 'shared': True}})[0] == 403
    common = admin.make('subnetpool', name='common', prefixes=['fd42::/48'], default_prefixlen=64, shared=True, is_default=True)
    network = other.make('network')
    subnet = other.make('subnet', network_id=network['id'], ip_version=6, use_default_subnetpool=True)
    assert subnet['subnetpool_id'] == common['id'] and subnet['cidr'] == 'fd42::/64'
    assert other.error('PUT', f'subnetpools/{common["id"]}', {'subnetpool': {'name': 'x'}})[0] == 403
    second = {'subnetpool': {'prefixes': ['fd43::/48'], 'is_default': True}}
    assert admin.error('POST', 'subnetpools', second)[0] == 400
    nothing = {'subnet': {'network_id': network['id'], 'ip_version': 4}}
    assert other.error('POST', 'subnets', nothing) == (400, 'BadRequest')


def test_nothing_is_cut_twice(cloud, admin, demo):
    admin.ok('PUT', f'quotas/{demo.project_id}', {'quota': {'network': -1, 'subnet': -1}})
    pool = demo.make('subnetpool', prefixes=['10.90.0.0/24'], default_prefixlen=28)
    networks = [demo.make('network')['id'] for _ in range(24)]
    clients = [cloud.client('demo') for _ in range(8)]

    def ask(n):
        return clients[n % 8]('POST', 'subnets', {'subnet': {'network_id': networks[n], 'subnetpool_id': pool['id']}})

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(24)))
    assert collections.Counter(answer.status_code for answer in answers) == {201: 16, 409: 8}
    made = [ipaddress.ip_network(answer.json()['subnet']['cidr']) for answer in answers if answer.status_code == 201]
    assert len(list(ipaddress.collapse_addresses(made))) == 1 and len(set(made)) == 16
