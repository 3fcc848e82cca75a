"""Networks and subnets, as their users see them."""

from __future__ import annotations

import pytest


def test_a_network_and_its_subnet(demo):
    network = demo.make('network', name='web', description='front')
    assert (network['name'], network['description'], network['status'], network['admin_state_up']) == ('web', 'front', 'ACTIVE', True)
    assert (network['shared'], network['router:external'], network['mtu'], network['subnets']) == (False, False, 1450, [])
    assert network['project_id'] == network['tenant_id'] == demo.project_id
    assert network['revision_number'] == 1
    assert network['created_at'].endswith('Z')
    assert 'provider:network_type' not in network
    subnet = demo.make('subnet', network_id=network['id'], cidr='10.1.0.0/24', ip_version=4, name='s')
    assert subnet['gateway_ip'] == '10.1.0.1'
    assert subnet['allocation_pools'] == [{'start': '10.1.0.2', 'end': '10.1.0.254'}]
    assert (subnet['enable_dhcp'], subnet['dns_nameservers'], subnet['host_routes']) == (True, [], [])
    assert demo.ok('GET', f'networks/{network["id"]}')['network']['subnets'] == [subnet['id']]
    demo.ok('DELETE', f'networks/{network["id"]}')
    assert demo.error('GET', f'networks/{network["id"]}') == (404, 'NetworkNotFound')
    assert demo.error('GET', f'subnets/{subnet["id"]}') == (404, 'SubnetNotFound')


def test_an_administrator_sees_and_chooses_the_segment(admin):
    network = admin.make('network', **{'provider:network_type': 'vxlan', 'provider:segmentation_id': 4711})
    assert network['provider:network_type'] == 'vxlan'
    assert network['provider:segmentation_id'] == 4711
    again = {'network': {'provider:network_type': 'vxlan', 'provider:segmentation_id': 4711}}
    assert admin.error('POST', 'networks', again) == (409, 'TunnelIdInUse')
    flat = admin.make('network', **{'provider:network_type': 'flat', 'provider:physical_network': 'public', 'router:external': True})
    assert (flat['mtu'], flat['router:external']) == (1500, True)
    again = {'network': {'provider:network_type': 'flat', 'provider:physical_network': 'public'}}
    assert admin.error('POST', 'networks', again) == (409, 'FlatNetworkInUse')
    for made in (network, flat):
        admin.ok('DELETE', f'networks/{made["id"]}')


@pytest.mark.parametrize(
    'field', [{'provider:network_type': 'flat'}, {'shared': True}, {'router:external': True}, {'project_id': 'f' * 32}]
)
def test_what_only_an_administrator_says(demo, field):
    assert demo.error('POST', 'networks', {'network': field}) == (403, 'PolicyNotAuthorized')


def test_a_shared_network_is_seen_by_all_and_changed_by_none(admin, demo, other):
    network, subnet = admin.network('10.2.0.0/24', shared=True)
    for client in (demo, other):
        assert client.ok('GET', f'networks/{network["id"]}')['network']['name'] == network['name']
        assert client.ok('GET', f'subnets/{subnet["id"]}')['subnet']['cidr'] == '10.2.0.0/24'
        assert network['id'] in {found['id'] for found in client.ok('GET', 'networks')['networks']}
        assert subnet['id'] in {found['id'] for found in client.ok('GET', 'subnets')['subnets']}
        assert client.error('PUT', f'networks/{network["id"]}', {'network': {'name': 'mine'}}) == (403, 'PolicyNotAuthorized')
        assert client.error('DELETE', f'networks/{network["id"]}') == (403, 'PolicyNotAuthorized')
    port = demo.make('port', network_id=network['id'])
    assert admin.error('PUT', f'networks/{network["id"]}', {'network': {'shared': False}}) == (409, 'InvalidSharedSetting')
    demo.ok('DELETE', f'ports/{port["id"]}')
    admin.ok('PUT', f'networks/{network["id"]}', {'network': {'shared': False}})
    assert demo.error('GET', f'networks/{network["id"]}') == (404, 'NetworkNotFound')
    admin.ok('DELETE', f'networks/{network["id"]}')


def test_a_network_in_use_stays(demo):
    network, subnet = demo.network('10.3.0.0/24')
    port = demo.make('port', network_id=network['id'])
    assert demo.error('DELETE', f'networks/{network["id"]}') == (409, 'NetworkInUse')
    assert demo.error('DELETE', f'subnets/{subnet["id"]}') == (409, 'SubnetInUse')
    assert 'in use on the network: 1 of no device' in demo('DELETE', f'networks/{network["id"]}').json()['NeutronError']['message']
    assert f'port {port["id"]} (no device)' in demo('DELETE', f'subnets/{subnet["id"]}').json()['NeutronError']['message']
    demo.ok('DELETE', f'ports/{port["id"]}')
    demo.ok('DELETE', f'subnets/{subnet["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_changes_and_revisions(demo):
    network, subnet = demo.network('10.4.0.0/24')
    path = f'networks/{network["id"]}'
    changed = demo.ok('PUT', path, {'network': {'name': 'n2', 'admin_state_up': False}})['network']
    assert (changed['name'], changed['admin_state_up'], changed['revision_number']) == ('n2', False, 2)
    assert demo.ok('PUT', path, {'network': {'name': 'n2'}})['network']['revision_number'] == 2
    stale = demo.error('PUT', path, {'network': {'name': 'n3'}}, If_Match='revision_number=1')
    assert stale == (412, 'RevisionNumberConstraintFailed')
    assert demo.ok('PUT', path, {'network': {'name': 'n3'}}, If_Match='revision_number=2')['network']['name'] == 'n3'
    routes = [{'destination': '10.9.0.0/16', 'nexthop': '10.4.0.9'}]
    body = {'subnet': {'dns_nameservers': ['9.9.9.9'], 'host_routes': routes, 'gateway_ip': None, 'name': 's2'}}
    changed = demo.ok('PUT', f'subnets/{subnet["id"]}', body)['subnet']
    assert (changed['dns_nameservers'], changed['host_routes'], changed['gateway_ip']) == (['9.9.9.9'], routes, None)
    changed = demo.ok('PUT', f'subnets/{subnet["id"]}', {'subnet': {'host_routes': [], 'dns_nameservers': []}})['subnet']
    assert (changed['dns_nameservers'], changed['host_routes']) == ([], [])
    demo.ok('DELETE', path)


BAD_SUBNETS = {
    'overlaps with another': ({'cidr': '10.5.0.128/25'}, 400, 'InvalidInput'),
    'of the other family': ({'cidr': '10.6.0.0/24', 'ip_version': 6}, 400, 'InvalidInput'),
    'not a network': ({'cidr': 'ten'}, 400, 'HTTPBadRequest'),
    'everything': ({'cidr': '0.0.0.0/0'}, 400, 'InvalidInput'),
    'gateway of the other family': ({'cidr': '10.6.0.0/24', 'gateway_ip': 'fd00::1'}, 400, 'InvalidInput'),
    'gateway is broadcast': ({'cidr': '10.6.0.0/24', 'gateway_ip': '10.6.0.255'}, 400, 'InvalidInput'),
    'gateway in pool': (
        {'cidr': '10.6.0.0/24', 'gateway_ip': '10.6.0.9', 'allocation_pools': [{'start': '10.6.0.5', 'end': '10.6.0.10'}]},
        409,
        'GatewayConflictWithAllocationPools',
    ),
    'pool outside': (
        {'cidr': '10.6.0.0/24', 'allocation_pools': [{'start': '10.7.0.5', 'end': '10.7.0.10'}]},
        409,
        'OutOfBoundsAllocationPool',
    ),
    'pool backwards': (
        {'cidr': '10.6.0.0/24', 'allocation_pools': [{'start': '10.6.0.9', 'end': '10.6.0.5'}]},
        400,
        'InvalidAllocationPool',
    ),
    'pools overlap': (
        {'cidr': '10.6.0.0/24', 'allocation_pools': [{'start': '10.6.0.5', 'end': '10.6.0.9'}, {'start': '10.6.0.9', 'end': '10.6.0.20'}]},
        409,
        'OverlappingAllocationPools',
    ),
    'modes on IPv4': ({'cidr': '10.6.0.0/24', 'ipv6_ra_mode': 'slaac'}, 400, 'InvalidInput'),
    'modes differ': (
        {'cidr': 'fd00:6::/64', 'ip_version': 6, 'ipv6_ra_mode': 'slaac', 'ipv6_address_mode': 'dhcpv6-stateful'},
        400,
        'InvalidInput',
    ),
    'slaac on a small network': ({'cidr': 'fd00:6::/96', 'ip_version': 6, 'ipv6_address_mode': 'slaac'}, 400, 'InvalidInput'),
    'too many name servers': (
        {'cidr': '10.6.0.0/24', 'dns_nameservers': [f'10.6.0.{n}' for n in range(1, 8)]},
        400,
        'DNSNameServersExhausted',
    ),
    'route of the other family': (
        {'cidr': '10.6.0.0/24', 'host_routes': [{'destination': 'fd00::/64', 'nexthop': 'fd00::1'}]},
        400,
        'InvalidInput',
    ),
    'unknown field': ({'cidr': '10.6.0.0/24', 'colour': 'blue'}, 400, 'HTTPBadRequest'),
    'no network': ({'cidr': '10.6.0.0/24', 'network_id': '11111111-2222-4333-8444-555555555555'}, 404, 'NetworkNotFound'),
}


@pytest.fixture(scope='module')
def crowded(demo):
    network, _ = demo.network('10.5.0.0/24')
    return network


@pytest.mark.parametrize('case', BAD_SUBNETS)
def test_subnets_that_cannot_be(demo, crowded, case):
    values, status, kind = BAD_SUBNETS[case]
    before = demo.ok('GET', f'subnets?network_id={crowded["id"]}')['subnets']
    body = {'subnet': {'network_id': crowded['id'], 'ip_version': 4, **values}}
    assert demo.error('POST', 'subnets', body) == (status, kind)
    assert demo.ok('GET', f'subnets?network_id={crowded["id"]}')['subnets'] == before


def test_small_and_large_subnets(demo):
    network = demo.make('network')
    for cidr, gateway, pools in (
        ('10.8.0.0/31', '10.8.0.0', [('10.8.0.1', '10.8.0.1')]),
        ('10.8.0.4/30', '10.8.0.5', [('10.8.0.6', '10.8.0.6')]),
        ('fd08::/64', 'fd08::1', [('fd08::2', 'fd08::ffff:ffff:ffff:ffff')]),
    ):
        subnet = demo.make('subnet', network_id=network['id'], cidr=cidr, ip_version=6 if ':' in cidr else 4)
        assert subnet['gateway_ip'] == gateway
        assert [(pool['start'], pool['end']) for pool in subnet['allocation_pools']] == pools
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_host_bits_of_a_cidr_are_cut_off(demo):
    network, subnet = demo.network('10.12.0.77/24')
    assert subnet['cidr'] == '10.12.0.0/24'
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_many_at_once_are_all_or_none(demo):
    made = demo.ok('POST', 'networks', {'networks': [{'name': 'bulk1'}, {'name': 'bulk2'}]})['networks']
    assert [network['name'] for network in made] == ['bulk1', 'bulk2']
    subnets = [{'network_id': made[0]['id'], 'cidr': cidr, 'ip_version': 4} for cidr in ('10.13.0.0/24', '10.13.0.0/25')]
    assert demo.error('POST', 'subnets', {'subnets': subnets}) == (400, 'InvalidInput')
    assert demo.ok('GET', f'subnets?network_id={made[0]["id"]}')['subnets'] == []
    for network in made:
        demo.ok('DELETE', f'networks/{network["id"]}')


def test_filters_fields_order_and_pages(other):
    made = [other.make('network', name=f'page{n}') for n in range(5)]
    names = [network['name'] for network in other.ok('GET', 'networks?name=page1&name=page3&sort_key=name&sort_dir=desc')['networks']]
    assert names == ['page3', 'page1']
    assert other.ok('GET', f'networks?id={made[0]["id"]}&fields=id&fields=name')['networks'] == [{'id': made[0]['id'], 'name': 'page0'}]
    assert other.ok('GET', 'networks?name=nobody')['networks'] == []
    seen, url = [], f'networks?tenant_id={other.project_id}&sort_key=name&sort_dir=asc&limit=2'
    while url:
        page = other.ok('GET', url)
        assert len(page['networks']) <= 2
        seen += [network['name'] for network in page['networks']]
        following = [link['href'] for link in page.get('networks_links', ()) if link['rel'] == 'next']
        url = following[0].partition('/v2.0/')[2] if following else ''
    assert seen == [f'page{n}' for n in range(5)]
    assert other.error('GET', 'networks?limit=2&marker=11111111-2222-4333-8444-555555555555')[0] == 400
    for network in made:
        other.ok('DELETE', f'networks/{network["id"]}')


def test_a_quota_is_counted(admin, other):
    have = len(other.ok('GET', f'networks?project_id={other.project_id}')['networks'])
    admin.ok('PUT', f'quotas/{other.project_id}', {'quota': {'network': have + 1}})
    network = other.make('network')
    assert other.error('POST', 'networks', {'network': {}}) == (409, 'OverQuota')
    other.ok('DELETE', f'networks/{network["id"]}')
    network = other.make('network')
    other.ok('DELETE', f'networks/{network["id"]}')
    admin.ok('DELETE', f'quotas/{other.project_id}')


def test_a_reader_only_reads(cloud, demo):
    reader = cloud.client('reader')
    network, _ = demo.network('10.14.0.0/24')
    assert reader.ok('GET', f'networks/{network["id"]}')['network']['id'] == network['id']
    assert reader.error('POST', 'networks', {'network': {}}) == (403, 'PolicyNotAuthorized')
    assert reader.error('PUT', f'networks/{network["id"]}', {'network': {'name': 'x'}}) == (403, 'PolicyNotAuthorized')
    assert reader.error('DELETE', f'networks/{network["id"]}') == (403, 'PolicyNotAuthorized')
    demo.ok('DELETE', f'networks/{network["id"]}')
