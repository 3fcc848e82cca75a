"""Routers, their interfaces and gateways, and floating IPs."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN

NOBODY = '11111111-2222-4333-8444-555555555555'


@pytest.fixture(scope='module')
def public(admin):
    """An external network with ten addresses to give out."""
    network = admin.make('network', name='public', **{'router:external': True})
    pools = [{'start': '203.0.113.10', 'end': '203.0.113.29'}]
    admin.make('subnet', network_id=network['id'], cidr='203.0.113.0/24', ip_version=4, enable_dhcp=False, allocation_pools=pools)
    return network


class Site:
    """A network behind a router."""

    def __init__(self, client, cidr, public=None):
        self.client = client
        self.network, self.subnet = client.network(cidr)
        gateway = {'external_gateway_info': {'network_id': public['id']}} if public else {}
        self.router = client.make('router', **gateway)
        self.interface = client.ok('PUT', f'routers/{self.router["id"]}/add_router_interface', {'subnet_id': self.subnet['id']})

    def remove(self):
        for port in self.client.ok('GET', f'ports?network_id={self.network["id"]}')['ports']:
            if not port['device_owner'].startswith('network:'):
                self.client.ok('DELETE', f'ports/{port["id"]}')
        path = f'routers/{self.router["id"]}'
        self.client.ok('PUT', path, {'router': {'routes': []}})
        self.client.ok('PUT', f'{path}/remove_router_interface', {'subnet_id': self.subnet['id']})
        self.client.ok('DELETE', path)
        self.client.ok('DELETE', f'networks/{self.network["id"]}')


@pytest.fixture
def site(demo, public):
    found = Site(demo, '10.20.0.0/24', public)
    yield found
    found.remove()


def test_a_router_with_an_interface(demo):
    site = Site(demo, '10.21.0.0/24')
    assert site.router['status'] == 'ACTIVE'
    assert (site.router['external_gateway_info'], site.router['routes'], site.router['ha']) == (None, [], False)
    assert site.interface['subnet_id'] == site.subnet['id']
    assert site.interface['id'] == site.router['id']
    port = demo.ok('GET', f'ports/{site.interface["port_id"]}')['port']
    assert port['fixed_ips'] == [{'subnet_id': site.subnet['id'], 'ip_address': '10.21.0.1'}]
    assert (port['device_owner'], port['device_id']) == ('network:router_interface', site.router['id'])
    assert demo.error('DELETE', f'ports/{port["id"]}') == (409, 'ServicePortInUse')
    assert demo.error('DELETE', f'routers/{site.router["id"]}') == (409, 'RouterInUse')
    assert demo.error('DELETE', f'subnets/{site.subnet["id"]}') == (409, 'SubnetInUse')
    assert demo.error('PUT', f'subnets/{site.subnet["id"]}', {'subnet': {'gateway_ip': '10.21.0.9'}}) in (
        (409, 'GatewayIpInUse'),
        (409, 'GatewayConflictWithAllocationPools'),
    )
    again = {'subnet_id': site.subnet['id']}
    assert demo.error('PUT', f'routers/{site.router["id"]}/add_router_interface', again) == (400, 'BadRequest')
    site.remove()
    assert demo.error('GET', f'ports/{port["id"]}') == (404, 'PortNotFound')


def test_an_interface_by_port(demo):
    site = Site(demo, '10.22.0.0/24')
    network, subnet = demo.network('10.23.0.0/24')
    port = demo.make('port', network_id=network['id'], fixed_ips=[{'ip_address': '10.23.0.77'}])
    path = f'routers/{site.router["id"]}'
    made = demo.ok('PUT', f'{path}/add_router_interface', {'port_id': port['id']})
    assert made['subnet_ids'] == [subnet['id']]
    assert demo.ok('GET', f'ports/{port["id"]}')['port']['device_owner'] == 'network:router_interface'
    assert demo.error('PUT', f'{path}/add_router_interface', {'port_id': port['id']})[0] == 409
    wrong = {'port_id': port['id'], 'subnet_id': site.subnet['id']}
    assert demo.error('PUT', f'{path}/remove_router_interface', wrong) == (409, 'SubnetMismatchForPort')
    demo.ok('PUT', f'{path}/remove_router_interface', {'port_id': port['id']})
    assert demo.error('PUT', f'{path}/remove_router_interface', {'port_id': port['id']}) == (404, 'RouterInterfaceNotFound')
    assert demo.error('PUT', f'{path}/remove_router_interface', {'subnet_id': subnet['id']}) == (404, 'RouterInterfaceNotFoundForSubnet')
    demo.ok('DELETE', f'networks/{network["id"]}')
    site.remove()


def test_interfaces_that_cannot_be(demo, other):
    site = Site(demo, '10.24.0.0/24')
    path = f'routers/{site.router["id"]}/add_router_interface'
    network, overlapping = demo.network('10.24.0.0/16')
    assert demo.error('PUT', path, {'subnet_id': overlapping['id']}) == (400, 'BadRequest')
    demo.ok('PUT', f'subnets/{overlapping["id"]}', {'subnet': {'gateway_ip': None}})
    assert demo.error('PUT', path, {'subnet_id': overlapping['id']}) == (400, 'BadRequest')
    foreign, theirs = other.network('10.25.0.0/24')
    assert demo.error('PUT', path, {'subnet_id': theirs['id']}) == (404, 'SubnetNotFound')
    assert demo.error('PUT', path, {}) == (400, 'BadRequest')
    assert demo.error('PUT', path, {'subnet_id': NOBODY}) == (404, 'SubnetNotFound')
    assert demo.error('PUT', path, {'subnet_id': theirs['id'], 'port_id': NOBODY}) == (400, 'BadRequest')
    other.ok('DELETE', f'networks/{foreign["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')
    site.remove()


def test_a_gateway(demo, admin, public, site):
    info = site.router['external_gateway_info']
    assert (info['network_id'], info['enable_snat']) == (public['id'], True)
    address = info['external_fixed_ips'][0]['ip_address']
    assert address.startswith('203.0.113.')
    port = admin.ok('GET', f'ports?device_id={site.router["id"]}&device_owner=network:router_gateway')['ports'][0]
    assert [fixed['ip_address'] for fixed in port['fixed_ips']] == [address]
    assert demo.error('GET', f'ports/{port["id"]}') == (404, 'PortNotFound')
    path = f'routers/{site.router["id"]}'
    assert admin.error('PUT', f'networks/{public["id"]}', {'network': {'router:external': False}}) == (409, 'ExternalNetworkInUse')
    cleared = demo.ok('PUT', path, {'router': {'external_gateway_info': {}}})['router']
    assert cleared['external_gateway_info'] is None
    chosen = {'network_id': public['id'], 'external_fixed_ips': [{'ip_address': '203.0.113.12'}], 'enable_snat': False}
    again = admin.ok('PUT', path, {'router': {'external_gateway_info': chosen}})['router']['external_gateway_info']
    assert [fixed['ip_address'] for fixed in again['external_fixed_ips']] == ['203.0.113.12']
    assert again['enable_snat'] is False
    inner = {'external_gateway_info': {'network_id': site.network['id']}}
    assert demo.error('PUT', path, {'router': inner}) == (400, 'BadRequest')
    assert demo.error('PUT', path, {'router': {'external_gateway_info': {'network_id': NOBODY}}}) == (404, 'NetworkNotFound')


def test_details_of_a_gateway_are_for_administrators(demo, public, site):
    path = f'routers/{site.router["id"]}'
    for info in ({'enable_snat': False}, {'external_fixed_ips': [{'ip_address': '203.0.113.15'}]}):
        body = {'router': {'external_gateway_info': {'network_id': public['id'], **info}}}
        assert demo.error('PUT', path, body) == (403, 'PolicyNotAuthorized')


def test_extra_routes(demo, site):
    path = f'routers/{site.router["id"]}'
    one = {'destination': '192.0.2.0/24', 'nexthop': '10.20.0.50'}
    two = {'destination': '198.51.100.0/24', 'nexthop': '10.20.0.51'}
    assert demo.ok('PUT', path, {'router': {'routes': [one]}})['router']['routes'] == [one]
    assert demo.ok('PUT', f'{path}/add_extraroutes', {'router': {'routes': [two]}})['router']['routes'] == [one, two]
    assert demo.ok('PUT', f'{path}/remove_extraroutes', {'router': {'routes': [one]}})['router']['routes'] == [two]
    for bad in ({**one, 'nexthop': '10.99.0.1'}, {**one, 'nexthop': '10.20.0.1'}, {**one, 'nexthop': 'fd00::1'}):
        assert demo.error('PUT', path, {'router': {'routes': [bad]}}) == (400, 'InvalidRoutes')
    assert demo.error('PUT', path, {'router': {'routes': [one, one]}}) == (400, 'InvalidRoutes')
    held = demo.error('PUT', f'{path}/remove_router_interface', {'subnet_id': site.subnet['id']})
    assert held == (409, 'RouterInterfaceInUseByRoute')


def test_a_floating_ip_comes_and_goes(demo, admin, public, site):
    port = demo.make('port', network_id=site.network['id'])
    floating = demo.make('floatingip', floating_network_id=public['id'])
    assert (floating['status'], floating['port_id'], floating['router_id']) == ('DOWN', None, None)
    path = f'floatingips/{floating["id"]}'
    led = demo.ok('PUT', path, {'floatingip': {'port_id': port['id']}})['floatingip']
    assert led['fixed_ip_address'] == port['fixed_ips'][0]['ip_address']
    assert (led['router_id'], led['status']) == (site.router['id'], 'ACTIVE')
    assert led['port_details']['mac_address'] == port['mac_address']
    assert demo.ok('GET', f'floatingips?port_id={port["id"]}')['floatingips'][0]['id'] == floating['id']
    router = f'routers/{site.router["id"]}'
    assert demo.error('PUT', router, {'router': {'external_gateway_info': {}}}) == (409, 'RouterExternalGatewayInUseByFloatingIp')
    held = demo.error('PUT', f'{router}/remove_router_interface', {'subnet_id': site.subnet['id']})
    assert held == (409, 'RouterInterfaceInUseByFloatingIP')
    assert demo.error('POST', 'floatingips', {'floatingip': {'floating_network_id': public['id'], 'port_id': port['id']}}) == (
        409,
        'FloatingIPPortAlreadyAssociated',
    )
    loose = demo.ok('PUT', path, {'floatingip': {'port_id': None}})['floatingip']
    assert (loose['port_id'], loose['fixed_ip_address'], loose['router_id'], loose['status']) == (None, None, None, 'DOWN')
    demo.ok('DELETE', path)
    assert demo.error('GET', path) == (404, 'FloatingIPNotFound')
    assert admin.ok('GET', f'ports?device_owner=network:floatingip&device_id={floating["id"]}')['ports'] == []


def test_a_floating_ip_moves_with_one_request_and_lets_go_of_a_deleted_port(demo, public, site):
    one, two = (demo.make('port', network_id=site.network['id']) for _ in range(2))
    floating = demo.make('floatingip', floating_network_id=public['id'], port_id=one['id'])
    path = f'floatingips/{floating["id"]}'
    assert demo.ok('PUT', path, {'floatingip': {'port_id': two['id']}})['floatingip']['port_id'] == two['id']
    demo.ok('DELETE', f'ports/{two["id"]}')
    assert demo.ok('GET', path)['floatingip']['port_id'] is None
    demo.ok('DELETE', path)


def test_floating_ips_that_cannot_be(demo, other, public, site):
    port = demo.make('port', network_id=site.network['id'], fixed_ips=[{'subnet_id': site.subnet['id']}, {'subnet_id': site.subnet['id']}])
    network, subnet = demo.network('10.26.0.0/24')
    unreached = demo.make('port', network_id=network['id'])
    base = {'floating_network_id': public['id']}
    cases = [
        ({'floating_network_id': site.network['id']}, 400, 'BadRequest'),
        ({'floating_network_id': NOBODY}, 404, 'NetworkNotFound'),
        ({**base, 'port_id': NOBODY}, 404, 'PortNotFound'),
        ({**base, 'port_id': unreached['id']}, 404, 'ExternalGatewayForFloatingIPNotFound'),
        ({**base, 'port_id': port['id']}, 400, 'BadRequest'),
        ({**base, 'port_id': port['id'], 'fixed_ip_address': '10.20.0.250'}, 400, 'BadRequest'),
        ({**base, 'fixed_ip_address': '10.20.0.250'}, 400, 'BadRequest'),
        ({**base, 'floating_ip_address': '203.0.113.20'}, 403, 'PolicyNotAuthorized'),
        ({}, 400, 'HTTPBadRequest'),
    ]
    before = demo.ok('GET', 'floatingips')['floatingips']
    for body, status, kind in cases:
        assert demo.error('POST', 'floatingips', {'floatingip': body}) == (status, kind), body
    assert demo.ok('GET', 'floatingips')['floatingips'] == before
    assert other.error('POST', 'floatingips', {'floatingip': {**base, 'port_id': port['id']}}) == (404, 'PortNotFound')
    second = port['fixed_ips'][1]['ip_address']
    floating = demo.make('floatingip', **base, port_id=port['id'], fixed_ip_address=second)
    assert floating['fixed_ip_address'] == second
    demo.ok('DELETE', f'floatingips/{floating["id"]}')
    demo.ok('DELETE', f'ports/{unreached["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_an_administrator_chooses_the_floating_address(admin, public):
    floating = admin.make('floatingip', floating_network_id=public['id'], floating_ip_address='203.0.113.25')
    assert floating['floating_ip_address'] == '203.0.113.25'
    again = {'floatingip': {'floating_network_id': public['id'], 'floating_ip_address': '203.0.113.25'}}
    assert admin.error('POST', 'floatingips', again) == (409, 'IpAddressInUse')
    admin.ok('DELETE', f'floatingips/{floating["id"]}')


def test_an_external_network_that_is_full_says_so(demo, admin):
    network = admin.make('network', **{'router:external': True})
    pools = [{'start': '198.51.100.10', 'end': '198.51.100.11'}]
    admin.make('subnet', network_id=network['id'], cidr='198.51.100.0/24', ip_version=4, enable_dhcp=False, allocation_pools=pools)
    made = [demo.make('floatingip', floating_network_id=network['id']) for _ in range(2)]
    assert {floating['floating_ip_address'] for floating in made} == {'198.51.100.10', '198.51.100.11'}
    body = {'floatingip': {'floating_network_id': network['id']}}
    assert demo.error('POST', 'floatingips', body) == (409, 'IpAddressGenerationFailure')
    # What leads nowhere goes with its network.
    admin.ok('DELETE', f'networks/{network["id"]}')
    assert [demo.error('GET', f'floatingips/{floating["id"]}')[0] for floating in made] == [404, 404]


def test_routers_of_another_project_do_not_exist(demo, other, site):
    path = f'routers/{site.router["id"]}'
    assert other.error('GET', path) == (404, 'RouterNotFound')
    assert other.error('PUT', path, {'router': {'name': 'x'}}) == (404, 'RouterNotFound')
    assert other.error('DELETE', path) == (404, 'RouterNotFound')
    assert other.error('PUT', f'{path}/remove_router_interface', {'subnet_id': site.subnet['id']}) == (404, 'RouterNotFound')
    assert other.ok('GET', 'routers')['routers'] == []
