"""Many at once: no segment and no floating address is given out twice, and who gets none is told so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from common.db import migrate
from tests.databases import CHOSEN

DATABASES = CHOSEN
OPTIONS = {'vlan_ranges': ['phys:100:107'], 'quota_floatingip': 12}
VLAN = {'provider:network_type': 'vlan', 'provider:physical_network': 'phys'}


def at_once(count, request):
    """The answers of so many requests, made side by side."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(request, range(count)))


def kinds_of(answers):
    return sorted({(answer.status_code, answer.json()['NeutronError']['type']) for answer in answers if answer.status_code >= 400})


def test_the_tables_are_those_of_the_models(cloud):
    assert migrate.differences(cloud.service.db, 'network.db') == []


def test_segments_are_given_out_once(cloud):
    clients = [cloud.client('admin') for _ in range(16)]
    answers = at_once(16, lambda n: clients[n]('POST', 'networks', {'network': {'name': f'race{n}', **VLAN}}))
    made = [answer.json()['network'] for answer in answers if answer.status_code == 201]
    assert sorted(network['provider:segmentation_id'] for network in made) == list(range(100, 108))
    assert kinds_of(answers) == [(409, 'NoNetworkAvailable')]
    admin = clients[0]
    for network in made:
        admin.ok('DELETE', f'networks/{network["id"]}')
    again = admin.make('network', **VLAN)
    assert again['provider:segmentation_id'] in range(100, 108)
    admin.ok('DELETE', f'networks/{again["id"]}')


def test_floating_addresses_are_given_out_once_and_quotas_hold(cloud, admin):
    network = admin.make('network', **{'router:external': True})
    pools = [{'start': '203.0.113.10', 'end': '203.0.113.19'}]
    admin.make('subnet', network_id=network['id'], cidr='203.0.113.0/24', ip_version=4, allocation_pools=pools)
    clients = [cloud.client(user) for user in ('demo', 'other') for _ in range(10)]
    body = {'floatingip': {'floating_network_id': network['id']}}
    answers = at_once(20, lambda n: clients[n]('POST', 'floatingips', body))
    made = [answer.json()['floatingip'] for answer in answers if answer.status_code == 201]
    assert sorted(floating['floating_ip_address'] for floating in made) == [f'203.0.113.{n}' for n in range(10, 20)]
    assert kinds_of(answers) == [(409, 'IpAddressGenerationFailure')]
    for floating in made:
        admin.ok('DELETE', f'floatingips/{floating["id"]}')
    admin.make('subnet', network_id=network['id'], cidr='198.51.100.0/24', ip_version=4)
    answers = at_once(16, lambda n: clients[n % 10]('POST', 'floatingips', body))
    made = [answer.json()['floatingip'] for answer in answers if answer.status_code == 201]
    assert len(made) == 12
    assert kinds_of(answers) == [(409, 'OverQuota')]
    for floating in made:
        admin.ok('DELETE', f'floatingips/{floating["id"]}')
    admin.ok('DELETE', f'networks/{network["id"]}')


def test_two_routers_do_not_get_one_gateway_address(cloud, demo):
    network, subnet = demo.network('10.40.0.0/24')
    routers = [demo.make('router') for _ in range(6)]
    clients = [cloud.client('demo') for _ in routers]
    answers = at_once(6, lambda n: clients[n]('PUT', f'routers/{routers[n]["id"]}/add_router_interface', {'subnet_id': subnet['id']}))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert kinds_of(answers) == [(409, 'IpAddressInUse')]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    demo.ok('PUT', f'routers/{routers[winner]["id"]}/remove_router_interface', {'subnet_id': subnet['id']})
    for router in routers:
        demo.ok('DELETE', f'routers/{router["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_a_network_and_ports_on_it_race(cloud, demo):
    for _ in range(3):
        network, _ = demo.network('10.41.0.0/24')
        clients = [cloud.client('demo') for _ in range(8)]

        def request(n, network=network, clients=clients):
            if n == 4:
                return clients[n]('DELETE', f'networks/{network["id"]}')
            return clients[n]('POST', 'ports', {'port': {'network_id': network['id']}})

        answers = at_once(8, request)
        deleted = answers[4].status_code == 204
        made = [answer for n, answer in enumerate(answers) if n != 4 and answer.status_code == 201]
        if deleted:
            assert made == []
            assert demo.error('GET', f'networks/{network["id"]}') == (404, 'NetworkNotFound')
            continue
        assert kinds_of(answers) == [(409, 'NetworkInUse')]
        assert len(made) == 7
        for answer in made:
            demo.ok('DELETE', f'ports/{answer.json()["port"]["id"]}')
        demo.ok('DELETE', f'networks/{network["id"]}')
